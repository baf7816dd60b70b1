import assert from 'node:assert/strict';
import { test } from 'node:test';
import { priorityClasses } from '../api/kinds/priority-class.ts';
import { deployments, nodes, pods, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const get = (cluster: TestCluster, name: string): Promise<Pod> => cluster.client.get(pods, { namespace: 'kube-system', name }, never);
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, {}, never)).items;
const running = async (cluster: TestCluster) => (await all(cluster)).every(({ status }) => status.phase === 'Running');

const create = (cluster: TestCluster, name: string, script: string, spec: object = {}) =>
  cluster.client.create(pods, { metadata: { name, namespace: 'kube-system', annotations: { 'simulated.peapod.dev/main': script } }, spec: { nodeName: 'node-0', containers: [{ name: 'main', image: 'a' }], ...spec } } as never, never);
const critical = { priorityClassName: 'system-cluster-critical' };

/** Begins the shutdown; what is given tells when it is over. */
function shutDown(cluster: TestCluster): { over: boolean } {
  const state = { over: false };
  void cluster.node('node-0').shutDown().then(() => (state.over = true));
  return state;
}

test('C35 ordinary Pods end first, critical ones last, each group within its time', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'node-0', shutdown: { totalSeconds: 100, criticalSeconds: 40 } }] });
  await create(cluster, 'quick', '');
  await create(cluster, 'slow', 'end-after=20s');
  await create(cluster, 'ignoring', 'ignore-term', { terminationGracePeriodSeconds: 600 });
  await create(cluster, 'short', 'ignore-term', { terminationGracePeriodSeconds: 5 });
  await create(cluster, 'critical', 'end-after=10s', critical);
  await create(cluster, 'critical-ignoring', 'ignore-term', { ...critical, terminationGracePeriodSeconds: 600 });
  await cluster.runUntil(() => running(cluster));
  const containers = new Map([...cluster.nodes[0]!.machine.containers].map((one) => [one.state.pod.name, one]));
  const beganMs = cluster.clock.wallMs();
  const shutdown = shutDown(cluster);
  await cluster.runUntil(() => shutdown.over);
  assert.equal((cluster.clock.wallMs() - beganMs) / 1000, 100);
  const seconds = Object.fromEntries([...containers].map(([name, { signalledAtMs, state }]) => [name, [(signalledAtMs! - beganMs) / 1000, (state.finishedAtMs - beganMs) / 1000]]));
  assert.deepEqual(seconds, { quick: [0, 0], slow: [0, 20], ignoring: [0, 60], short: [0, 5], critical: [60, 70], 'critical-ignoring': [60, 100] });
  for (const { status } of await all(cluster)) {
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Terminated', 'Pod was terminated in response to imminent node shutdown.']);
    const disruption = status.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([disruption?.status, disruption?.reason, disruption?.message], ['True', 'TerminationByKubelet', 'Pod was terminated in response to imminent node shutdown.']);
  }
});

test('C35 where all have ended early nobody waits, nor for a group without Pods', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'node-0', shutdown: { totalSeconds: 100, criticalSeconds: 40 } }] });
  await create(cluster, 'slow', 'end-after=20s', { terminationGracePeriodSeconds: 30 });
  await cluster.runUntil(() => running(cluster));
  const beganMs = cluster.clock.wallMs();
  const shutdown = shutDown(cluster);
  await cluster.runUntil(() => shutdown.over);
  assert.equal((cluster.clock.wallMs() - beganMs) / 1000, 20);
});

