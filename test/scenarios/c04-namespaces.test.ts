// C4 to C7: what the containers of a Pod share, and what they do not, seen from inside and from the node.
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { pod, waits } from '../support/manifests.ts';

describe('C4–C7 what a Pod shares', () => {
  let house: RealCluster;
  const inside = (name: string, container: string, ...command: string[]) => house.tryKubectl(['exec', name, '-c', container, '--', ...command]);
  before(async () => {
    house = await startRealCluster();
    const together = [{ name: 'a' }, { name: 'b' }];
    const items = [
      pod('pair', together),
      pod('other', [{ name: 'a' }]),
      pod('family', together, { shareProcessNamespace: true }),
      pod('on-node', [{ name: 'a' }], { hostNetwork: true, hostPID: true, hostIPC: true }),
      pod('named', [{ name: 'a' }], { hostname: 'chosen', subdomain: 'deep' }),
    ];
    const applied = await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(applied.code, 0, applied.stderr);
    await Promise.all(items.map((item) => house.untilReady(item.metadata.name)));
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C3 no two Pods share an address', async () => {
    const ips = await Promise.all(['pair', 'other', 'family', 'named'].map(async (name) => (await house.pod(name)).status.podIP));
    assert.equal(new Set(ips).size, 4);
  });

  test('C4 the second bind of a port fails inside the Pod, and not in another Pod', async () => {
    const serve = 'httpd -p 9000 -h /tmp && echo bound';
    assert.match((await inside('pair', 'a', 'sh', '-c', serve)).stdout, /bound/);
    const second = await inside('pair', 'b', 'sh', '-c', serve);
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, /Address already in use|in use/);
    assert.match((await inside('other', 'a', 'sh', '-c', serve)).stdout, /bound/);
  });

  test('C5 /dev/shm is the Pod’s', async () => {
    assert.equal((await inside('pair', 'a', 'sh', '-c', 'echo shared > /dev/shm/note')).code, 0);
    assert.equal((await inside('pair', 'b', 'cat', '/dev/shm/note')).stdout, 'shared\n');
    assert.notEqual((await inside('other', 'a', 'cat', '/dev/shm/note')).code, 0);
    const [pair, other] = [await house.pod('pair'), await house.pod('other')];
    const ipc = (of: typeof pair, container: string) => readlinkSync(`/proc/${mainProcess(house.dataDir, of, container)}/ns/ipc`);
    assert.equal(ipc(pair, 'a'), ipc(pair, 'b'));
    assert.notEqual(ipc(pair, 'a'), ipc(other, 'a'));
  });

  test('C6 the host name is the Pod’s name, or the one it chose', async () => {
    assert.equal((await inside('pair', 'b', 'hostname')).stdout, 'pair\n');
    assert.equal((await inside('named', 'a', 'hostname')).stdout, 'chosen\n');
    assert.match((await inside('named', 'a', 'cat', '/etc/hosts')).stdout, /chosen\.deep\.default\.svc\.cluster\.local\s+chosen/);
  });

  test('C7 with shareProcessNamespace the containers see and signal each other, and the pause process is PID 1', async () => {
    const seen = (await inside('family', 'a', 'ps', '-o', 'pid,args')).stdout;
    assert.match(seen, /^ *1 \/pause -P$/m);
    assert.equal(seen.split('\n').filter((line) => line.includes('trap')).length, 2);
    const b = await house.pod('family');
    const before = mainProcess(house.dataDir, b, 'b');
    const innerPid = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${before}/status`, 'utf8'))![1]!;
    assert.equal((await inside('family', 'a', 'kill', '-9', innerPid)).code, 0);
    await house.untilPod('family', (now) => now?.status.containerStatuses?.find((status) => status.name === 'b')?.restartCount === 1);
    assert.doesNotMatch((await inside('pair', 'a', 'ps', '-o', 'pid,args')).stdout, /pause/);
    assert.match((await inside('pair', 'a', 'ps', '-o', 'pid,args')).stdout, /^ *1 .*trap/m);
  });

  test('C4, C5, C7 hostNetwork, hostIPC and hostPID join the node’s', async () => {
    const main = mainProcess(house.dataDir, await house.pod('on-node'), 'a');
    for (const kind of ['net', 'ipc', 'pid']) assert.equal(readlinkSync(`/proc/${main}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
    assert.equal((await inside('on-node', 'a', 'hostname')).stdout.trim(), hostname());
    assert.equal((await house.pod('on-node')).status.podIP, (await house.pod('on-node')).status.hostIP);
  });

  test('C8 an emptyDir is the Pod’s: shared, kept over a restart, gone with the Pod', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const mounts = { volumeMounts: [{ name: 'v', mountPath: '/v' }], command: waits };
    const manifest = JSON.stringify(pod('volume', [{ name: 'a', ...mounts }, { name: 'b', volumeMounts: [{ name: 'v', mountPath: '/elsewhere', readOnly: true }] }], { volumes, terminationGracePeriodSeconds: 1 }));
    await house.tryKubectl(['apply', '-f', '-'], { input: manifest });
    const first = await house.untilReady('volume');
    await inside('volume', 'a', 'sh', '-c', 'echo kept > /v/file');
    assert.equal((await inside('volume', 'b', 'cat', '/elsewhere/file')).stdout, 'kept\n');
    assert.match((await inside('volume', 'b', 'touch', '/elsewhere/x')).stderr, /Read-only file system/);
    process.kill(mainProcess(house.dataDir, first, 'a'), 'SIGKILL');
    await house.untilPod('volume', (now) => now?.status.containerStatuses?.find((status) => status.name === 'a')?.restartCount === 1 && now.status.containerStatuses.every((status) => status.ready));
    assert.equal((await inside('volume', 'a', 'cat', '/v/file')).stdout, 'kept\n');
    await house.kubectl('delete', 'pod', 'volume');
    await house.tryKubectl(['apply', '-f', '-'], { input: manifest });
    const second = await house.untilReady('volume');
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.notEqual((await inside('volume', 'a', 'cat', '/v/file')).code, 0);
  });
});
