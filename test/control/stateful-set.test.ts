import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerRevisions, events, kinds, statefulSets } from '../../src/api/kinds/index.ts';
import { defineKind } from '../../src/api/kinds/define-kind.ts';
import type { Kind } from '../../src/api/kind.ts';
import { isPodReady } from '../../src/api/meta.ts';
import { keyOf } from '../../src/client/client.ts';
import { claimResource } from '../../src/controllers/stateful-set/claims.ts';
import { pods, startControlCluster, template, type ControlCluster, type ControlClusterOptions } from './control-cluster.ts';
import { startHardLife } from './faults.ts';

const key = { namespace: 'default', name: 'db' };
const kubelet = { readyMs: 2, graceMs: 2 };
const labels = { app: 'db' };

const setOf = (replicas: number, more: object = {}) => ({
  metadata: { name: 'db', namespace: 'default' },
  spec: { replicas, serviceName: 'db', selector: { matchLabels: labels }, template: template('db'), ...more } as never,
});

const set = (cluster: ControlCluster) => cluster.informers.of(statefulSets).get(key);
const names = (cluster: ControlCluster) => cluster.podsOf(labels).map(({ metadata }) => metadata.name).sort();
const images = (cluster: ControlCluster) => Object.fromEntries(cluster.podsOf(labels).map(({ metadata, spec }) => [metadata.name.slice(3), spec.containers[0]!.image!.slice(4)]).sort());
const change = (cluster: ControlCluster, body: object) => cluster.client.patch(statefulSets, key, { type: 'merge', body }, cluster.signal);
const ready = (cluster: ControlCluster, replicas: number) =>
  cluster.until(`${replicas} ready`, () => {
    const found = set(cluster);
    const { replicas: all, readyReplicas, updatedReplicas, observedGeneration } = found?.status ?? {};
    return found && all === replicas && readyReplicas === replicas && updatedReplicas === replicas && observedGeneration === found.metadata.generation && found;
  });
const revisions = (cluster: ControlCluster) => cluster.informers.of(controllerRevisions).list('default').toSorted((a, b) => a.revision - b.revision);

async function started(replicas: number, more: object = {}, options: ControlClusterOptions = {}) {
  const cluster = await startControlCluster({ kubelet, ...options });
  await cluster.addNode('a');
  await cluster.client.create(statefulSets, setOf(replicas, more), cluster.signal);
  return cluster;
}

/** In which order Pods came, and how many before each were not ready then. */
function watchOrder(cluster: ControlCluster) {
  const came: string[] = [];
  const went: string[] = [];
  let early = 0;
  cluster.informers.of(pods).onChange((before, after) => {
    if (!before && after) {
      came.push(after.metadata.name);
      early += cluster.podsOf(labels).filter((pod) => pod.metadata.uid !== after.metadata.uid && !isPodReady(pod)).length;
    }
    if (before && !before.metadata.deletionTimestamp && (!after || after.metadata.deletionTimestamp)) went.push(before.metadata.name);
  });
  return { came, went, early: () => early };
}

test('C39 a StatefulSet makes its Pods one after the other, each with its name, number and host name', async () => {
  await using cluster = await startControlCluster({ kubelet });
  const order = watchOrder(cluster);
  await cluster.addNode('a');
  await cluster.client.create(statefulSets, setOf(3, { ordinals: { start: 5 } }), cluster.signal);
  const found = await ready(cluster, 3);
  assert.deepEqual(order.came, ['db-5', 'db-6', 'db-7']);
  assert.equal(order.early(), 0);
  const pod = cluster.podsOf(labels).find(({ metadata }) => metadata.name === 'db-6')!;
  assert.deepEqual([pod.spec.hostname, pod.spec.subdomain], ['db-6', 'db']);
  const { 'controller-revision-hash': revision, ...others } = pod.metadata.labels!;
  assert.deepEqual(others, { app: 'db', 'apps.kubernetes.io/pod-index': '6', 'statefulset.kubernetes.io/pod-name': 'db-6' });
  assert.deepEqual([revision, revision], [found.status.currentRevision, found.status.updateRevision]);
  assert.deepEqual([found.status.availableReplicas, found.status.currentReplicas, found.status.collisionCount], [3, 3, 0]);
  const [only] = revisions(cluster);
  assert.deepEqual([only!.metadata.name, only!.revision, (only!.data as { spec: { template: { $patch: string } } }).spec.template.$patch], [revision, 1, 'replace']);
  await cluster.until('event', () => cluster.informers.of(events).list('default').some(({ reason, message }) => reason === 'SuccessfulCreate' && message === 'create Pod db-6 in StatefulSet db successful'));
});

