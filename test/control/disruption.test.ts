import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '../../src/api/error.ts';
import { events, podDisruptionBudgets } from '../../src/api/kinds/index.ts';
import { isBeingDeleted, isPodReady } from '../../src/api/meta.ts';
import { keyOf } from '../../src/client/client.ts';
import { conditionText, deploymentOf, deployments, nodes, podOf, pods, startControlCluster, type ControlCluster } from './control-cluster.ts';

const budgetOf = (name: string, spec: object) => ({ metadata: { name, namespace: 'default' }, spec: { selector: { matchLabels: { app: 'web' } }, ...spec } as never });
const evict = ({ client, signal }: ControlCluster, name: string) =>
  client.createSub(pods, { namespace: 'default', name }, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } }, signal);
const budget = ({ informers }: ControlCluster, name: string) => informers.of(podDisruptionBudgets).get({ namespace: 'default', name });
const ready = (cluster: ControlCluster) => cluster.podsOf({ app: 'web' }).filter((pod) => isPodReady(pod) && !isBeingDeleted(pod));

test('C38 a budget is counted, and evictions take no more than it allows', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 0, graceMs: 5 } });
  await cluster.addNode('a');
  await cluster.client.create(deployments, deploymentOf('web', 3), cluster.signal);
  await cluster.client.create(podDisruptionBudgets, budgetOf('web', { maxUnavailable: '34%' }), cluster.signal);
  // 34 % of 3 is rounded up to two.
  const { status } = await cluster.until('counted', () => {
    const now = budget(cluster, 'web');
    return now?.status.currentHealthy === 3 ? now : undefined;
  });
  assert.deepEqual([status.expectedPods, status.desiredHealthy, status.disruptionsAllowed, status.observedGeneration], [3, 1, 2, 1]);
  assert.equal(conditionText(budget(cluster, 'web')! as never, 'DisruptionAllowed'), 'True SufficientPods');
  const names = ready(cluster).map(({ metadata }) => metadata.name);
  // Two are granted and the third is refused, for the API counts before the controller does.
  const answers = await Promise.allSettled(names.map((name) => evict(cluster, name)));
  assert.deepEqual(answers.map((answer) => answer.status).sort(), ['fulfilled', 'fulfilled', 'rejected']);
  const refused = answers.find((answer) => answer.status === 'rejected')!.reason;
  assert.ok(isReason(refused, 'TooManyRequests'));
  assert.equal(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  const kept = names[answers.findIndex(({ status: how }) => how === 'rejected')]!;
  await cluster.until('replaced', () => ready(cluster).length === 3 && budget(cluster, 'web')?.status.disruptionsAllowed === 2);
  assert.deepEqual(budget(cluster, 'web')!.status.disruptedPods, undefined);
  await evict(cluster, kept);
});

test('C38 a drained node is emptied without ever going below the budget', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 5, graceMs: 5 } });
  await cluster.addNode('a');
  await cluster.addNode('b');
  await cluster.client.create(deployments, deploymentOf('web', 4), cluster.signal);
  await cluster.client.create(podDisruptionBudgets, budgetOf('web', { minAvailable: 3 }), cluster.signal);
  await cluster.until('ready and counted', () => ready(cluster).length === 4 && budget(cluster, 'web')?.status.disruptionsAllowed === 1);
  let fewest = 4;
  using _watching = cluster.informers.of(pods).onChange(() => void (fewest = Math.min(fewest, ready(cluster).length)));
  const node = await cluster.client.get(nodes, { namespace: '', name: 'a' }, cluster.signal);
  await cluster.client.update(nodes, { ...node, spec: { ...node.spec, unschedulable: true } }, cluster.signal);
  const here = () => cluster.podsOf({ app: 'web' }).filter(({ spec }) => spec.nodeName === 'a');
  let refusals = 0;
  for (let next = here()[0]; next; next = here()[0]) {
    const { name, uid } = next.metadata;
    try {
      await evict(cluster, name);
      await cluster.until('gone', () => cluster.informers.of(pods).get(keyOf(next!))?.metadata.uid !== uid);
    } catch (error) {
      assert.ok(isReason(error, 'TooManyRequests'), String(error));
      refusals++;
      await cluster.until('one more may go', () => (budget(cluster, 'web')?.status.disruptionsAllowed ?? 0) > 0);
    }
  }
  await cluster.until('all on b', () => ready(cluster).filter(({ spec }) => spec.nodeName === 'b').length === 4);
  assert.ok(fewest >= 3, `${fewest} were ready`);
  assert.ok(refusals > 0, 'nothing was ever refused');
});

test('C38 a budget that cannot be counted allows nothing, and says why', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 0, graceMs: 5 } });
  await cluster.addNode('a');
  const owner = { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'u', controller: true };
  const pod = podOf('web');
  await cluster.client.create(pods, { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } }, cluster.signal);
  await cluster.client.create(podDisruptionBudgets, budgetOf('web', { maxUnavailable: 1 }), cluster.signal);
  const failed = await cluster.until('said', () => budget(cluster, 'web')?.status.conditions?.find(({ reason }) => reason === 'SyncFailed'));
  assert.equal(failed.message, 'found no controllers for pod "web"');
  await cluster.client.create(pods, podOf('alone'), cluster.signal);
  await cluster.client.create(podDisruptionBudgets, { ...budgetOf('alone', { maxUnavailable: 1 }), spec: { selector: { matchLabels: { app: 'alone' } }, maxUnavailable: 1 } as never }, cluster.signal);
  const event = await cluster.until('told', () => cluster.informers.of(events).list('default').find(({ reason }) => reason === 'UnmanagedPods'));
  assert.match(event.message!, /^Pods selected by this PodDisruptionBudget \(selector: app=alone\) were found to be unmanaged\./);
});
