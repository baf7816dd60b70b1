import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../base/clock.ts';
import { NeverCame, pods, podTimelines, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const web = { namespace: 'default', name: 'web' };
const create = (cluster: TestCluster, scripts: Record<string, string>, spec: object) =>
  cluster.client.create(pods, { metadata: { ...web, labels: { app: 'web' }, annotations: Object.fromEntries(Object.entries(scripts).map(([name, script]) => [`simulated.peapod.dev/${name}`, script])) }, spec } as never, never);
const get = (cluster: TestCluster): Promise<Pod> => cluster.client.get(pods, web, never);
const isReady = (pod: Pod) => pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
const gone = (cluster: TestCluster) => get(cluster).then(() => false, () => true);
const told = async (cluster: TestCluster) => {
  const { steps } = await cluster.client.get(podTimelines, web, never);
  const beganMs = parseTime(steps[0]!.time);
  return steps.map(({ time, type, container = 'pod', exitCode, approximate }) => `${(parseTime(time) - beganMs) / 1000} ${container} ${type}${exitCode === undefined ? '' : ` ${exitCode}`}${approximate ? ' ~' : ''}`);
};

test('the whole life of a Pod in virtual time, to the second, and readable after it is gone', async () => {
  await using cluster = await startTestCluster({ images: { 'slow:1': 'pull=2s' } });
  await create(cluster, { main: 'ready-after=3s,ignore-term', prepare: 'run=1s' }, {
    terminationGracePeriodSeconds: 6, initContainers: [{ name: 'prepare', image: 'slow:1' }],
    containers: [{ name: 'main', image: 'slow:1', imagePullPolicy: 'IfNotPresent', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 }, lifecycle: { preStop: { sleep: { seconds: 4 } } } }],
  });
  await cluster.runUntil(async () => isReady(await get(cluster)));
  await cluster.advance(4_000);
  await cluster.client.delete(pods, web, {}, never);
  await cluster.runUntil(() => gone(cluster));
  assert.deepEqual(await told(cluster), [
    '0 pod Created', '0 pod Bound', '0 pod Accepted', '0 pod SandboxStarting', '0 prepare Pulling', '0 pod SandboxStarted',
    '2 prepare Pulled', '2 prepare ContainerCreated', '2 prepare Started', '3 prepare Exited 0', '3 main ContainerCreated', '3 main Started', '3 main ProbeFailed',
    '6 main ContainerReady', '6 pod Ready', '10 pod EndAsked', '10 pod EndBegan', '10 main HookBegan', '10 pod Unready',
    '14 main HookEnded', '14 main Signalled', '16 main Killed', '16 main Exited 137', '16 pod Cleared', '16 pod Gone',
  ]);
  assert.deepEqual((await cluster.client.list(podTimelines, { namespace: 'default' }, never)).items.map(({ metadata }) => metadata.name), ['web']);
  for (const [selector, found] of [['app=web', 1], ['app=other', 0]] as const) assert.equal((await cluster.client.list(podTimelines, { labelSelector: selector }, never)).items.length, found);
  assert.equal((await cluster.client.list(podTimelines, { fieldSelector: 'metadata.name=other' }, never)).items.length, 0);
  await cluster.advance(3_600_001);
  await assert.rejects(cluster.client.get(podTimelines, web, never), /podtimelines.peapod.dev "web" not found/);
});

test('a new Pod of the name has a life of its own', async () => {
  await using cluster = await startTestCluster();
  const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'web:1' }] };
  await create(cluster, {}, spec);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  await cluster.client.delete(pods, web, {}, never);
  await cluster.runUntil(() => gone(cluster));
  await cluster.advance(60_000);
  const again = await create(cluster, {}, spec);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  const timeline = await cluster.client.get(podTimelines, web, never);
  assert.equal(timeline.metadata.uid, again.metadata.uid);
  assert.ok(timeline.steps.every(({ type }) => type !== 'Gone'));
  assert.deepEqual((await cluster.client.list(podTimelines, {}, never)).items.map(({ steps }) => steps.some(({ type }) => type === 'Gone')), [false, true]);
});

test('after restarts of API server and agent what objects and runtime say remains, and is said to be known to the second', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'one' }] });
  await create(cluster, { main: 'run=5s,exit=1' }, { containers: [{ name: 'main', image: 'web:1' }] });
  await cluster.runUntil(async () => (await get(cluster)).status.containerStatuses?.[0]?.restartCount === 1);
  await cluster.restart('node/one');
  await cluster.restart('api-server');
  await cluster.advance(1_000);
  const steps = await told(cluster);
  for (const one of ['0 pod Created ~', '0 pod Bound ~', '0 main Started', '5 main Exited 1', '5 main Started']) assert.ok(steps.includes(one), `${one} of ${steps.join('\n')}`);
});

test('a node that cannot be reached is said to be missing', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'one' }] });
  await create(cluster, {}, { containers: [{ name: 'main', image: 'web:1' }] });
  await cluster.runUntil(async () => isReady(await get(cluster)));
  cluster.node('one').cutOff();
  const timeline = await cluster.client.get(podTimelines, web, never);
  assert.equal(timeline.incomplete, 'the node one cannot be reached');
  assert.deepEqual(timeline.steps.map(({ type }) => type), ['Created', 'Bound', 'Ready']);
});

test('what did not come about is told with the lives of the Pods that were waited for', async () => {
  await using cluster = await startTestCluster();
  await create(cluster, { main: 'run=1s,exit=3' }, { containers: [{ name: 'main', image: 'web:1' }] });
  await assert.rejects(cluster.runUntil(async () => (await get(cluster)).status.phase === 'Succeeded', { withinMs: 30_000 }), (error: Error) => {
    assert.ok(error instanceof NeverCame);
    assert.match(error.message, /\n {2}web in default on node-0 {2}Unready\n/);
    assert.match(error.message, /\n {2}main +.*█+✗.*█+✗/);
    return true;
  });
});
