import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, pods, replicaSets, startTestCluster, type Node, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const at = (cluster: TestCluster) => Math.round(cluster.clock.monotonicMs() / 1000);
const node = (cluster: TestCluster, name: string): Promise<Node> => cluster.client.get(nodes, { namespace: '', name }, never);
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, { namespace: 'default' }, never)).items;
const readyOf = ({ status }: Node | Pod) => (status.conditions as { type: string; status: string }[] | undefined)?.find(({ type }) => type === 'Ready')?.status;
const taintsOf = ({ spec }: Node) => (spec.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`).sort();

async function withReplicas(cluster: TestCluster, replicas: number): Promise<void> {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
  await cluster.client.create(replicaSets, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template } } as never, never);
  await cluster.runUntil(async () => (await cluster.client.get(replicaSets, { namespace: 'default', name: 'web' }, never)).status.readyReplicas === replicas);
}

test('C36 a node that fails is Unknown after 40 s, its Pods are evicted after 300 s more and replaced elsewhere', async () => {
  await using cluster = await startTestCluster({ nodes: 3 });
  await withReplicas(cluster, 6);
  const victims = (await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-1');
  assert.ok(victims.length > 0);
  await cluster.advance(5_000);
  cluster.node('node-1').kill();
  await cluster.advance(34_000);
  assert.equal(readyOf(await node(cluster, 'node-1')), 'True', 'not before its time');
  await cluster.runUntil(async () => readyOf(await node(cluster, 'node-1')) === 'Unknown');
  assert.equal(at(cluster), 40, 'last heard of at its start');
  const silent = await node(cluster, 'node-1');
  assert.deepEqual(silent.status.conditions!.map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort(), ['DiskPressure', 'MemoryPressure', 'PIDPressure', 'Ready'].map((type) => `${type}=Unknown NodeStatusUnknown`));
  await cluster.settle();
  assert.deepEqual(taintsOf(await node(cluster, 'node-1')), ['unreachable:NoExecute', 'unreachable:NoSchedule']);
  assert.deepEqual((await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-1').map(readyOf), victims.map(() => 'False'));
  await cluster.advance(299_000);
  assert.ok((await all(cluster)).every(({ metadata }) => !metadata.deletionTimestamp), 'they are tolerated for 300 s');
  await cluster.advance(1_000);
  const after = await all(cluster);
  const old = after.filter(({ metadata }) => victims.some((victim) => victim.metadata.uid === metadata.uid));
  assert.equal(old.length, victims.length);
  assert.ok(old.every(({ metadata, status }) => metadata.deletionTimestamp && status.conditions?.some(({ type, reason }) => type === 'DisruptionTarget' && reason === 'DeletionByTaintManager')));
  const fresh = after.filter(({ metadata }) => !metadata.deletionTimestamp);
  assert.equal(fresh.length, 6);
  assert.ok(fresh.every((pod) => readyOf(pod) === 'True' && pod.spec.nodeName !== 'node-1'));
});

test('C36 a node that comes back in time keeps its Pods', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  await withReplicas(cluster, 4);
  const before = (await all(cluster)).map(({ metadata }) => metadata.uid).sort();
  cluster.node('node-0').cutOff();
  await cluster.advance(200_000);
  assert.equal(readyOf(await node(cluster, 'node-0')), 'Unknown');
  cluster.node('node-0').rejoin();
  await cluster.runUntil(async () => (await all(cluster)).every((pod) => readyOf(pod) === 'True'), { withinMs: 60_000 });
  await cluster.runUntil(async () => taintsOf(await node(cluster, 'node-0')).length === 0);
  await cluster.advance(600_000);
  assert.deepEqual((await all(cluster)).map(({ metadata }) => metadata.uid).sort(), before);
});

test('C36 a node that was only not heard of for a while says that it is ready as soon as it is heard again', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  await withReplicas(cluster, 4);
  for (const [silence, back] of [['pause', 'resume'], ['cutOff', 'rejoin']] as const) {
    // Between two of its reports, which are five minutes apart.
    await cluster.advance(90_000);
    cluster.node('node-0')[silence]();
    await cluster.advance(60_000);
    assert.equal(readyOf(await node(cluster, 'node-0')), 'Unknown', silence);
    cluster.node('node-0')[back]();
    await cluster.runUntil(async () => readyOf(await node(cluster, 'node-0')) === 'True' && taintsOf(await node(cluster, 'node-0')).length === 0, { withinMs: 25_000 });
  }
});

test('C36 a paused node’s Pods are evicted, and when it wakes it ends them', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  await withReplicas(cluster, 4);
  const mine = (await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-0');
  cluster.node('node-0').pause();
  await cluster.advance(400_000);
  assert.equal([...cluster.node('node-0').machine.podUids].length, mine.length, 'its containers run on');
  cluster.node('node-0').resume();
  await cluster.runUntil(async () => (await all(cluster)).length === 4, { withinMs: 60_000 });
  assert.equal([...cluster.node('node-0').machine.podUids].length, 0);
});

test('C36 Pods that tolerate it for longer stay for longer, and those that do not tolerate it go at once', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  const pod = (name: string, tolerations: object[]) => cluster.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { nodeName: 'node-0', tolerations, containers: [{ name: 'main', image: 'a' }] } } as never, never);
  const unreachable = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' };
  await pod('short', [{ ...unreachable, tolerationSeconds: 10 }]);
  await pod('long', [{ ...unreachable, tolerationSeconds: 1_000 }]);
  await pod('ever', [unreachable]);
  await cluster.runUntil(async () => (await all(cluster)).every((one) => readyOf(one) === 'True'));
  cluster.node('node-0').kill();
  const ended = async () => (await all(cluster)).filter(({ metadata }) => metadata.deletionTimestamp).map(({ metadata }) => metadata.name).sort();
  await cluster.advance(51_000);
  assert.deepEqual(await ended(), ['short']);
  await cluster.advance(1_000_000);
  assert.deepEqual(await ended(), ['long', 'short']);
});

test('C36 nobody is evicted while nothing is heard from anywhere, and those who come back have their time again', async () => {
  await using cluster = await startTestCluster({ nodes: 3 });
  await withReplicas(cluster, 3);
  for (const one of cluster.nodes) one.cutOff();
  await cluster.advance(900_000);
  assert.ok((await all(cluster)).every(({ metadata }) => !metadata.deletionTimestamp));
  for (const one of cluster.nodes) assert.deepEqual(taintsOf(await node(cluster, one.name)), ['unreachable:NoSchedule']);
  for (const one of cluster.nodes.slice(0, 2)) one.rejoin();
  await cluster.advance(39_000);
  assert.deepEqual(taintsOf(await node(cluster, 'node-2')), ['unreachable:NoExecute', 'unreachable:NoSchedule']);
});

test('C36 nodes that fail together are tainted at a pace', async () => {
  await using cluster = await startTestCluster({ nodes: 10 });
  for (const one of cluster.nodes.slice(0, 4)) one.kill();
  await cluster.advance(41_000);
  const tainted = async () => {
    const { items } = await cluster.client.list(nodes, {}, never);
    return items.filter((one) => taintsOf(one).includes('unreachable:NoExecute')).length;
  };
  assert.equal(await tainted(), 1);
  const counts = [];
  for (let seconds = 0; seconds < 4; seconds++) {
    await cluster.advance(10_000);
    counts.push(await tainted());
  }
  assert.deepEqual(counts, [2, 3, 4, 4], 'one every ten seconds');
});

test('C36 in a small zone that is mostly gone nobody more is evicted', async () => {
  await using cluster = await startTestCluster({ nodes: 5 });
  for (const one of cluster.nodes.slice(0, 3)) one.kill();
  await cluster.advance(300_000);
  const { items } = await cluster.client.list(nodes, {}, never);
  // Until the third was noticed the zone was only a little ill: one had its turn by then.
  assert.equal(items.filter((one) => taintsOf(one).includes('unreachable:NoExecute')).length, 1);
});
