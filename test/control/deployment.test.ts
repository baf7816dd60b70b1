import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../../src/api/kinds/index.ts';
import { isPodReady } from '../../src/api/meta.ts';
import { conditionText, deploymentOf, deployments, replicaSets, startControlCluster, template, type ControlCluster } from './control-cluster.ts';

const key = { namespace: 'default', name: 'web' };
const kubelet = { readyMs: 2, graceMs: 2 };
const revisionAnnotation = 'deployment.kubernetes.io/revision';

async function deployed(cluster: ControlCluster, replicas = 3, more: object = {}) {
  await cluster.addNode('a');
  await cluster.client.create(deployments, deploymentOf('web', replicas, more), cluster.signal);
  await complete(cluster, replicas);
}

const deployment = (cluster: ControlCluster) => cluster.informers.of(deployments).get(key);
const sets = (cluster: ControlCluster) => cluster.informers.of(replicaSets).list('default');

const complete = (cluster: ControlCluster, replicas: number) =>
  cluster.until(`complete with ${replicas}`, () => {
    const found = deployment(cluster);
    const { replicas: all, updatedReplicas, availableReplicas, observedGeneration } = found?.status ?? {};
    return found && all === replicas && updatedReplicas === replicas && availableReplicas === replicas && observedGeneration === found.metadata.generation && conditionText(found, 'Progressing') === 'True NewReplicaSetAvailable' && found;
  });

const change = (cluster: ControlCluster, body: object) => cluster.client.patch(deployments, key, { type: 'merge', body }, cluster.signal);

test('C39 a Deployment comes up, and says that it is available and done', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster);
  const found = deployment(cluster)!;
  assert.equal(conditionText(found, 'Available'), 'True MinimumReplicasAvailable');
  assert.equal(found.metadata.annotations?.[revisionAnnotation], '1');
  const [set] = sets(cluster);
  assert.match(set!.metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
  assert.equal(set!.metadata.labels?.['pod-template-hash'], set!.metadata.name.slice(4));
  const said = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason }) => reason === 'ScalingReplicaSet'));
  assert.equal(said.message, `Scaled up replica set ${set!.metadata.name} from 0 to 3`);
});

test('C39 a rolling update never has too few ready Pods nor too many, and undo brings the old template back', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster, 4, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
  let fewestReady = Infinity;
  let mostWanted = 0;
  using _watching = cluster.informers.of(deployments).onChange(() => {
    const all = cluster.podsOf({ app: 'web' });
    if (all.length === 0) return;
    fewestReady = Math.min(fewestReady, all.filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp).length);
    mostWanted = Math.max(mostWanted, sets(cluster).reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0));
  });
  await change(cluster, { metadata: { annotations: { 'kubernetes.io/change-cause': 'to 2' } }, spec: { template: template('web', 'web:2') } });
  const second = await complete(cluster, 4);
  assert.equal(second.metadata.annotations?.[revisionAnnotation], '2');
  assert.ok(fewestReady >= 3, `${fewestReady} ready`);
  assert.ok(mostWanted <= 5, `${mostWanted} wanted`);
  const fresh = sets(cluster).find(({ spec }) => spec.replicas === 4);
  assert.equal(fresh?.metadata.annotations?.['kubernetes.io/change-cause'], 'to 2');
  await change(cluster, { spec: { template: template('web', 'web:1') } });
  const third = await complete(cluster, 4);
  assert.equal(third.metadata.annotations?.[revisionAnnotation], '3');
  const first = sets(cluster).find(({ spec }) => spec.replicas === 4)!;
  assert.equal(first.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
  assert.equal(sets(cluster).length, 2);
});

test('C39 Recreate ends all old Pods before the first new one', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 2, graceMs: 20 } });
  await deployed(cluster, 2, { strategy: { type: 'Recreate' } });
  let mixed = false;
  const hashes = () => new Set(cluster.podsOf({ app: 'web' }).map(({ metadata }) => metadata.labels?.['pod-template-hash'])).size;
  using _watching = cluster.informers.of(replicaSets).onChange(() => void (mixed ||= hashes() > 1));
  await change(cluster, { spec: { template: template('web', 'web:2') } });
  await complete(cluster, 2);
  assert.ok(!mixed);
});

test('C39 a rollout that does not get on says so, and the old Pods stay', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster, 4, { progressDeadlineSeconds: 1 });
  await change(cluster, { spec: { template: template('web', 'bad') } });
  const stuck = await cluster.until('timed out', () => {
    const found = deployment(cluster);
    return found && conditionText(found, 'Progressing') === 'False ProgressDeadlineExceeded' && found;
  });
  assert.equal(conditionText(stuck, 'Available'), 'True MinimumReplicasAvailable');
  assert.equal(cluster.podsOf({ app: 'web' }).filter(isPodReady).length, 3);
});

test('C39 paused it only scales, and both sets in their proportion', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster, 10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
  await change(cluster, { spec: { template: template('web', 'bad') } });
  await cluster.until('half way', () => sets(cluster).map(({ spec }) => spec.replicas).sort().join() === '5,8');
  await change(cluster, { spec: { replicas: 15, paused: true } });
  await cluster.until('scaled', () => sets(cluster).reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0) === 18);
  assert.deepEqual(sets(cluster).map(({ spec }) => spec.replicas).sort(), [11, 7]);
  await cluster.until('paused', () => conditionText(deployment(cluster)!, 'Progressing') === 'Unknown DeploymentPaused');
});

test('C39 only so many old ReplicaSets are kept', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster, 1, { revisionHistoryLimit: 1 });
  for (const image of ['web:2', 'web:3', 'web:4']) {
    await change(cluster, { spec: { template: template('web', image) } });
    await complete(cluster, 1);
  }
  await cluster.until('2 sets', () => sets(cluster).length === 2);
  assert.deepEqual(sets(cluster).map(({ metadata }) => metadata.annotations?.[revisionAnnotation]).sort(), ['3', '4']);
});

test('C39 deleted, its ReplicaSets and Pods follow', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await deployed(cluster);
  await cluster.client.delete(deployments, key, {}, cluster.signal);
  await cluster.until('all gone', () => sets(cluster).length === 0 && cluster.podsOf({ app: 'web' }).length === 0);
});
