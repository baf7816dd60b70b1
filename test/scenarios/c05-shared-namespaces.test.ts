// C5 to C7: IPC, host names and processes, shared within a Pod and with nobody else, seen from inside and from the node.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { events } from '../../src/api/kinds/event.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { New, Pod, PodSpec } from '../../src/api/types.ts';
import { parseResolvConf } from '../../src/node/spec/names.ts';
import { startRegistry, type Registry } from '../../src/runtime/testing/registry.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const signal = AbortSignal.timeout(280_000);
const quick = { terminationGracePeriodSeconds: 1 };
const longName = `long-${'x'.repeat(57)}-tail-of-it`;

describe('C5–C7 what the containers of a Pod share', () => {
  let house: RealCluster;
  let registry: Registry;
  before(async () => {
    [house, registry] = await Promise.all([startRealCluster(), startRegistry()]);
    registry.push('ipc', '1', { files: programWithLibraries('/usr/bin/ipcmk') });
    const maker = { image: `${registry.host}/ipc:1`, imagePullPolicy: 'IfNotPresent' as const };
    const create = (name: string, containers: Parameters<typeof pod>[1], spec: Partial<PodSpec> = {}) => house.cluster.client.create(pods, pod(name, containers, { ...quick, ...spec }) as unknown as New<Pod>, signal);
    await Promise.all([
      create('pair', [{ name: 'a', ...maker }, { name: 'b' }]),
      create('other', [{ name: 'a' }]),
      create('on-node', [{ name: 'a' }], { hostIPC: true, hostPID: true, hostNetwork: true, hostAliases: [{ ip: '192.0.2.9', hostnames: ['there'] }] }),
      create('family', [{ name: 'a' }, { name: 'b' }], { shareProcessNamespace: true }),
      create('whole-name', [{ name: 'a' }, { name: 'b' }], { hostname: 'short', subdomain: 'sub', setHostnameAsFQDN: true }),
      create('aliased', [{ name: 'a' }], { hostAliases: [{ ip: '192.0.2.7', hostnames: ['one.example', 'two.example'] }, { ip: '192.0.2.8', hostnames: ['three.example'] }], dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches: ['one.example', 'two.example'], options: [{ name: 'ndots', value: '3' }, { name: 'rotate' }] } }),
      create('overridden', [{ name: 'a' }], { hostnameOverride: 'any.name.example' } as Partial<PodSpec>),
      create(longName, [{ name: 'a' }], { dnsPolicy: 'Default', dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] } }),
      create('too-long', [{ name: 'a' }], { hostname: 'h'.repeat(50), subdomain: 'sub', setHostnameAsFQDN: true }),
      create('own-hosts', [{ name: 'a', volumeMounts: [{ name: 'v', mountPath: '/etc/hosts', subPath: 'hosts' }] }], { volumes: [{ name: 'v', configMap: { name: 'hosts' } }] }),
      house.kubectl('create', 'configmap', 'hosts', '--from-literal=hosts=192.0.2.1 mine'),
    ]);
    await Promise.all(['pair', 'other', 'on-node', 'family', 'whole-name', 'aliased', 'overridden', longName, 'own-hosts'].map((name) => house.untilReady(name)));
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  const inside = async (name: string, container: string, script: string): Promise<string> => {
    const { code, stdout, stderr } = await house.tryKubectl(['exec', name, '-c', container, '--', 'sh', '-c', script]);
    assert.equal(code, 0, `${script}: ${stderr}`);
    return stdout;
  };
  const processOf = async (name: string, container: string) => mainProcess(house.dataDir, await house.pod(name), container);
  const namespace = async (name: string, container: string, kind: string) => readlinkSync(`/proc/${await processOf(name, container)}/ns/${kind}`);

  test('C4, C5, C6 the network, IPC and UTS namespaces are the Pod’s, those of mounts and processes each container’s', async () => {
    for (const kind of ['net', 'ipc', ...(onDocker ? [] : ['uts'])]) {
      const [a, b, other] = [await namespace('pair', 'a', kind), await namespace('pair', 'b', kind), await namespace('other', 'a', kind)];
      assert.equal(a, b, kind);
      assert.notEqual(a, other, kind);
      assert.notEqual(a, readlinkSync(`/proc/self/ns/${kind}`), kind);
      if (kind !== 'uts') assert.equal(await namespace('on-node', 'a', kind), readlinkSync(`/proc/self/ns/${kind}`), kind);
    }
    for (const kind of ['mnt', 'pid']) assert.notEqual(await namespace('pair', 'a', kind), await namespace('pair', 'b', kind), kind);
    assert.equal(await namespace('on-node', 'a', 'pid'), readlinkSync('/proc/self/ns/pid'));
  });

  test('C5 System V memory, semaphores and queues, POSIX queues and /dev/shm are seen by the Pod’s containers and by no other Pod', async () => {
    const key = (text: string) => String(Number(/id: (\d+)/.exec(text)![1]));
    const made = { shm: key(await inside('pair', 'a', 'ipcmk -M 4321')), sem: key(await inside('pair', 'a', 'ipcmk -S 3')), msg: key(await inside('pair', 'a', 'ipcmk -Q')) };
    const ids = async (name: string, container: string, kind: string) => (await inside(name, container, `cat /proc/sysvipc/${kind}`)).trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/)[1]);
    for (const [kind, id] of Object.entries(made)) {
      assert.deepEqual(await ids('pair', 'b', kind), [id], kind);
      assert.deepEqual(await ids('other', 'a', kind), [], kind);
    }
    assert.match(await inside('pair', 'b', 'cat /proc/sysvipc/shm'), / 4321 /);
    await inside('pair', 'a', 'touch /dev/mqueue/queue; echo kept > /dev/shm/note');
    assert.match(await inside('pair', 'b', 'ls /dev/mqueue'), /^queue$/m);
    assert.match(await inside('pair', 'b', 'cat /dev/mqueue/queue'), /QSIZE/);
    assert.equal(await inside('pair', 'b', 'cat /dev/shm/note'), 'kept\n');
    assert.equal(await inside('other', 'a', 'ls /dev/mqueue /dev/shm | grep -v : || true').then((text) => text.trim()), '');
  });

  test('C5 hostIPC sees the node’s', async () => {
    const id = /id: (\d+)/.exec(execFileSync('ipcmk', ['-M', '1234'], { encoding: 'utf8' }))![1]!;
    try {
      assert.match(await inside('on-node', 'a', 'cat /proc/sysvipc/shm'), new RegExp(`^ *-?\\d+ +${id} +\\d+ +1234 `, 'm'));
      assert.doesNotMatch(await inside('pair', 'b', 'cat /proc/sysvipc/shm'), / 1234 /);
    } finally {
      execFileSync('ipcrm', ['-m', id]);
    }
  });

  test('C6 one host name for all: the Pod’s, its whole name, or another where it asks', async () => {
    for (const container of ['a', 'b']) {
      assert.equal(await inside('pair', container, 'hostname'), 'pair\n');
      assert.equal(await inside('whole-name', container, 'hostname'), 'short.sub.default.svc.cluster.local\n');
    }
    assert.equal(await inside('overridden', 'a', 'hostname'), 'any.name.example\n');
    assert.equal(await inside(longName, 'a', 'hostname'), `${longName.slice(0, 63).replace(/-+$/, '')}\n`);
    assert.equal(await inside('on-node', 'a', 'hostname'), `${hostname()}\n`);
  });

  test('C6 a whole name that the kernel has no room for is no Pod', async () => {
    const fqdn = `${'h'.repeat(50)}.sub.default.svc.cluster.local`;
    const words = `Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (64 characters is the max, ${fqdn.length} characters requested)`;
    await eventually('the event', async () => (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=too-long' }, signal)).items.some(({ reason, message }) => reason === 'FailedCreatePodSandBox' && message === words));
    assert.equal((await house.pod('too-long')).status.phase, 'Pending');
  });

  test('C6 /etc/hosts names the Pod and its aliases; a container that brings its own keeps it', async () => {
    const ip = async (name: string) => (await house.pod(name)).status.podIP!;
    const hosts = (name: string) => inside(name, name === 'pair' ? 'b' : 'a', 'cat /etc/hosts');
    const plain = await hosts('pair');
    assert.ok(plain.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n'), plain);
    assert.ok(plain.endsWith(`\n${await ip('pair')}\tpair\n`), plain);
    assert.ok((await hosts('whole-name')).endsWith(`\n${await ip('whole-name')}\tshort.sub.default.svc.cluster.local\tshort\n`));
    assert.ok((await hosts('aliased')).endsWith('\n# Entries added by HostAliases.\n192.0.2.7\tone.example\ttwo.example\n192.0.2.8\tthree.example\n'));
    assert.equal(await hosts('on-node'), `# Kubernetes-managed hosts file (host network).\n${readFileSync('/etc/hosts', 'utf8')}\n# Entries added by HostAliases.\n192.0.2.9\tthere\n`);
    assert.equal(await hosts('own-hosts'), '192.0.2.1 mine');
    assert.match(await inside('aliased', 'a', 'ping -c 1 -W 1 two.example || true'), /PING two\.example \(192\.0\.2\.7\)/);
  });

  test('C6 /etc/resolv.conf as dnsPolicy and dnsConfig say', async () => {
    const resolver = async (name: string, container = 'a') => parseResolvConf(await inside(name, container, 'cat /etc/resolv.conf'));
    assert.deepEqual(await resolver('aliased'), { servers: ['192.0.2.53'], searches: ['one.example', 'two.example'], options: ['ndots:3', 'rotate'] });
    const node = parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
    assert.deepEqual((await resolver('on-node')).servers, node.servers.slice(0, 3));
    if (node.servers.length === 0) return;
    const fitting = [...node.servers, '192.0.2.1', '192.0.2.2', '192.0.2.3'].slice(0, 3);
    assert.deepEqual((await resolver(longName)).servers, fitting);
    const words = `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${fitting.join(' ')}`;
    await eventually('the event', async () => (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: `involvedObject.name=${longName}` }, signal)).items.some(({ reason, message }) => reason === 'DNSConfigForming' && message === words));
  });

  test('C7 each container has its own processes, whose numbers begin at 1', async () => {
    for (const container of ['a', 'b']) {
      const seen = await inside('pair', container, 'for p in /proc/[0-9]*; do echo ${p#/proc/} $(cat $p/comm); done');
      assert.match(seen, /^1 sh$/m);
      assert.doesNotMatch(seen, /pause/);
    }
    const innerPids = (text: string) => /^NSpid:\s*(.*)$/m.exec(text)![1]!.split('\t');
    assert.equal(innerPids(readFileSync(`/proc/${await processOf('pair', 'b')}/status`, 'utf8')).at(-1), '1');
    assert.notEqual((await house.tryKubectl(['exec', 'pair', '-c', 'b', '--', 'kill', '-0', String(await processOf('pair', 'a'))])).code, 0, 'nobody of that number is in sight');
    assert.match(await inside('on-node', 'a', `cat /proc/${process.pid}/comm`), /\S/);
  });

  test('C7 shared processes see and signal each other, and the sandbox’s process reaps the orphans', async () => {
    const [a, b] = [await processOf('family', 'a'), await processOf('family', 'b')];
    const own = readlinkSync(`/proc/${a}/ns/pid`);
    assert.equal(readlinkSync(`/proc/${b}/ns/pid`), own);
    const members = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/ns/pid`) !== own) return [];
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!;
        return [{ pid: Number(pid), inner: Number(field('NSpid').split('\t').at(-1)), parent: Number(field('PPid')), state: field('State')[0], name: field('Name') }];
      } catch {
        // It has ended meanwhile; so has a zombie's namespace.
        return [];
      }
    });
    const first = members().find(({ inner }) => inner === 1)!;
    assert.match(await inside('family', 'b', 'cat /proc/1/comm'), /^(pause|catatonit)$/m);
    assert.ok(![a, b].includes(first.pid));
    // Its parent ends at once: an orphan, of a container in a Pod of two.
    await inside('family', 'a', '(sleep 987 >/dev/null 2>&1 &); (sleep 987 >/dev/null 2>&1 &)');
    const orphans = () => members().filter(({ pid }) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('987');
      } catch {
        return false;
      }
    });
    assert.equal(orphans().length, 2);
    for (const { parent } of orphans()) assert.equal(parent, first.pid, 'it is the sandbox’s now');
    const numbers = orphans().map(({ inner }) => inner);
    await inside('family', 'b', `kill ${numbers.join(' ')}`);
    const list = 'for p in /proc/[0-9]*; do grep -E "^(State|Pid)" $p/status 2>/dev/null | tr "\\n" " "; done';
    await eventually('no zombie is left', async () => {
      const seen = await inside('family', 'a', list);
      return !/State:\s+Z/.test(seen) && numbers.every((number) => !new RegExp(`Pid:\\s+${number} `).test(seen));
    });
  });
});

/** A program of this machine with the libraries that it is linked to, as files of an image. */
function programWithLibraries(path: string) {
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  const inImage = (file: string) => ({ type: 'file' as const, path: file.slice(1), mode: 0o755, content: readFileSync(file) });
  return [{ ...inImage(path), path: 'bin/ipcmk' }, ...libraries.map(inImage)];
}
