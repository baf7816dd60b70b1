import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageRoot } from '../../base/package-files.ts';
import type { RuntimeEvent } from '../runtime.ts';
import { eventually } from '../testing/contract-pods.ts';
import { containerSpec, sandboxSpec } from '../testing/specs.ts';
import { cannotRun, startTestContainerd, type TestContainerd } from '../testing/test-containerd.ts';
import { importImages } from './images/import-images.ts';
import { ociArchive } from './images/oci-archive.ts';
import { placesOf } from './places.ts';
import { findCniPlugins, startTicks } from './machine.ts';
import { configToml } from './config.ts';
import { bundlesDir } from './sights.ts';
import { shimsOf as shimsSeen } from './sweep.ts';

const signal = AbortSignal.timeout(280_000);

describe('a private containerd', { skip: cannotRun }, () => {
  let machine: TestContainerd;
  before(async () => (machine = await startTestContainerd()));
  after(() => machine.end());

  const startPod = async (name: string, command: string[]) => {
    const { runtime, cgroupParent, logs } = machine;
    const pod = { namespace: 'default', name, uid: `uid-${name}` };
    const sandbox = await runtime.startSandbox(sandboxSpec(pod, { logDirectory: logs, cgroupParent }), signal);
    const image = (await runtime.imageStatus('localhost/busybox', signal))!;
    const id = await runtime.createContainer(sandbox, containerSpec(pod, name, { imageId: image.id, image: 'localhost/busybox', command }), signal);
    await runtime.startContainer(id, signal);
    return { pod, sandbox, id };
  };

  it('is started again when it is killed; containers live on, and what ended meanwhile is seen', async () => {
    const seen: RuntimeEvent[] = [];
    const leaving = new AbortController();
    const listening = (async () => {
      for await (const event of machine.runtime.events(leaving.signal)) seen.push(event);
    })();
    await eventually(() => seen.length > 0);
    const lives = await startPod('lives-on', ['sh', '-c', 'echo $$; exec sleep 1000']);
    const ends = await startPod('ends-meanwhile', ['sh', '-c', 'sleep 0.3; exit 4']);
    const [before] = (await machine.runtime.observe(lives.pod.uid, signal)).containers;
    const pid = machine.containerd.pid;
    const resyncs = seen.filter(({ type }) => type === 'resync').length;
    process.kill(pid, 'SIGKILL');

    await eventually(() => seen.filter(({ type }) => type === 'resync').length > resyncs);
    // It answers a moment before the one who started it has heard so.
    await eventually(() => machine.containerd.pid !== pid);
    const [afterwards] = (await machine.runtime.observe(lives.pod.uid, signal)).containers;
    assert.deepEqual(afterwards, before);
    const ended = await eventually(async () => (await machine.runtime.observe(ends.pod.uid, signal)).containers.find(({ state }) => state === 'exited'));
    assert.equal(ended.exitCode, 4);
    leaving.abort();
    await listening;
  });

  it('is adopted by the next process of ours, which does not start another', async () => {
    const pid = machine.containerd.pid;
    const next = await machine.start();
    assert.equal(next.pid, pid);
    await next.stop();
    await next.exited;
    await eventually(() => machine.containerd.pid !== pid);
  });

  it('answers `unavailable` to a call that its death cuts off', async () => {
    const pid = machine.containerd.pid;
    const { id } = await startPod('cut-off', ['sh', '-c', 'trap "" TERM; sleep 1000']);
    const stopping = machine.runtime.stopContainer(id, 60_000, signal);
    const refused = assert.rejects(stopping, { code: 'unavailable' });
    process.kill(pid, 'SIGKILL');
    await refused;
    await eventually(() => machine.containerd.pid !== pid);
  });

  it('imports the archives of docker and OCI, and the images can be listed and removed', async () => {
    const { bytes } = ociArchive([{ names: ['localhost/test/oci:2'], files: [{ type: 'file', path: 'x', mode: 0o644, content: Buffer.from('x') }], cmd: ['/x'] }]);
    const file = join(machine.directory, 'oci.tar');
    writeFileSync(file, bytes);
    assert.deepEqual(await importImages(machine.containerd.endpoint, file, signal), ['localhost/test/oci:2']);
    await eventually(() => machine.runtime.imageStatus('localhost/test/oci:2', signal));
    await machine.runtime.removeImage('localhost/test/oci:2', signal);
    await machine.runtime.removeImage('localhost/test/oci:2', signal);
    await eventually(async () => (await machine.runtime.imageStatus('localhost/test/oci:2', signal)) === undefined);
    await assert.rejects(importImages(machine.containerd.endpoint, join(machine.directory, 'none.tar'), signal), /none\.tar: no such file/);
    writeFileSync(file, 'not a tar');
    await assert.rejects(importImages(machine.containerd.endpoint, file, signal), { code: 'failed' });
  });

  it('finds the one whose parent was killed before it could write down which it is', async () => {
    const places = placesOf(join(machine.directory, 'containerd'));
    const { pid } = machine.containerd;
    rmSync(places.pidFile);
    writeFileSync(places.starting, '');
    const next = await machine.start();
    assert.equal(next.pid, pid);
    assert.ok(existsSync(places.pidFile) && !existsSync(places.starting));
    await next.stop();
    await eventually(() => machine.containerd.pid !== pid);
  });

  it('what its forerunner left unfinished goes when it is started again, and nothing else', async () => {
    const { pod } = await startPod('stays', ['sleep', '1000']);
    const places = placesOf(join(machine.directory, 'containerd'));
    const [bundles, networks] = [join(places.state, 'io.containerd.runtime.v2.task', 'k8s.io'), join(places.state, 'io.containerd.grpc.v1.cri', 'netns')];
    const ipam = join(machine.directory, 'ipam', readdirSync(join(machine.directory, 'ipam'))[0]!);
    const all = () => [bundles, networks, ipam].map((directory) => readdirSync(directory).filter((name) => name !== 'lock' && !name.startsWith('last_')).sort());
    const before = all();
    assert.ok(before.every((names) => names.length > 0));
    // As one leaves them that dies while it makes a sandbox.
    const id = 'feed'.repeat(16);
    mkdirSync(join(bundles, id, 'rootfs'), { recursive: true });
    writeFileSync(join(networks, 'cni-feed'), '');
    spawnSync('mount', ['--bind', '/proc/self/ns/net', join(networks, 'cni-feed')]);
    writeFileSync(join(ipam, '10.87.255.77'), `${id}\r\neth0`);
    const { pid } = machine.containerd;
    process.kill(pid, 'SIGKILL');
    await eventually(() => machine.containerd.pid !== pid);
    assert.deepEqual(all(), before);
    const { sandboxes, containers } = await machine.runtime.observe(pod.uid, signal);
    assert.ok(sandboxes[0]!.ready && containers[0]!.state === 'running');
  });

  it('what is left of a container in a sandbox that lives on goes, and the shim is found by the containers to come', async () => {
    const { pod, sandbox } = await startPod('shares', ['sleep', '1000']);
    const places = placesOf(join(machine.directory, 'containerd'));
    const bundles = bundlesDir(places);
    // As one leaves it that dies while it makes a container.
    const id = 'beef'.repeat(16);
    mkdirSync(join(bundles, id));
    const address = readFileSync(join(bundles, sandbox, 'address'), 'utf8');
    writeFileSync(join(bundles, id, 'address'), address);
    const next = await machine.start();
    await eventually(() => !existsSync(join(bundles, id)));
    assert.ok(existsSync(address.replace('unix://', '')));
    await next.stop();
    await eventually(() => machine.containerd.pid !== next.pid);
    const shims = shimsSeen(places).length;
    const { runtime } = machine;
    const image = (await runtime.imageStatus('localhost/busybox', signal))!;
    const more = await runtime.createContainer(sandbox, containerSpec(pod, 'more', { imageId: image.id, image: 'localhost/busybox', command: ['sleep', '1000'] }), signal);
    await runtime.startContainer(more, signal);
    assert.equal(shimsSeen(places).length, shims);
  });

  it('what calls of a killed process of ours have left goes when the next one adopts containerd, and comes to light late too', async () => {
    const places = placesOf(join(machine.directory, 'containerd'));
    const ipam = join(machine.directory, 'ipam', readdirSync(join(machine.directory, 'ipam'))[0]!);
    const networks = join(places.state, 'io.containerd.grpc.v1.cri', 'netns');
    const leave = async (id: string, address: string) => {
      writeFileSync(join(networks, `cni-${id.slice(0, 4)}`), '');
      writeFileSync(join(ipam, address), `${id}\r\neth0`);
      // A shim that nobody knows of: its starter was cut off before it could write where it is.
      const bundle = join(bundlesDir(places), id);
      mkdirSync(bundle, { recursive: true });
      writeFileSync(join(bundle, 'config.json'), JSON.stringify({ annotations: {} }));
      // It waits for a reader of its log.
      spawnSync('mkfifo', [join(bundle, 'log')]);
      const log = openSync(join(bundle, 'log'), constants.O_RDWR | constants.O_NONBLOCK);
      const started = spawnSync('containerd-shim-runc-v2', ['-namespace', 'k8s.io', '-address', places.socket, '-publish-binary', 'containerd', '-id', id, 'start'], { cwd: bundle, encoding: 'utf8', env: { ...process.env, NAMESPACE: 'k8s.io' } });
      assert.match(started.stdout, /^unix:/, started.stderr);
      let said = '';
      await eventually(() => {
        const bytes = Buffer.alloc(4096);
        try {
          said += bytes.toString('utf8', 0, readSync(log, bytes));
        } catch {
          // Nothing new.
        }
        return said.includes('starting signal loop');
      });
      rmSync(bundle, { recursive: true });
      closeSync(log);
      assert.ok(shimsSeen(places).some((shim) => shim.id === id));
    };
    const isGone = (id: string, address: string) => !existsSync(join(networks, `cni-${id.slice(0, 4)}`)) && !existsSync(join(ipam, address)) && !shimsSeen(places).some((shim) => shim.id === id);
    await leave('cafe'.repeat(16), '10.87.255.78');
    const next = await machine.start();
    await eventually(() => isGone('cafe'.repeat(16), '10.87.255.78'));
    await leave('face'.repeat(16), '10.87.255.79');
    await eventually(() => isGone('face'.repeat(16), '10.87.255.79'));
    const { pid } = next;
    await next.stop();
    await eventually(() => machine.containerd.pid !== pid);
  });

  it('outlives a killed parent', async () => {
    const script = `
      import { systemClock as clock } from ${JSON.stringify(join(packageRoot, 'src/base/clock.ts'))};
      import { silentLog as log } from ${JSON.stringify(join(packageRoot, 'src/base/log.ts'))};
      import { startPrivateContainerd } from ${JSON.stringify(join(packageRoot, 'src/runtime/containerd/private-containerd.ts'))};
      const { pid } = await startPrivateContainerd({ dataDir: process.argv[1], cniConfDir: process.argv[1], cniBinDirs: ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'], pauseImage: 'localhost/pause:1', clock, log }, AbortSignal.timeout(120_000));
      console.log(pid);
      process.kill(process.pid, 'SIGKILL');`;
    const directory = join(machine.directory, 'parent');
    mkdirSync(directory);
    const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script, directory], { encoding: 'utf8' });
    const pid = Number(stdout);
    assert.ok(pid > 1 && startTicks(pid) !== undefined, `containerd ${stdout} is gone`);
    process.kill(pid, 'SIGTERM');
    await eventually(() => startTicks(pid) === undefined);
  });
});

