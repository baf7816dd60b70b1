// C36, C39: a write that loses a race is no end of the matter, and nobody counts from an old picture.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerRevisions, daemonSets, deployments, jobs, nodes, pods, replicaSets, startTestCluster, type Job, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const conflict = { code: 409, reason: 'Conflict' };
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, { namespace: 'default' }, never)).items;
const readyOf = (pod: Pod) => pod.status.conditions?.find(({ type }) => type === 'Ready')?.status;
const template = (image = 'web:1', more: object = {}) => ({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }], ...more } });
const key = { namespace: 'default', name: 'web' };
const selector = { matchLabels: { app: 'web' } };
/** What the controllers hear of a kind comes late from now on. */
async function late(cluster: TestCluster, resource: string): Promise<void> {
  cluster.inject({ on: 'watch', effect: 'delay', delayMs: 700, by: 'controllers', resource });
  await cluster.restart('controllers');
  await cluster.settle();
}

for (const [what, fault] of [['its condition', { verb: 'patch', subresource: 'status' }], ['its end', { verb: 'delete' }]] as const) {
  test(`C36 a Pod that is to leave a tainted node leaves it although ${what} met a conflict`, async () => {
    await using cluster = await startTestCluster({ nodes: 2 });
    await cluster.client.create(pods, { metadata: key, spec: { nodeName: 'node-0', ...template().spec } } as never, never);
    await cluster.runUntil(async () => (await all(cluster)).some((pod) => readyOf(pod) === 'True'));
    using _fault = cluster.inject({ on: 'write', effect: 'fail', error: conflict, by: 'controllers', resource: 'pods', times: 1, ...fault });
    await cluster.client.patch(nodes, { namespace: '', name: 'node-0' }, { type: 'merge', body: { spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] } } }, never);
    await cluster.runUntil(async () => (await all(cluster)).length === 0, { withinMs: 60_000 });
  });
}

test('C36 the Pods of a node that is lost are doubted although one such write met a conflict', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  await cluster.client.create(pods, { metadata: key, spec: { nodeName: 'node-0', ...template().spec } } as never, never);
  await cluster.runUntil(async () => (await all(cluster)).some((pod) => readyOf(pod) === 'True'));
  using _fault = cluster.inject({ on: 'write', effect: 'fail', error: conflict, by: 'controllers', resource: 'pods', subresource: 'status', times: 1 });
  cluster.node('node-0').kill();
  await cluster.advance(60_000);
  assert.deepEqual((await all(cluster)).map(readyOf), ['False']);
});

test('C34 finished Pods are collected although one of the deletions met a conflict', async () => {
  await using cluster = await startTestCluster({ terminatedPodGcThreshold: 1 });
  using _fault = cluster.inject({ on: 'write', effect: 'fail', error: conflict, by: 'controllers', resource: 'pods', verb: 'delete', times: 1 });
  for (const name of ['a', 'b']) await cluster.client.create(pods, { metadata: { name, namespace: 'default', annotations: { 'simulated.peapod.dev/main': 'run=1s' } }, spec: { ...template().spec, restartPolicy: 'Never' } } as never, never);
  await cluster.advance(10_000);
  assert.equal((await all(cluster)).length, 1);
});

test('C39 a Pod whose creation may have come about, for nobody heard, is not made again', async () => {
  await using cluster = await startTestCluster();
  await late(cluster, 'pods');
  using _fault = cluster.inject({ on: 'write', effect: 'lose-answer', by: 'controllers', resource: 'pods', verb: 'create', times: 1 });
  const made = new Set<string>();
  await cluster.client.create(replicaSets, { metadata: key, spec: { replicas: 2, selector, template: template() } } as never, never);
  await cluster.runUntil(async () => {
    for (const { metadata } of await all(cluster)) made.add(metadata.uid);
    return (await cluster.client.get(replicaSets, key, never)).status.readyReplicas === 2;
  });
  await cluster.advance(60_000);
  for (const { metadata } of await all(cluster)) made.add(metadata.uid);
  assert.equal(made.size, 2);
});