test('C39 it goes on only when those before are ready, and gives up the highest numbers first', async () => {
  await using cluster = await started(2, { template: template('db', 'bad') });
  await cluster.until('the first runs', () => cluster.podsOf(labels)[0]?.status.phase === 'Running');
  assert.deepEqual(names(cluster), ['db-0']);
  await change(cluster, { spec: { template: template('db') } });
  // The broken one is replaced, for it is the only one that may go.
  await cluster.client.delete(pods, { namespace: 'default', name: 'db-0' }, {}, cluster.signal);
  await ready(cluster, 2);
  await change(cluster, { spec: { replicas: 4 } });
  await ready(cluster, 4);
  const order = watchOrder(cluster);
  await cluster.client.patch(statefulSets, key, { type: 'merge', subresource: 'scale', body: { spec: { replicas: 1 } } }, cluster.signal);
  await ready(cluster, 1);
  assert.deepEqual(order.went, ['db-3', 'db-2', 'db-1']);
  await cluster.until('told', () => cluster.informers.of(events).list('default').some(({ message }) => message === 'delete Pod db-3 in StatefulSet db successful'));
});

test('C39 Parallel makes all at once', async () => {
  await using cluster = await started(4, { podManagementPolicy: 'Parallel', template: template('db', 'bad') });
  await cluster.until('all there', () => names(cluster).length === 4);
  await change(cluster, { spec: { replicas: 1 } });
  await cluster.until('one left', () => names(cluster).join() === 'db-0');
});

test('C39 an update goes from the highest number down to its partition; back goes to the old revision', async () => {
  await using cluster = await started(3);
  await ready(cluster, 3);
  const first = set(cluster)!.status.currentRevision;
  await change(cluster, { spec: { updateStrategy: { rollingUpdate: { partition: 2 } }, template: template('db', 'web:2') } });
  await cluster.until('one updated', () => set(cluster)?.status.updatedReplicas === 1 && set(cluster)?.status.readyReplicas === 3);
  assert.deepEqual(images(cluster), { 0: '1', 1: '1', 2: '2' });
  assert.equal(set(cluster)!.status.currentRevision, first);
  const lowest = cluster.podsOf(labels).find(({ metadata }) => metadata.name === 'db-0')!;
  await cluster.client.delete(pods, keyOf(lowest), {}, cluster.signal);
  await cluster.until('made again', () => cluster.podsOf(labels).some((pod) => pod.metadata.name === 'db-0' && pod.metadata.uid !== lowest.metadata.uid && isPodReady(pod)));
  assert.equal(images(cluster)[0], '1');
  const order = watchOrder(cluster);
  await change(cluster, { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } });
  await ready(cluster, 3);
  await cluster.until('all of the new revision', () => set(cluster)?.status.currentRevision === set(cluster)?.status.updateRevision);
  assert.deepEqual(order.went, ['db-1', 'db-0']);
  // kubectl rollout undo sends the revision's data.
  const back = revisions(cluster).find(({ metadata }) => metadata.name === first)!;
  await cluster.client.patch(statefulSets, key, { type: 'strategic', body: back.data }, cluster.signal);
  await cluster.until('back', () => Object.values(images(cluster)).join() === '1,1,1');
  await ready(cluster, 3);
  assert.deepEqual(revisions(cluster).map(({ metadata, revision }) => `${revision} ${metadata.name === first}`), ['2 false', '3 true']);
});

test('C39 with maxUnavailable 2 two go at once; OnDelete waits for its user; old revisions are forgotten', async () => {
  await using cluster = await started(4, { revisionHistoryLimit: 0, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } });
  await ready(cluster, 4);
  let most = 0;
  cluster.informers.of(pods).onChange(() => void (most = Math.max(most, 4 - cluster.podsOf(labels).filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp).length)));
  most = 0;
  await change(cluster, { spec: { template: template('db', 'web:2') } });
  await ready(cluster, 4);
  assert.equal(most, 2);
  await change(cluster, { spec: { template: template('db', 'web:3'), updateStrategy: { type: 'OnDelete', rollingUpdate: null } } });
  await cluster.until('noticed', () => set(cluster)?.status.observedGeneration === set(cluster)?.metadata.generation);
  assert.deepEqual(new Set(Object.values(images(cluster))), new Set(['2']));
  await cluster.client.delete(pods, { namespace: 'default', name: 'db-1' }, {}, cluster.signal);
  await cluster.until('the new template', () => images(cluster)[1] === '3');
  await cluster.until('no idle revision', () => revisions(cluster).map(({ revision }) => revision).join() === '2,3');
});

