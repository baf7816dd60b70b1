import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerRevisions, daemonSets, events, nodes } from '../../src/api/kinds/index.ts';
import { isPodReady } from '../../src/api/meta.ts';
import { keyOf } from '../../src/client/client.ts';
import { pods, startControlCluster, template, type ControlCluster } from './control-cluster.ts';
import { startHardLife } from './faults.ts';

const key = { namespace: 'default', name: 'agent' };
const kubelet = { readyMs: 2, graceMs: 2 };
const labels = { app: 'agent' };

const setOf = (more: object = {}) => ({
  metadata: { name: 'agent', namespace: 'default' },
  spec: { selector: { matchLabels: labels }, template: template('agent'), ...more } as never,
});
const set = (cluster: ControlCluster) => cluster.informers.of(daemonSets).get(key);
const change = (cluster: ControlCluster, body: object) => cluster.client.patch(daemonSets, key, { type: 'merge', body }, cluster.signal);
const changeNode = (cluster: ControlCluster, name: string, body: object) => cluster.client.patch(nodes, { namespace: '', name }, { type: 'merge', body }, cluster.signal);
const where = (cluster: ControlCluster) => cluster.podsOf(labels).filter(({ metadata }) => !metadata.deletionTimestamp).map(({ spec }) => spec.nodeName).sort();
const images = (cluster: ControlCluster) => [...new Set(cluster.podsOf(labels).map(({ spec }) => spec.containers[0]!.image))].sort();
const ready = (cluster: ControlCluster, count: number) =>
  cluster.until(`${count} ready`, () => {
    const found = set(cluster);
    const { desiredNumberScheduled, numberReady, updatedNumberScheduled, observedGeneration } = found?.status ?? {};
    return found && desiredNumberScheduled === count && numberReady === count && updatedNumberScheduled === count && observedGeneration === found.metadata.generation && cluster.podsOf(labels).length === count && found;
  });

async function started(names: readonly string[], more: object = {}) {
  const cluster = await startControlCluster({ kubelet });
  for (const name of names) await cluster.addNode(name);
  await cluster.client.create(daemonSets, setOf(more), cluster.signal);
  return cluster;
}

test('C39 a DaemonSet has one Pod on each node, also on those that come later, and the status counts nodes', async () => {
  await using cluster = await started(['a', 'b']);
  await ready(cluster, 2);
  await cluster.addNode('c');
  const found = await ready(cluster, 3);
  assert.deepEqual(where(cluster), ['a', 'b', 'c']);
  const { numberMisscheduled, currentNumberScheduled, numberAvailable, numberUnavailable } = found.status;
  assert.deepEqual([numberMisscheduled, currentNumberScheduled, numberAvailable, numberUnavailable], [0, 3, 3, 0]);
  const pod = cluster.podsOf(labels)[0]!;
  assert.deepEqual(pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms, [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [pod.spec.nodeName] }] }]);
  const tolerated = pod.spec.tolerations?.map((one) => `${one.key}:${one.effect}`);
  assert.ok(tolerated?.includes('node.kubernetes.io/unreachable:NoExecute') && tolerated.includes('node.kubernetes.io/unschedulable:NoSchedule'));
  const [revision] = cluster.informers.of(controllerRevisions).list('default');
  assert.equal(revision?.metadata.name, `agent-${pod.metadata.labels?.['controller-revision-hash']}`);
  assert.equal(pod.metadata.labels?.['pod-template-generation'], '1');
});

test('C39 labels and taints of a node bring its Pod and take it away; a NoSchedule taint leaves it', async () => {
  await using cluster = await started(['a', 'b', 'c'], { template: { ...template('agent'), spec: { ...template('agent').spec, nodeSelector: { disk: 'ssd' } } } });
  await cluster.until('none wanted', () => set(cluster)?.status.observedGeneration === 1);
  assert.deepEqual(where(cluster), []);
  for (const name of ['a', 'b']) await changeNode(cluster, name, { metadata: { labels: { disk: 'ssd' } } });
  await ready(cluster, 2);
  await changeNode(cluster, 'a', { spec: { taints: [{ key: 'busy', effect: 'NoSchedule' }] } });
  const tainted = await cluster.until('a counts as misplaced', () => set(cluster)?.status.numberMisscheduled === 1 && set(cluster));
  assert.equal(tainted.status.desiredNumberScheduled, 1);
  assert.deepEqual(where(cluster), ['a', 'b']);
  await changeNode(cluster, 'a', { spec: { taints: [{ key: 'busy', effect: 'NoExecute' }] } });
  await cluster.until('a is left', () => where(cluster).join() === 'b');
  await changeNode(cluster, 'b', { metadata: { labels: { disk: null } } });
  await cluster.until('b too', () => cluster.podsOf(labels).length === 0);
});

