// C8, C20 mounts: places inside volumes that containers race for, propagation seen from both sides, groups, images.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Container, PodSpec } from '../../src/api/types.ts';
import { busybox, pod, waits } from '../support/manifests.ts';
import { eventually, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

type Mounts = NonNullable<Container['volumeMounts']>;

describe('C8 mounts', () => {
  let house: RealCluster;
  let outside: string;
  let server: Server;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const execute = async (name: string, container: string, script: string) => (await house.kubectl('exec', name, '-c', container, '--', 'sh', '-c', script)).trim();
  const shell = (name: string, script: string) => execute(name, 'c0', script);
  const mounted = (name: string, volumes: object[], volumeMounts: Mounts, more: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    pod(name, [{ command: waits, volumeMounts, ...more }], { terminationGracePeriodSeconds: 1, volumes, ...spec } as Partial<PodSpec>);
  const host = (path: string, type = '') => ({ name: 'v', hostPath: { path: join(outside, path), type } });
  const at = (mountPath: string, more: Partial<Mounts[number]> = {}): Mounts => [{ name: 'v', mountPath, ...more }];
  const describes = (name: string, words: RegExp) => eventually(`${name} to tell ${words}`, async () => words.test(await house.kubectl('describe', 'pod', name)));
  const mountTable = () => readFileSync('/proc/self/mountinfo', 'utf8');

  before(async () => {
    house = await startRealCluster();
    outside = mkdtempSync(join(tmpdir(), 'peapod-mounts-'));
    for (const name of ['shared', 'secret', 'race', 'race/real']) mkdirSync(join(outside, name));
    writeFileSync(join(outside, 'race', 'real', 'where'), 'inside\n');
    symlinkSync('real', join(outside, 'race', 'sub'));
    writeFileSync(join(outside, 'secret', 'where'), 'outside\n');
    writeFileSync(join(outside, 'file'), 'file');
    execFileSync('mount', ['--bind', outside, outside]);
    execFileSync('mount', ['--make-shared', outside]);
    server = createServer().listen(join(outside, 'socket'));
  });
  after(async () => {
    server?.close();
    await house?.[Symbol.asyncDispose]();
    execFileSync('umount', ['--recursive', outside]);
    rmSync(outside, { recursive: true, force: true });
  });

  // Docker gives a privileged container every capability there is, which not every machine that runs this test has.
  test('propagation: None sees nothing new, HostToContainer what the node mounts, Bidirectional is seen by all', { skip: onDocker }, async () => {
    const shared = join(outside, 'shared');
    const container = (name: string, mountPropagation: string, more: Partial<Container> = {}) => ({ name, command: waits, volumeMounts: at('/shared', { mountPropagation }), ...more });
    await create(pod('propagates', [container('none', 'None'), container('slave', 'HostToContainer'), container('both', 'Bidirectional', { securityContext: { privileged: true } })], { terminationGracePeriodSeconds: 1, volumes: [host('shared')] } as Partial<PodSpec>));
    await house.untilReady('propagates');
    mkdirSync(join(shared, 'by-node'));
    execFileSync('mount', ['-t', 'tmpfs', 'by-node', join(shared, 'by-node')]);
    await execute('propagates', 'both', 'mkdir /shared/by-pod && mount -t tmpfs by-pod /shared/by-pod');
    assert.match(mountTable(), new RegExp(` ${shared}/by-pod .* tmpfs by-pod `));
    const points = async (name: string) => (await execute('propagates', name, 'cat /proc/mounts')).split('\n').filter((line) => /^by-(node|pod) /.test(line)).map((line) => line.split(' ')[0]).sort();
    assert.deepEqual(await points('none'), []);
    assert.deepEqual(await points('slave'), ['by-node', 'by-pod']);
    assert.deepEqual(await points('both'), ['by-node', 'by-pod']);
    await house.kubectl('delete', 'pod', 'propagates');
    // What a container mounted on the node outlives it, as with any Kubernetes.
    execFileSync('umount', [join(shared, 'by-pod')]);
    execFileSync('umount', [join(shared, 'by-node')]);
  });

  test('a place inside a volume that is swapped for a link while it is mounted never leads outside', async () => {
    const race = join(outside, 'race');
    // As fast as it can: a link to a place inside, then to one outside, and again, each by one rename.
    const swapper = spawn('sh', ['-c', 'cd "$1" && while :; do ln -s real a; mv -T a sub; ln -s ../secret b; mv -T b sub; done', 'sh', race], { stdio: 'ignore' });
    try {
      const names = Array.from({ length: 8 }, (_, n) => `races-${n}`);
      await create(...names.map((name) => mounted(name, [host('race')], at('/v', { subPath: 'sub' }), { command: ['sh', '-c', 'cat /v/where; exec sleep 3600'] })));
      for (const name of names) {
        const now = (await house.untilPod(name, (one) => one?.status.phase === 'Running' || one?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'))!;
        if (now.status.phase !== 'Running') continue;
        await eventually('its log', async () => (await house.kubectl('logs', name)) !== '');
        assert.equal(await house.kubectl('logs', name), 'inside\n');
      }
      const roots = mountTable().split('\n').filter((line) => line.includes(`${house.dataDir}/node/pods`)).map((line) => line.split(' ')[3]);
      assert.ok(!roots.some((root) => root?.endsWith('/secret')), 'a place outside the volume is mounted');
    } finally {
      swapper.kill('SIGKILL');
    }
    await house.kubectl('delete', 'pod', '--all');
  });

  test('subPath: one file, a directory that is made, and what a restart finds', async () => {
    await create(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'blue' } },
      pod('places', [
        { command: ['sh', '-c', 'until [ -e /v/stop ]; do sleep 0.1; done; rm /v/stop'], volumeMounts: [...at('/v', { subPath: 'a/b' }), { name: 'map', mountPath: '/color', subPath: 'color' }] },
        { volumeMounts: [...at('/whole'), { name: 'map', mountPath: '/map' }], securityContext: { runAsUser: 1234 } },
      ], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'v', emptyDir: {} }, { name: 'map', configMap: { name: 'settings' } }] } as Partial<PodSpec>),
    );
    await house.untilReady('places');
    assert.equal(await execute('places', 'c1', 'stat -c "%a" /whole/a /whole/a/b | tr "\\n" " "; touch /whole/a/b/from-c1'), '777 777');
    assert.equal(await shell('places', 'ls /v; cat /color'), 'from-c1\nblue');
    await house.kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"color":"green"}}');
    await eventually('the change to have come', async () => (await execute('places', 'c1', 'cat /map/color')) === 'green');
    assert.equal(await shell('places', 'cat /color'), 'blue');
    await execute('places', 'c1', 'touch /whole/a/b/stop');
    await house.untilPod('places', (now) => now?.status.containerStatuses?.[0]?.restartCount === 1 && !!now.status.containerStatuses[0].state?.running);
    assert.equal(await shell('places', 'ls /v; cat /color'), 'from-c1\ngreen');
    await house.kubectl('delete', 'pod', 'places');
    assert.equal(mountTable().includes(`${house.dataDir}/node/pods/`), false);
  });

  test('fsGroup: in every kind of volume but the node\'s own directories', async () => {
    await create(
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { key: 'secret' } },
      mounted('grouped', [
        { name: 'empty', emptyDir: {} }, { name: 'memory', emptyDir: { medium: 'Memory' } }, { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o400 } }, { name: 'map', configMap: { name: 'settings' } }, host('shared'),
        { name: 'all', projected: { sources: [{ secret: { name: 'keys' } }, { serviceAccountToken: { path: 'token' } }] } },
      ], ['empty', 'memory', 'secret', 'map', 'v', 'all'].map((name) => ({ name, mountPath: `/${name}` })), { securityContext: { runAsUser: 1000 } }, { securityContext: { fsGroup: 4000 } }),
    );
    await house.untilReady('grouped');
    assert.equal(await shell('grouped', 'stat -c "%n %a %g" /empty /memory; stat -Lc "%n %a %g" /secret/key /map/color /all/key /all/token'), '/empty 2777 4000\n/memory 2777 4000\n/secret/key 440 4000\n/map/color 644 4000\n/all/key 644 4000\n/all/token 640 4000');
    assert.equal(await shell('grouped', 'id -G; touch /empty/a /memory/a && stat -c %g /empty/a /memory/a | tr "\\n" " "; stat -c %g /v; cat /all/token >/dev/null'), '0 4000\n4000 4000 0');
    await house.kubectl('delete', 'pod', 'grouped');
  });

  test('hostPath says what it found instead', async () => {
    for (const [name, path, type, words] of [
      ['not-a-socket', 'file', 'Socket', 'is not a socket file'], ['not-a-file', 'shared', 'File', 'is not a file'], ['no-file', 'none', 'File', 'is not a file'],
      ['no-device', 'file', 'CharDevice', 'is not a character device'], ['no-disk', 'file', 'BlockDevice', 'is not a block device'], ['no-directory', 'none', 'Directory', 'is not a directory'],
    ] as const) {
      await create(mounted(name, [host(path, type)], at('/v')));
      await describes(name, new RegExp(`FailedMount .*MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${join(outside, path)} ${words}`));
    }
    await create(mounted('right', [host('socket', 'Socket'), { name: 'null', hostPath: { path: '/dev/null', type: 'CharDevice' } }, { name: 'new', hostPath: { path: join(outside, 'new'), type: 'FileOrCreate' } }], [...at('/socket'), { name: 'null', mountPath: '/null' }, { name: 'new', mountPath: '/new' }]));
    await house.untilReady('right');
    assert.equal(await shell('right', 'test -S /socket && test -c /null && stat -c %a /new'), '644');
    await house.kubectl('delete', 'pod', '--all');
  });

  test('a kind of volume that is not there is told, by its name', async () => {
    const bundle = { name: 'v', projected: { sources: [{ clusterTrustBundle: { name: 'roots', path: 'ca.crt' } }] } };
    await create(mounted('no-bundle', [bundle], at('/v')), mounted('no-nfs', [{ name: 'v', nfs: { server: 'nas', path: '/export' } }], at('/v')));
    await describes('no-bundle', /FailedMount .*MountVolume.SetUp failed for volume "v" : this cluster has no ClusterTrustBundles/);
    await describes('no-nfs', /FailedMount .*MountVolume.SetUp failed for volume "v" : this node has no way to mount nfs volumes/);
    await house.kubectl('delete', 'pod', '--all');
  });

  test('an image\'s files as a volume: read-only, whole or in part, and nothing is left of it', { skip: onDocker }, async () => {
    const image = (reference: string) => ({ name: 'v', image: { reference, pullPolicy: 'IfNotPresent' } });
    await create(mounted('has-image', [image(busybox)], [...at('/image'), { name: 'v', mountPath: '/programs', subPath: 'bin' }]), mounted('no-image', [image('localhost/none')], at('/image')));
    await house.untilReady('has-image');
    assert.equal(await shell('has-image', 'cmp /bin/busybox /image/bin/busybox && cmp /bin/busybox /programs/busybox && echo same'), 'same');
    for (const path of ['/image', '/programs']) assert.match(await shell('has-image', `touch ${path}/x 2>&1 || true`), /Read-only file system/);
    const waiting = (await house.untilPod('no-image', (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull'))!;
    assert.match(waiting.status.containerStatuses![0]!.state!.waiting!.message!, /Container image "localhost\/none" is not present/);
    const snapshots = () => execFileSync('ctr', ['--address', join(house.dataDir, 'containerd', 'containerd.sock'), '--namespace', 'k8s.io', 'snapshots', 'ls'], { encoding: 'utf8' });
    assert.match(snapshots(), /peapod-volume-/);
    await house.kubectl('delete', 'pod', '--all');
    assert.doesNotMatch(snapshots(), /peapod-volume-/);
    assert.equal(mountTable().includes(`${house.dataDir}/node/pods/`), false);
  });

  test('read-only also below: where the runtime can, or told', { skip: onDocker }, async () => {
    await create(mounted('may', [host('shared')], at('/v', { readOnly: true, recursiveReadOnly: 'IfPossible' })), mounted('must', [host('shared')], at('/v', { readOnly: true, recursiveReadOnly: 'Enabled' })));
    await house.untilReady('may');
    assert.match(await shell('may', 'touch /v/x 2>&1 || true'), /Read-only file system/);
    const must = (await house.untilPod('must', (now) => now?.status.phase === 'Running' || now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'))!;
    if (must.status.phase !== 'Running') assert.match(must.status.containerStatuses![0]!.state!.waiting!.message!, /volume "v" requested recursive read-only mode, but it is not supported by the runtime/);
    await house.kubectl('delete', 'pod', '--all');
  });
});
