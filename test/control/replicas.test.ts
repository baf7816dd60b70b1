import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, replicationControllers } from '../../src/api/kinds/index.ts';
import { controllerOf, isBeingDeleted, isPodActive } from '../../src/api/meta.ts';
import { keyOf } from '../../src/client/client.ts';
import { clock, podOf, pods, replicaSetOf, replicaSets, startControlCluster, template } from './control-cluster.ts';

const kubelet = { readyMs: 1, graceMs: 200 };

test('C39 a ReplicaSet makes its Pods, shows them in its status, and tells of it', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a');
  await cluster.client.create(replicaSets, replicaSetOf('web', 3), cluster.signal);
  const set = await cluster.until('3 available', () => {
    const found = cluster.informers.of(replicaSets).get({ namespace: 'default', name: 'web' });
    return found?.status.availableReplicas === 3 && found;
  });
  assert.deepEqual([set.status.replicas, set.status.readyReplicas, set.status.fullyLabeledReplicas, set.status.observedGeneration], [3, 3, 3, 1]);
  assert.equal(cluster.podsOf({ app: 'web' }).length, 3);
  await cluster.until('events', () => cluster.informers.of(events).list('default').filter(({ reason }) => reason === 'SuccessfulCreate').length === 3);
});

test('C29 a Pod that ends is replaced at once, not after its grace', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 60_000 } });
  await cluster.addNode('a');
  await cluster.client.create(replicaSets, replicaSetOf('web', 2), cluster.signal);
  await cluster.until('2 ready', () => cluster.informers.of(replicaSets).get({ namespace: 'default', name: 'web' })?.status.readyReplicas === 2);
  const victim = cluster.podsOf({ app: 'web' })[0]!;
  const startedMs = clock.monotonicMs();
  await cluster.client.delete(pods, keyOf(victim), {}, cluster.signal);
  await cluster.until('a third', () => cluster.podsOf({ app: 'web' }).length === 3);
  const tookMs = clock.monotonicMs() - startedMs;
  console.log(`# replaced after ${tookMs.toFixed(1)} ms`);
  assert.ok(cluster.podsOf({ app: 'web' }).some(isBeingDeleted), 'the old one is still ending');
  assert.equal(cluster.podsOf({ app: 'web' }).filter(isPodActive).length, 2);
});

test('C39 scaled down it gives up the Pods that matter least; scaled to what it has, it does nothing', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a');
  await cluster.client.create(replicaSets, replicaSetOf('web', 4), cluster.signal);
  await cluster.until('4 ready', () => cluster.informers.of(replicaSets).get({ namespace: 'default', name: 'web' })?.status.readyReplicas === 4);
  const cheap = cluster.podsOf({ app: 'web' })[2]!;
  await cluster.client.patch(pods, keyOf(cheap), { type: 'merge', body: { metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } } } }, cluster.signal);
  await cluster.until('noted', () => cluster.informers.of(pods).get(keyOf(cheap))?.metadata.annotations);
  await cluster.client.patch(replicaSets, { namespace: 'default', name: 'web' }, { type: 'merge', body: { spec: { replicas: 3 } } }, cluster.signal);
  await cluster.until('3 left', () => cluster.podsOf({ app: 'web' }).length === 3);
  assert.equal(cluster.informers.of(pods).get(keyOf(cheap)), undefined);
});

test('C39 Pods are adopted and released by label', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a');
  await cluster.client.create(pods, podOf('web'), cluster.signal);
  await cluster.client.create(replicaSets, replicaSetOf('web', 2), cluster.signal);
  await cluster.until('2 of it', () => cluster.podsOf({ app: 'web' }).filter((pod) => controllerOf(pod)?.kind === 'ReplicaSet').length === 2);
  assert.equal(cluster.podsOf({ app: 'web' }).length, 2);
  await cluster.client.patch(pods, { namespace: 'default', name: 'web' }, { type: 'merge', body: { metadata: { labels: { app: 'debug' } } } }, cluster.signal);
  await cluster.until('released', () => cluster.podsOf({ app: 'debug' }).some((pod) => !controllerOf(pod)));
  await cluster.until('replaced', () => cluster.podsOf({ app: 'web' }).length === 2);
});

test('C39 a ReplicationController does the same, and Failed Pods are replaced', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a');
  await cluster.client.create(replicationControllers, { metadata: { name: 'old', namespace: 'default' }, spec: { replicas: 2, selector: { app: 'old' }, template: template('old') } as never }, cluster.signal);
  const rc = () => cluster.informers.of(replicationControllers).get({ namespace: 'default', name: 'old' });
  await cluster.until('2 ready', () => rc()?.status.readyReplicas === 2);
  const failed = cluster.podsOf({ app: 'old' })[0]!;
  await cluster.client.patch(pods, keyOf(failed), { type: 'strategic', subresource: 'status', body: { status: { phase: 'Failed', reason: 'Evicted' } } }, cluster.signal);
  await cluster.until('a third', () => cluster.podsOf({ app: 'old' }).length === 3);
  await cluster.until('2 ready again', () => rc()?.status.readyReplicas === 2 && rc()?.status.replicas === 2);
});

test('C39 a hundred Pods are made once each', async () => {
  await using cluster = await startControlCluster({ kubelet });
  await cluster.addNode('a', { allocatable: { cpu: '64', memory: '64Gi', pods: '500' } });
  const startedMs = clock.monotonicMs();
  await cluster.client.create(replicaSets, replicaSetOf('web', 100), cluster.signal);
  await cluster.until('100 ready', () => cluster.informers.of(replicaSets).get({ namespace: 'default', name: 'web' })?.status.readyReplicas === 100);
  console.log(`# 100 replicas made, bound and ready in ${(clock.monotonicMs() - startedMs).toFixed(0)} ms`);
  assert.equal(cluster.podsOf({ app: 'web' }).length, 100);
});

test('C39 what owners leave behind is collected: in the background, in the foreground, or left as orphans', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 5 } });
  await cluster.addNode('a');
  for (const [name, propagationPolicy] of [['background', 'Background'], ['foreground', 'Foreground'], ['orphan', 'Orphan']] as const) {
    await cluster.client.create(replicaSets, replicaSetOf(name, 2), cluster.signal);
    const set = () => cluster.informers.of(replicaSets).get({ namespace: 'default', name });
    await cluster.until('2 ready', () => set()?.status.readyReplicas === 2);
    await cluster.client.delete(replicaSets, { namespace: 'default', name }, { propagationPolicy }, cluster.signal);
    await cluster.until(`${name}: the set is gone`, () => !set());
    if (propagationPolicy === 'Foreground') assert.equal(cluster.podsOf({ app: name }).length, 0);
    if (propagationPolicy === 'Orphan') assert.equal(cluster.podsOf({ app: name }).filter((pod) => !controllerOf(pod)).length, 2);
    else await cluster.until(`${name}: its Pods are gone`, () => cluster.podsOf({ app: name }).length === 0);
  }
});