test('C39 a Pod that ended is replaced under its name', async () => {
  await using cluster = await started(1);
  await ready(cluster, 1);
  const [pod] = cluster.podsOf(labels);
  await cluster.client.patch(pods, keyOf(pod!), { type: 'strategic', subresource: 'status', body: { status: { phase: 'Failed' } } }, cluster.signal);
  await cluster.until('another', () => cluster.podsOf(labels).some(({ metadata }) => metadata.uid !== pod!.metadata.uid));
  await ready(cluster, 1);
});

const plainClaims = defineKind({ kind: 'PersistentVolumeClaim', shortNames: ['pvc'] }) as Kind;
const moreKinds = kinds.some(({ plural }) => plural === plainClaims.plural) ? [] : [plainClaims];
const claimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } }];
const mounting = { ...template('db'), spec: { containers: [{ name: 'main', image: 'web:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } };

test('C39 each Pod has its claims; they stay, or go with a scale down or with the set, as the policy says', async () => {
  await using cluster = await started(2, { volumeClaimTemplates: claimTemplates, template: mounting }, { moreKinds, scheduler: false, kubelet: undefined });
  const claims = async () => (await cluster.client.list(claimResource, { namespace: 'default' }, cluster.signal)).items;
  const claim = async (name: string) => (await claims()).find(({ metadata }) => metadata.name === name);
  const run = async (name: string) => {
    const pod = await cluster.until(`${name} there`, () => cluster.podsOf(labels).find(({ metadata }) => metadata.name === name));
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    await cluster.client.patch(pods, keyOf(pod), { type: 'strategic', subresource: 'status', body: { status: { phase: 'Running', conditions } } }, cluster.signal);
    return pod;
  };
  const first = await run('db-0');
  assert.deepEqual(first.spec.volumes?.[0], { name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } });
  await run('db-1');
  await ready(cluster, 2);
  assert.deepEqual((await claims()).map(({ metadata }) => `${metadata.name} ${metadata.labels?.['app']} ${metadata.ownerReferences?.length ?? 0}`).sort(), ['data-db-0 db 0', 'data-db-1 db 0']);
  const kept = (await claim('data-db-1'))!.metadata.uid;
  await change(cluster, { spec: { replicas: 1 } });
  await ready(cluster, 1);
  await change(cluster, { spec: { replicas: 2 } });
  await run('db-1');
  await ready(cluster, 2);
  assert.equal((await claim('data-db-1'))!.metadata.uid, kept);
  await change(cluster, { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' } } });
  await ready(cluster, 2);
  assert.deepEqual((await claim('data-db-1'))!.metadata.ownerReferences?.map(({ kind }) => kind), ['StatefulSet']);
  await change(cluster, { spec: { replicas: 1 } });
  await ready(cluster, 1);
  await cluster.until('the Pod is gone', () => names(cluster).length === 1);
  // Gone with its Pod, or about to be collected.
  assert.deepEqual((await claim('data-db-1'))?.metadata.ownerReferences?.map(({ kind }) => kind) ?? ['Pod'], ['Pod']);
  assert.ok(await claim('data-db-0'));
});

const faults = { 'restarts after every write and conflicts': { restartAfter: 1, conflictEvery: 5, watchEvents: 1_000 }, 'lost watches and conflicts': { restartAfter: 1_000, conflictEvery: 3, watchEvents: 2 } };
for (const [what, fault] of Object.entries(faults)) test(`C39 through ${what}: every number once, in order, and nothing left over`, async () => {
  await using cluster = await startControlCluster({ kubelet, controllers: false });
  await using life = startHardLife(cluster, fault);
  const order = watchOrder(cluster);
  await cluster.addNode('a');
  await cluster.client.create(statefulSets, setOf(3), cluster.signal);
  await ready(cluster, 3);
  assert.deepEqual([order.came, order.early()], [['db-0', 'db-1', 'db-2'], 0]);
  await change(cluster, { spec: { template: template('db', 'web:2') } });
  await cluster.until('updated', () => Object.values(images(cluster)).join() === '2,2,2');
  await ready(cluster, 3);
  assert.deepEqual(order.went, ['db-2', 'db-1', 'db-0']);
  assert.equal(revisions(cluster).length, 2);
  await change(cluster, { spec: { replicas: 1 } });
  await ready(cluster, 1);
  await cluster.client.delete(statefulSets, key, {}, cluster.signal);
  await cluster.until('all gone', () => names(cluster).length === 0 && revisions(cluster).length === 0);
  console.log(`# ${life.lives} lives, ${life.conflicts} conflicts, ${life.lostWatches} lost watches`);
  assert.ok(life.conflicts > 3 && (fault.restartAfter > 1 ? life.lostWatches > 10 : life.lives > 15));
});