it('removing all sweeps up what containerd cannot remove any more', { skip: cannotRun }, async () => {
  const machine = await startTestContainerd();
  const pod = { namespace: 'default', name: 'left', uid: 'uid-left' };
  const sandbox = await machine.runtime.startSandbox(sandboxSpec(pod, { logDirectory: machine.logs, cgroupParent: machine.cgroupParent, network: 'node' }), signal);
  const image = (await machine.runtime.imageStatus('localhost/busybox', signal))!;
  await machine.runtime.startContainer(await machine.runtime.createContainer(sandbox, containerSpec(pod, 'left', { imageId: image.id, image: 'localhost/busybox', command: ['sleep', '1000'] }), signal), signal);
  const [kept] = await eventually(() => shimsOf(machine.directory));
  // Its state is lost, as after a torn disk: the next containerd knows of no sandbox, but the shim and its processes live.
  await machine.containerd.stop();
  rmSync(join(machine.directory, 'containerd', 'root', 'io.containerd.metadata.v1.bolt'), { recursive: true });
  assert.ok(startTicks(kept!) !== undefined);
  await machine.end();
  assert.equal(startTicks(kept!), undefined);
});

function shimsOf(directory: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes('containerd-shim') && command.includes(directory);
    } catch {
      return false;
    }
  });
}

it('a socket path that would be too long for the kernel lies under /run, the same each time', () => {
  const near = placesOf('/var/lib/peapod/containerd');
  assert.deepEqual([near.socket, near.socketDirectory], ['/var/lib/peapod/containerd/containerd.sock', undefined]);
  const far = placesOf(`/tmp/${'x'.repeat(100)}`);
  assert.match(far.socket, /^\/run\/peapod-[0-9a-f]{12}\/containerd\.sock$/);
  assert.equal(far.socket, placesOf(`/tmp/${'x'.repeat(100)}`).socket);
});

it('the folder with all CNI plugins is found, and what is missing is said', () => {
  assert.throws(() => findCniPlugins(['/nowhere']), /install containernetworking-plugins/);
});

it('the configuration quotes paths and follows what the machine allows', () => {
  const toml = configToml({ places: placesOf('/a "b"'), cniConfDir: '/c', cniBinDir: '/d', pauseImage: 'p', snapshotter: 'native', canLowerOomScore: false });
  assert.match(toml, /root = "\/a \\"b\\"\/root"/);
  assert.match(toml, /restrict_oom_score_adj = true/);
  assert.match(toml, /"io\.containerd\.snapshotter\.v1\.overlayfs"/);
});
