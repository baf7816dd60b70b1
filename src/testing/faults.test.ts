import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, pods, startTestCluster, type Fault, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const deployment = (replicas: number) =>
  ({ metadata: { name: 'web', namespace: 'default' }, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } } } }) as never;
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, { namespace: 'default' }, never)).items;
const ready = (cluster: TestCluster, count: number) => async () => (await cluster.client.get(deployments, { namespace: 'default', name: 'web' }, never)).status.readyReplicas === count;

test('whatever crashes, after whichever step, the cluster comes to the same', async () => {
  for (const name of ['scheduler', 'controllers', 'node/node-0', 'api-server']) {
    for (let after = 0; after < 6; after++) {
      await using cluster = await startTestCluster({ nodes: 1, seed: after });
      await cluster.client.create(deployments, deployment(2), never);
      for (let step = 0; step < after; step++) await cluster.step();
      await cluster.restart(name);
      await cluster.runUntil(ready(cluster, 2), { what: `2 are ready although ${name} crashed after ${after} steps`, withinMs: 120_000 });
      assert.equal((await all(cluster)).length, 2);
    }
  }
});

test('what is down does nothing; what comes back takes up the work', async () => {
  await using cluster = await startTestCluster();
  await cluster.crash('scheduler');
  await cluster.client.create(deployments, deployment(1), never);
  await cluster.advance(60_000);
  assert.deepEqual((await all(cluster)).map(({ spec }) => spec.nodeName), [undefined]);
  await cluster.restart('scheduler');
  await cluster.runUntil(ready(cluster, 1));
  await cluster.crash('api-server');
  await assert.rejects(all(cluster), { code: 503 });
  await cluster.advance(10_000);
  await cluster.restart('api-server');
  await cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, { type: 'merge', body: { spec: { replicas: 3 } } }, never);
  await cluster.runUntil(ready(cluster, 3));
});

test('an agent that crashes finds its containers again', async () => {
  await using cluster = await startTestCluster();
  await cluster.client.create(deployments, deployment(2), never);
  await cluster.runUntil(ready(cluster, 2));
  const ids = () => [...cluster.nodes[0]!.machine.containers].map(({ state }) => state.id).sort();
  const before = ids();
  cluster.nodes[0]!.crashAgent();
  await cluster.advance(20_000);
  cluster.nodes[0]!.start();
  await cluster.advance(20_000);
  assert.deepEqual(ids(), before);
  assert.ok((await all(cluster)).every(({ status }) => status.containerStatuses?.[0]?.restartCount === 0));
});

test('writes that fail are tried again', async () => {
  await using cluster = await startTestCluster();
  using _fault = cluster.inject({ on: 'write', effect: 'fail', resource: 'pods', verb: 'create', times: 3, error: { code: 500, reason: 'InternalError' } });
  await cluster.client.create(deployments, deployment(2), never);
  await cluster.settle();
  assert.ok((await all(cluster)).length < 2);
  await cluster.runUntil(ready(cluster, 2));
});

test('a write whose answer is lost is not done twice', async () => {
  await using cluster = await startTestCluster();
  using _fault = cluster.inject({ on: 'write', effect: 'lose-answer', by: 'controllers', resource: 'pods', verb: 'create', times: 2 });
  await cluster.client.create(deployments, deployment(3), never);
  await cluster.runUntil(ready(cluster, 3));
  await cluster.advance(600_000);
  assert.equal((await all(cluster)).length, 3);
});

test('an end that meets a conflict has not come about: it is asked for again at once', async () => {
  await using cluster = await startTestCluster();
  await cluster.client.create(deployments, deployment(3), never);
  await cluster.runUntil(ready(cluster, 3));
  using _fault = cluster.inject({ on: 'write', effect: 'fail', by: 'controllers', resource: 'pods', verb: 'delete', times: 2, error: { code: 409, reason: 'Conflict' } });
  await cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, { type: 'merge', body: { spec: { replicas: 1 } } }, never);
  await cluster.advance(5_000);
  assert.equal((await all(cluster)).length, 1);
});

test('watches that are dropped, expired or late lose nothing', async () => {
  for (const fault of [{ on: 'watch', effect: 'drop', times: 4 }, { on: 'watch', effect: 'expire', times: 4 }, { on: 'watch', effect: 'delay', delayMs: 3_000, by: 'scheduler' }] satisfies Fault[]) {
    await using cluster = await startTestCluster({ nodes: 2 });
    using _fault = cluster.inject(fault);
    if (fault.effect === 'delay') await cluster.restart('scheduler');
    await cluster.client.create(deployments, deployment(2), never);
    await cluster.runUntil(ready(cluster, 2), { what: `2 are ready although watches ${fault.effect}`, withinMs: 120_000 });
    if (fault.effect === 'delay') assert.ok(cluster.clock.monotonicMs() >= 3_000);
  }
});

test('one write of many is met, by what it is, and brings down the one who made it', async () => {
  await using cluster = await startTestCluster();
  const met: string[] = [];
  let creates = 0;
  using _fault = cluster.inject({
    on: 'write', effect: 'lose-answer', by: 'controllers', times: 1,
    where: ({ verb, resource }) => verb === 'create' && resource.plural === 'pods' && ++creates === 1,
    onMet: ({ resource }) => {
      met.push(resource.plural);
      void cluster.crash('controllers');
    },
  });
  await cluster.client.create(deployments, deployment(3), never);
  await cluster.advance(60_000);
  assert.deepEqual([met, (await all(cluster)).length], [['pods'], 1]);
  await cluster.restart('controllers');
  await cluster.runUntil(ready(cluster, 3));
  assert.equal((await all(cluster)).length, 3);
});

test('writes come late', async () => {
  await using cluster = await startTestCluster();
  using _fault = cluster.inject({ on: 'write', effect: 'delay', delayMs: 5_000, by: 'node/node-0', subresource: 'status' });
  await cluster.client.create(deployments, deployment(1), never);
  await cluster.runUntil(ready(cluster, 1));
  assert.ok(cluster.clock.monotonicMs() >= 5_000);
});

const nonsense: readonly (readonly [object, RegExp])[] = [
  [{ on: 'write', effect: 'drop' }, /^fault\.effect: Invalid value: "drop": of a write must be one of fail, lose-answer, delay$/],
  [{ on: 'call', effect: 'fail' }, /^fault\.on: Invalid value: "call"/],
  [{ on: 'write', effect: 'fail', by: 'kubelet' }, /^fault\.by: Invalid value: "kubelet": must be one of api-server, controllers, kubernetes-service, scheduler, node\/node-0, test$/],
  [{ on: 'write', effect: 'fail', chance: 2 }, /^fault\.chance: Invalid value: 2: must be from 0 to 1$/],
  [{ on: 'write', effect: 'delay' }, /^fault\.delayMs: Invalid value: undefined: must say how long$/],
  [{ on: 'write', effect: 'fail', time: 2 }, /^fault\.time: Invalid value: 2: there is no such field$/],
];
test('faults that make no sense are refused, with their path', async () => {
  await using cluster = await startTestCluster();
  for (const [fault, message] of nonsense) assert.throws(() => cluster.inject(fault as Fault), { message });
  assert.throws(() => cluster.node('node-7'), /^UserError: node: Not found: "node-7": there are node-0$/);
  await assert.rejects(cluster.crash('kubelet'), { message: /^component: Not found: "kubelet"/ });
});
