// C1, C12: a Pod is one running instance, made, bound, seen and ended as a whole; and where it is bound it stays.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Pod } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

describe('C1, C12 one Pod, one node', () => {
  const signal = AbortSignal.timeout(280_000);
  let house: RealCluster;
  before(async () => void (house = await startRealCluster()));
  after(() => house?.[Symbol.asyncDispose]());

  /** The machine's processes in the Pod's cgroup. */
  const processesOf = ({ metadata: { uid } }: Pod) => readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(uid);
    } catch {
      return false;
    }
  });
  /** When it started, in ticks since the machine did: with the id, this very process. */
  const startOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[19];

  test('C1 a Pod is made, scheduled, listed, watched and deleted; while it is there it is one instance on one node', async () => {
    const seen: string[] = [];
    const { metadata } = await house.cluster.client.list(pods, { namespace: 'default' }, signal);
    const watching = (async () => {
      for await (const event of house.cluster.client.watch(pods, { namespace: 'default', resourceVersion: metadata.resourceVersion }, signal)) {
        seen.push(event.type);
        if (event.type === 'DELETED') return;
      }
    })();
    await house.cluster.client.create(pods, pod('one', [{ command: ['sleep', '3600'] }], { terminationGracePeriodSeconds: 1 }) as never, signal);
    const ready = await house.untilReady('one');
    assert.equal(ready.spec.nodeName, house.cluster.nodeName);
    assert.deepEqual((await house.kubectl('get', 'pods', '-o', 'name')).trim(), 'pod/one');
    const commands = processesOf(ready).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
    assert.equal(commands.filter((command) => command === 'sleep 3600').length, 1, commands.join('; '));
    await house.kubectl('delete', 'pod', 'one');
    await watching;
    assert.deepEqual([seen[0], seen.at(-1)], ['ADDED', 'DELETED']);
    assert.deepEqual(processesOf(ready), []);
  });

  test('C12 bound once, it stays: over a cordon, a taint, labels that no longer fit and a restart of Peapod; and cannot be sent elsewhere', async () => {
    const node = house.cluster.nodeName;
    await house.kubectl('label', 'node', node, 'place=here');
    await house.cluster.client.create(pods, pod('stays', [{ command: ['sleep', '3600'] }], { terminationGracePeriodSeconds: 1, nodeSelector: { place: 'here' } }) as never, signal);
    const before = await house.untilReady('stays');
    const pid = mainProcess(house.dataDir, before, 'c0');
    const started = startOf(pid);
    await house.kubectl('cordon', node);
    await house.kubectl('taint', 'node', node, 'closed=now:NoSchedule');
    await house.kubectl('label', 'node', node, 'place-');
    const moved = await house.tryKubectl(['patch', 'pod', 'stays', '-p', '{"spec":{"nodeName":"elsewhere"}}']);
    assert.match(moved.stderr, /pod updates may not change fields other than/);
    const { dataDir } = house;
    await house.cluster.stop();
    house = await startRealCluster({ dataDir });
    const now = await house.untilReady('stays');
    assert.deepEqual([now.metadata.uid, now.spec.nodeName, now.status.podIP, now.status.containerStatuses![0]!.restartCount], [before.metadata.uid, node, before.status.podIP, 0]);
    assert.deepEqual([mainProcess(house.dataDir, now, 'c0'), startOf(pid)], [pid, started], 'the same process');
  });
});