test('C39 revisions are numbered by those that there are, although the newest have not been seen yet', async () => {
  await using cluster = await startTestCluster();
  await late(cluster, 'controllerrevisions');
  await cluster.client.create(daemonSets, { metadata: key, spec: { selector, template: template() } } as never, never);
  await cluster.settle();
  await cluster.client.patch(daemonSets, key, { type: 'merge', body: { spec: { template: template('web:2') } } }, never);
  await cluster.advance(30_000);
  assert.deepEqual((await cluster.client.list(controllerRevisions, { namespace: 'default' }, never)).items.map(({ revision }) => revision).sort(), [1, 2]);
});

test('C39 a Deployment does not tell of the rollout before when only the end of this one was seen', async () => {
  await using cluster = await startTestCluster();
  await late(cluster, 'deployments');
  await cluster.client.create(deployments, { metadata: key, spec: { selector, template: template(), strategy: { type: 'Recreate' } } } as never, never);
  await cluster.advance(30_000);
  await cluster.client.patch(deployments, key, { type: 'merge', body: { spec: { template: template('web:2') } } }, never);
  await cluster.advance(30_000);
  const now = (await cluster.client.list(replicaSets, { namespace: 'default' }, never)).items.find(({ spec }) => spec.replicas === 1)!;
  const progressing = (await cluster.client.get(deployments, key, never)).status.conditions!.find(({ type }) => type === 'Progressing')!;
  assert.equal(progressing.message, `ReplicaSet "${now.metadata.name}" has successfully progressed.`);
});

const job = (more: object) => ({ metadata: key, spec: { template: { ...template(), spec: { ...template().spec, restartPolicy: 'Never' }, metadata: { annotations: { 'simulated.peapod.dev/main': 'run=5s' } } }, ...more } }) as never;

test('C39 a Job does not count from a status that is older than the one it wrote', async () => {
  await using cluster = await startTestCluster();
  await late(cluster, 'jobs');
  const made = new Set<string>();
  const watching = new AbortController();
  const watched = (async () => {
    for await (const { type, object } of cluster.client.watch(pods, { namespace: 'default' }, watching.signal)) if (type === 'ADDED') made.add(object.metadata.uid);
  })();
  await cluster.client.create(jobs, job({ completions: 2, parallelism: 2 }), never);
  await cluster.advance(1_000);
  // One fails, and its place waits for a while; the other succeeds meanwhile, and that ends the wait: one more is to be made, not two.
  [...cluster.nodes[0]!.machine.containers][0]!.kill();
  const complete = ({ status }: Job) => status.conditions?.some(({ type, status: value }) => type === 'Complete' && value === 'True');
  await cluster.runUntil(async () => complete(await cluster.client.get(jobs, key, never)));
  await cluster.advance(30_000);
  watching.abort();
  await watched;
  assert.equal(made.size, 3);
  const { succeeded, failed } = (await cluster.client.get(jobs, key, never)).status;
  assert.deepEqual([succeeded, failed], [2, 1]);
});

test('C39 a Pod of a Job that has not been seen yet is not let go', async () => {
  await using cluster = await startTestCluster();
  await late(cluster, 'jobs');
  const { metadata: { uid } } = await cluster.client.create(jobs, job({ suspend: true }), never);
  const finalizers = ['batch.kubernetes.io/job-tracking'];
  const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'web', uid, controller: true }];
  await cluster.client.create(pods, { metadata: { name: 'restored', namespace: 'default', finalizers, ownerReferences }, spec: template().spec } as never, never);
  await cluster.advance(300);
  assert.deepEqual((await cluster.client.get(pods, { namespace: 'default', name: 'restored' }, never)).metadata.finalizers, finalizers);
});
