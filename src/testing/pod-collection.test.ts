import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, pods, replicaSets, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, { namespace: 'default' }, never)).items;
const names = async (cluster: TestCluster) => (await all(cluster)).map(({ metadata }) => metadata.name).sort();
const finished = async (cluster: TestCluster) => (await all(cluster)).filter(({ status }) => status.phase === 'Succeeded' || status.phase === 'Failed');
const job = (cluster: TestCluster, name: string, exit: number, spec: object = {}) =>
  cluster.client.create(pods, { metadata: { name, namespace: 'default', annotations: { 'simulated.peapod.dev/main': `run=1s,exit=${exit},message=done` } }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'a' }], ...spec } } as never, never);

test('C34 a Pod that has finished stays, with what became of it, for as long as nobody deletes it', async () => {
  await using cluster = await startTestCluster();
  await job(cluster, 'fails', 3);
  await job(cluster, 'succeeds', 0);
  await cluster.runUntil(async () => (await finished(cluster)).length === 2);
  const told = async () => (await all(cluster)).map(({ metadata, status }) => [metadata.name, status.phase, status.containerStatuses?.[0]?.state?.terminated?.exitCode, status.containerStatuses?.[0]?.state?.terminated?.reason, status.containerStatuses?.[0]?.state?.terminated?.message]);
  const before = await told();
  assert.deepEqual(before, [['fails', 'Failed', 3, 'Error', 'done'], ['succeeds', 'Succeeded', 0, 'Completed', 'done']]);
  await cluster.advance(3 * 3_600_000);
  assert.deepEqual(await told(), before, 'hours later');
  await cluster.restart('node/node-0');
  await cluster.restart('controllers');
  await cluster.advance(60_000);
  assert.deepEqual(await told(), before, 'and after restarts');
  await cluster.client.delete(pods, { namespace: 'default', name: 'fails' }, {}, never);
  await cluster.settle();
  assert.deepEqual(await names(cluster), ['succeeds']);
});

test('C34 past the threshold the oldest go, and those that run are not counted', async () => {
  await using cluster = await startTestCluster({ terminatedPodGcThreshold: 3 });
  await cluster.client.create(pods, { metadata: { name: 'runs', namespace: 'default' }, spec: { containers: [{ name: 'main', image: 'a' }] } } as never, never);
  for (let n = 0; n < 6; n++) {
    await job(cluster, `job-${n}`, n % 2);
    await cluster.advance(2_000);
  }
  await cluster.advance(60_000);
  assert.deepEqual(await names(cluster), ['job-3', 'job-4', 'job-5', 'runs']);
  assert.equal([...cluster.nodes[0]!.machine.podUids].length, 4, 'their sandboxes went with them');
});

test('C34 threshold 0: all are kept', async () => {
  await using cluster = await startTestCluster({ terminatedPodGcThreshold: 0 });
  for (let n = 0; n < 4; n++) await job(cluster, `job-${n}`, 0);
  await cluster.advance(120_000);
  assert.equal((await all(cluster)).length, 4);
});

test('C34 Pods of a node that is gone for good are collected after 40 s, as failed, and replaced', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'a' }] } };
  await cluster.client.create(replicaSets, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template } } as never, never);
  await job(cluster, 'finished', 0, { nodeName: 'node-1' });
  const ready = async () => (await cluster.client.get(replicaSets, { namespace: 'default', name: 'web' }, never)).status.readyReplicas === 4;
  await cluster.runUntil(async () => (await ready()) && (await finished(cluster)).length === 1);
  const lost = (await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-1').map(({ metadata }) => metadata.name).sort();
  assert.ok(lost.length > 1);
  const seen: string[] = [];
  const watching = new AbortController();
  const watched = (async () => {
    for await (const event of cluster.client.watch(pods, { namespace: 'default' }, watching.signal)) {
      if (event.type !== 'MODIFIED' && event.type !== 'DELETED') continue;
      const { metadata, status } = event.object;
      if (lost.includes(metadata.name) && metadata.name !== 'finished' && status.phase === 'Failed') seen.push(`${event.type} ${status.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason}`);
    }
  })().catch(() => {});
  cluster.node('node-1').kill();
  await cluster.client.delete(nodes, { namespace: '', name: 'node-1' }, {}, never);
  await cluster.advance(39_000);
  assert.deepEqual((await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-1').map(({ metadata }) => metadata.name).sort(), lost, 'it may only be being made anew');
  await cluster.advance(6_000);
  assert.deepEqual((await all(cluster)).filter(({ spec }) => spec.nodeName === 'node-1'), []);
  await cluster.runUntil(ready);
  watching.abort();
  await watched;
  assert.deepEqual([...new Set(seen)].sort(), ['DELETED DeletionByPodGC', 'MODIFIED DeletionByPodGC']);
});

test('C34 a node that comes back in time keeps its Pods', async () => {
  await using cluster = await startTestCluster({ nodes: 1 });
  await cluster.client.create(pods, { metadata: { name: 'web', namespace: 'default' }, spec: { nodeName: 'node-0', containers: [{ name: 'main', image: 'a' }] } } as never, never);
  await cluster.runUntil(async () => (await all(cluster))[0]!.status.phase === 'Running');
  const { uid } = (await all(cluster))[0]!.metadata;
  cluster.node('node-0').crashAgent();
  await cluster.client.delete(nodes, { namespace: '', name: 'node-0' }, {}, never);
  await cluster.advance(30_000);
  cluster.node('node-0').start();
  await cluster.advance(300_000);
  assert.deepEqual((await all(cluster)).map(({ metadata, status }) => [metadata.uid, status.phase]), [[uid, 'Running']]);
});

test('C34, C36 on a node that is declared out of service what ends is not waited for', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  await cluster.client.create(pods, { metadata: { name: 'web', namespace: 'default' }, spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'a' }] } } as never, never);
  await cluster.runUntil(async () => (await all(cluster))[0]!.status.phase === 'Running');
  cluster.node('node-1').kill();
  await cluster.advance(60_000);
  await cluster.client.delete(pods, { namespace: 'default', name: 'web' }, {}, never);
  await cluster.advance(600_000);
  assert.deepEqual(await names(cluster), ['web'], 'nobody knows whether it still runs');
  await cluster.client.patch(nodes, { namespace: '', name: 'node-1' }, { type: 'strategic', body: { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }] } } }, never);
  await cluster.settle();
  assert.deepEqual(await names(cluster), []);
});