test('C35 by ranges of priorities: each has its own time, and begins when the one below has ended', async () => {
  const byPriority = [{ priority: 0, seconds: 10 }, { priority: 1000, seconds: 50 }, { priority: 2_000_000_000, seconds: 30 }];
  await using cluster = await startTestCluster({ nodes: [{ name: 'node-0', shutdown: { totalSeconds: 0, criticalSeconds: 0, byPriority } }] });
  for (const [name, value] of [['web', 1000], ['database', 5000]] as const) await cluster.client.create(priorityClasses, { metadata: { name }, value } as never, never);
  await create(cluster, 'plain', 'ignore-term', { terminationGracePeriodSeconds: 600 });
  await create(cluster, 'web', 'end-after=20s', { priorityClassName: 'web', terminationGracePeriodSeconds: 600 });
  await create(cluster, 'database', 'ignore-term', { priorityClassName: 'database', terminationGracePeriodSeconds: 40 });
  await create(cluster, 'critical', 'ignore-term', { ...critical, terminationGracePeriodSeconds: 600 });
  await cluster.runUntil(() => running(cluster));
  const containers = new Map([...cluster.nodes[0]!.machine.containers].map((one) => [one.state.pod.name, one]));
  const beganMs = cluster.clock.wallMs();
  const shutdown = shutDown(cluster);
  await cluster.runUntil(() => shutdown.over);
  const seconds = Object.fromEntries([...containers].map(([name, { signalledAtMs, state }]) => [name, [(signalledAtMs! - beganMs) / 1000, (state.finishedAtMs - beganMs) / 1000]]));
  assert.deepEqual(seconds, { plain: [0, 10], web: [10, 30], database: [10, 50], critical: [50, 80] });
  for (const { status } of await all(cluster)) assert.deepEqual([status.phase, status.reason], ['Failed', 'Terminated']);
});

test('C35 meanwhile the node is not ready, takes no Pods, and what is deleted still goes', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'node-0', shutdown: { totalSeconds: 60, criticalSeconds: 0 } }] });
  await create(cluster, 'ignoring', 'ignore-term', { terminationGracePeriodSeconds: 600 });
  await create(cluster, 'deleted', 'ignore-term', { terminationGracePeriodSeconds: 600 });
  await cluster.runUntil(() => running(cluster));
  await cluster.client.delete(pods, { namespace: 'kube-system', name: 'deleted' }, {}, never);
  const shutdown = shutDown(cluster);
  await cluster.advance(1_000);
  const ready = (await cluster.client.get(nodes, { namespace: '', name: 'node-0' }, never)).status.conditions?.find(({ type }) => type === 'Ready');
  assert.deepEqual([ready?.status, ready?.reason, ready?.message], ['False', 'KubeletNotReady', 'node is shutting down']);
  await create(cluster, 'late', '');
  await cluster.advance(1_000);
  const late = (await get(cluster, 'late')).status;
  assert.deepEqual([late.phase, late.reason, late.message], ['Failed', 'NodeShutdown', 'Pod was rejected: Pod was rejected as the node is shutting down.']);
  assert.equal(shutdown.over, false);
  await cluster.runUntil(() => shutdown.over);
  await assert.rejects(get(cluster, 'deleted'), { code: 404 });
});

test('C35 what was ended is replaced elsewhere at once, and the node comes back as if new', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'node-0', shutdown: { totalSeconds: 30, criticalSeconds: 10 } }, { name: 'node-1' }] });
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'a' }] } };
  await cluster.client.create(deployments, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template } } as never, never);
  const available = async () => (await cluster.client.get(deployments, { namespace: 'default', name: 'web' }, never)).status.availableReplicas === 4;
  await cluster.runUntil(available);
  const shutdown = shutDown(cluster);
  await cluster.runUntil(() => shutdown.over);
  await cluster.runUntil(available);
  assert.ok((await all(cluster)).filter(({ status }) => status.phase === 'Running').every(({ spec }) => spec.nodeName === 'node-1'));
  cluster.node('node-0').start();
  await cluster.runUntil(async () => (await cluster.client.get(nodes, { namespace: '', name: 'node-0' }, never)).status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false);
  const finished = (await all(cluster)).filter(({ status }) => status.reason === 'Terminated');
  assert.ok(finished.length > 0 && finished.every(({ status }) => status.phase === 'Failed'), 'they stay listed, with what became of them');
});

test('C35 a node without a time for it ends nobody', async () => {
  await using cluster = await startTestCluster();
  await create(cluster, 'web', '');
  await cluster.runUntil(() => running(cluster));
  const shutdown = shutDown(cluster);
  await cluster.runUntil(() => shutdown.over);
  assert.equal((await get(cluster, 'web')).status.phase, 'Running');
});
