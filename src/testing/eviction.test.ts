import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, nodes, pods, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const at = (cluster: TestCluster) => Math.round(cluster.clock.monotonicMs() / 1000);
const create = (cluster: TestCluster, name: string, script: string, spec: object = {}, container: object = {}) =>
  cluster.client.create(pods, { metadata: { name, namespace: 'default', annotations: { 'simulated.peapod.dev/main': script } }, spec: { containers: [{ name: 'main', image: 'web:1', ...container }], ...spec } } as never, never);
const get = (cluster: TestCluster, name: string): Promise<Pod> => cluster.client.get(pods, { namespace: 'default', name }, never);
const phase = async (cluster: TestCluster, name: string) => (await get(cluster, name)).status.phase;
const underMemoryPressure = async (cluster: TestCluster) => {
  const { status, spec } = await cluster.client.get(nodes, { namespace: '', name: 'small' }, never);
  const condition = status.conditions!.find(({ type }) => type === 'MemoryPressure')!;
  const tainted = (spec.taints ?? []).some(({ key, effect }) => key === 'node.kubernetes.io/memory-pressure' && effect === 'NoSchedule');
  assert.equal(tainted, condition.status === 'True', 'condition and taint come and go together');
  return tainted;
};
const memory = (request: string) => ({ resources: { requests: { memory: request } } });

test('C37 the Pod that has grown beyond its request goes, with its reason; the condition stays for five minutes more', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', memoryGiB: 1 }] });
  await create(cluster, 'steady', 'memory=500Mi', {}, memory('512Mi'));
  await create(cluster, 'grows', 'memory=10Mi,grow=2Mi/s', {}, memory('64Mi'));
  await cluster.runUntil(async () => (await phase(cluster, 'grows')) === 'Failed', { withinMs: 600_000 });
  const wentAt = at(cluster);
  // 1024 - 500 - 100 MiB are gone after 207 s; the node looks each second when it is near.
  assert.ok(wentAt >= 207 && wentAt <= 212, `after ${wentAt} s`);
  const { status } = await get(cluster, 'grows');
  assert.equal(status.reason, 'Evicted');
  assert.match(status.message!, /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+[KM]i\. Container main was using \d+[KM]i, request is 64Mi, has larger consumption of memory\. $/);
  assert.deepEqual(status.conditions!.filter(({ type }) => type === 'DisruptionTarget').map(({ status: is, reason }) => [is, reason]), [['True', 'TerminationByKubelet']]);
  assert.equal(await phase(cluster, 'steady'), 'Running');
  assert.equal(await underMemoryPressure(cluster), true);
  const told = async () => (await cluster.client.list(events, {}, never)).items.map(({ reason, involvedObject }) => `${involvedObject.name} ${reason}`);
  for (const one of ['small EvictionThresholdMet', 'small NodeHasInsufficientMemory', 'grows Evicted']) await cluster.runUntil(async () => (await told()).includes(one), { withinMs: 10_000 });

  // Who reserves nothing is not let in meanwhile, nor scheduled; who is bound here by hand is refused.
  await create(cluster, 'best-effort', '', { nodeName: 'small' });
  await create(cluster, 'waits', '');
  await cluster.advance(60_000);
  const refused = (await get(cluster, 'best-effort')).status;
  assert.deepEqual([refused.phase, refused.reason, refused.message], ['Failed', 'Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. ']);
  assert.equal(await phase(cluster, 'waits'), 'Pending');
  await cluster.advance(235_000);
  assert.equal(await underMemoryPressure(cluster), true, 'it does not flap');
  await cluster.runUntil(async () => !(await underMemoryPressure(cluster)), { withinMs: 20_000 });
  await cluster.runUntil(async () => (await phase(cluster, 'waits')) === 'Running', { withinMs: 20_000 });
  assert.equal(await phase(cluster, 'grows'), 'Failed', 'it stays listed');
});

test('C37 soft: only after its grace, and with as much time to end as the node allows', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', memoryGiB: 1, eviction: { evictionHard: 'memory.available<50Mi', evictionSoft: 'memory.available<300Mi', evictionSoftGracePeriod: 'memory.available=1m30s', evictionMaxPodGracePeriod: 20 } }] });
  await create(cluster, 'large', 'memory=800Mi,ignore-term', { terminationGracePeriodSeconds: 60 });
  await create(cluster, 'quiet', 'memory=8Mi');
  await cluster.advance(85_000);
  assert.equal(await underMemoryPressure(cluster), true);
  assert.equal((await get(cluster, 'large')).status.conditions!.some(({ type }) => type === 'DisruptionTarget'), false);
  await cluster.runUntil(async () => (await get(cluster, 'large')).status.conditions!.some(({ type }) => type === 'DisruptionTarget'), { withinMs: 30_000 });
  const beganAt = at(cluster);
  await cluster.runUntil(async () => (await phase(cluster, 'large')) === 'Failed', { withinMs: 60_000 });
  assert.equal(at(cluster) - beganAt, 20, 'no longer than --eviction-max-pod-grace-period');
  assert.equal(await phase(cluster, 'quiet'), 'Running');
});

test('C37 the less important goes first, and a critical Pod never', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', memoryGiB: 1 }] });
  await create(cluster, 'critical', 'memory=500Mi', { priorityClassName: 'system-node-critical' });
  await cluster.client.create((await import('../api/kinds/priority-class.ts')).priorityClasses, { metadata: { name: 'dear' }, value: 1000 } as never, never);
  await create(cluster, 'dear', 'memory=200Mi', { priorityClassName: 'dear' });
  await create(cluster, 'cheap', 'memory=190Mi');
  await create(cluster, 'late', 'memory=100Mi,ready-after=1s', {}, memory('1Mi'));
  await cluster.runUntil(async () => (await phase(cluster, 'cheap')) === 'Failed', { withinMs: 60_000 });
  await cluster.advance(60_000);
  assert.deepEqual([await phase(cluster, 'critical'), await phase(cluster, 'dear'), await phase(cluster, 'late')], ['Running', 'Running', 'Running']);
});

test('C37 a critical Pod stays, though there is nobody else to evict', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', memoryGiB: 1 }] });
  await create(cluster, 'critical', 'memory=1000Mi', { priorityClassName: 'system-node-critical' });
  await cluster.advance(60_000);
  assert.equal(await underMemoryPressure(cluster), true);
  assert.equal(await phase(cluster, 'critical'), 'Running');
});

test('C37 one that does not end when told keeps nobody else from being helped', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', memoryGiB: 1, eviction: { evictionHard: 'memory.available<1Mi', evictionSoft: 'memory.available<500Mi', evictionSoftGracePeriod: 'memory.available=1s', evictionMaxPodGracePeriod: 600 } }] });
  await create(cluster, 'stuck', 'memory=400Mi,ignore-term', { terminationGracePeriodSeconds: 600 });
  await create(cluster, 'next', 'memory=300Mi');
  await cluster.runUntil(async () => (await phase(cluster, 'next')) === 'Failed', { withinMs: 120_000 });
  assert.equal(await phase(cluster, 'stuck'), 'Running');
});