test('C39 a cordoned node gets its daemon all the same', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a');
  await changeNode(cluster, 'a', { spec: { unschedulable: true } });
  await cluster.client.create(daemonSets, setOf(), cluster.signal);
  await ready(cluster, 1);
});

test('C39 a rolling update takes no more nodes at once than it may, and undo comes back to the earlier revision', async () => {
  await using cluster = await started(['a', 'b', 'c', 'd', 'e'], { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } });
  await ready(cluster, 5);
  let fewest = Infinity;
  using _watching = cluster.informers.of(pods).onChange(() => {
    fewest = Math.min(fewest, cluster.podsOf(labels).filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp).length);
  });
  await change(cluster, { spec: { template: template('agent', 'web:2') } });
  await ready(cluster, 5);
  assert.deepEqual(images(cluster), ['web:2']);
  assert.ok(fewest >= 3, `${fewest} ready at the least`);
  const found = await change(cluster, { spec: { template: template('agent', 'web:1') } });
  assert.equal(found.metadata.annotations?.['deprecated.daemonset.template.generation'], '3');
  await ready(cluster, 5);
  assert.deepEqual(images(cluster), ['web:1']);
  assert.deepEqual(cluster.informers.of(controllerRevisions).list('default').map(({ revision }) => revision).sort(), [2, 3]);
});

test('C39 with maxSurge each node has a ready Pod all the time', async () => {
  await using cluster = await started(['a', 'b', 'c'], { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } });
  await ready(cluster, 3);
  let bare = 0;
  let most = 0;
  using _watching = cluster.informers.of(pods).onChange(() => {
    const serving = cluster.podsOf(labels).filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp).map(({ spec }) => spec.nodeName);
    if (new Set(serving).size < 3) bare++;
    most = Math.max(most, cluster.podsOf(labels).filter(({ metadata }) => !metadata.deletionTimestamp).length);
  });
  await change(cluster, { spec: { template: template('agent', 'web:2') } });
  await ready(cluster, 3);
  assert.deepEqual(images(cluster), ['web:2']);
  assert.deepEqual([bare, most], [0, 4]);
});

test('C39 OnDelete waits for Pods to be deleted by someone', async () => {
  await using cluster = await started(['a', 'b'], { updateStrategy: { type: 'OnDelete' } });
  await ready(cluster, 2);
  await change(cluster, { spec: { template: template('agent', 'web:2') } });
  await cluster.until('seen', () => set(cluster)?.status.observedGeneration === 2 && set(cluster)?.status.updatedNumberScheduled === 0);
  assert.deepEqual(images(cluster), ['web:1']);
  await cluster.client.delete(pods, keyOf(cluster.podsOf(labels).find(({ spec }) => spec.nodeName === 'a')!), {}, cluster.signal);
  await cluster.until('one is new', () => set(cluster)?.status.updatedNumberScheduled === 1 && set(cluster)?.status.numberReady === 2);
  assert.deepEqual(cluster.podsOf(labels).map(({ spec }) => `${spec.nodeName} ${spec.containers[0]!.image}`).sort(), ['a web:2', 'b web:1']);
});

test('C39 a failed daemon is replaced, and said so', async () => {
  await using cluster = await started(['a']);
  await ready(cluster, 1);
  const first = cluster.podsOf(labels)[0]!;
  await cluster.client.patch(pods, keyOf(first), { type: 'merge', subresource: 'status', body: { status: { phase: 'Failed', conditions: [] } } }, cluster.signal);
  await cluster.until('another', () => cluster.podsOf(labels).some((pod) => pod.metadata.uid !== first.metadata.uid && isPodReady(pod)));
  await cluster.until('event', () => cluster.informers.of(events).list('default').some(({ reason, message }) => reason === 'FailedDaemonPod' && message === `Found failed daemon pod default/${first.metadata.name} on node a, will try to kill it`));
});

test('C39 controllers that die after each write, with conflicts and lost watches, come to one Pod for each node', async () => {
  await using cluster = await startControlCluster({ kubelet, controllers: false });
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) await cluster.addNode(name);
  await using life = startHardLife(cluster);
  await cluster.client.create(daemonSets, setOf(), cluster.signal);
  await ready(cluster, 4);
  await change(cluster, { spec: { template: template('agent', 'web:2') } });
  await ready(cluster, 4);
  assert.deepEqual(where(cluster), names);
  assert.deepEqual(images(cluster), ['web:2']);
  assert.ok(life.lives > 8 && life.conflicts > 0, `${life.lives} lives, ${life.conflicts} conflicts`);
});
