import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import { deployments, events, pods, startTestCluster, type Pod, type TestCluster, type TestClusterOptions } from './index.ts';

const never = new AbortController().signal;
const web = { namespace: 'default', name: 'web' };

const podOf = (name: string, script = '', container: object = {}, spec: object = {}) =>
  ({ metadata: { name, namespace: 'default', annotations: script ? { 'simulated.peapod.dev/main': script } : {} }, spec: { containers: [{ name: 'main', image: 'web:1', ...container }], ...spec } }) as never;
const get = (cluster: TestCluster, name = 'web'): Promise<Pod> => cluster.client.get(pods, { namespace: 'default', name }, never);
const gone = (cluster: TestCluster, name = 'web') => get(cluster, name).then(() => false, () => true);
const isReady = (pod: Pod) => pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
const seconds = (cluster: TestCluster) => cluster.clock.monotonicMs() / 1000;

test('a Pod lives its whole life in virtual time', async () => {
  await using cluster = await startTestCluster({ nodes: 2 });
  assert.equal(seconds(cluster), 0, 'nodes are Ready without time moving');
  await cluster.client.create(pods, podOf('web', 'ready-after=7s,end-after=12s', { readinessProbe: { httpGet: { port: 80 }, periodSeconds: 5 } }), never);
  await cluster.runUntil(async () => (await get(cluster)).status.phase === 'Running');
  await cluster.advance(6_999);
  assert.equal(isReady(await get(cluster)), false);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  assert.ok(seconds(cluster) >= 7 && seconds(cluster) <= 12, `${seconds(cluster)}`);
  assert.match((await get(cluster)).status.podIP!, /^10\.12[89]\./);
  const fromS = seconds(cluster);
  await cluster.client.delete(pods, web, {}, never);
  await cluster.runUntil(() => gone(cluster));
  assert.equal(Math.round(seconds(cluster) - fromS), 12);
  assert.deepEqual([...cluster.nodes].map(({ machine }) => [...machine.podUids].length), [0, 0]);
});

test('probes over HTTP, TCP, gRPC and exec are answered; an ill container is restarted', async () => {
  await using cluster = await startTestCluster();
  const probes = { startupProbe: { tcpSocket: { port: 80 }, periodSeconds: 1, failureThreshold: 30 }, readinessProbe: { grpc: { port: 90 }, periodSeconds: 1 }, livenessProbe: { exec: { command: ['healthy'] }, periodSeconds: 1 } };
  await cluster.client.create(pods, podOf('web', 'ready-after=5s,ill-after=20s,times=1', probes), never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  assert.ok(seconds(cluster) >= 5 && seconds(cluster) < 8, `${seconds(cluster)}`);
  await cluster.runUntil(async () => (await get(cluster)).status.containerStatuses?.[0]?.restartCount === 1);
  assert.ok(seconds(cluster) >= 22 && seconds(cluster) < 25, `${seconds(cluster)}`);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  const { items } = await cluster.client.list(events, { namespace: 'default' }, never);
  assert.ok(items.some(({ reason, message }) => reason === 'Unhealthy' && message?.startsWith('Liveness probe failed: simulated: healthy')));
});

test('crash loops back off, memory runs out, images are not to be had', async () => {
  await using cluster = await startTestCluster({ images: { 'away:1': 'pull=fail' } });
  await cluster.client.create(pods, podOf('crashes', 'run=1s,exit=3'), never);
  await cluster.client.create(pods, podOf('grows', 'memory=10Mi,grow=1Mi/s', { resources: { limits: { memory: '40Mi' } } }, { restartPolicy: 'Never' }), never);
  await cluster.client.create(pods, podOf('away', '', { image: 'away:1' }), never);
  await cluster.client.create(pods, podOf('tagged', '', { image: 'simulated.peapod.dev/app:pull-fail' }), never);
  await cluster.advance(300_000);
  const waits = async (name: string) => (await get(cluster, name)).status.containerStatuses?.[0]?.state?.waiting?.reason;
  assert.deepEqual([await waits('crashes'), await waits('away'), await waits('tagged')], ['CrashLoopBackOff', 'ImagePullBackOff', 'ImagePullBackOff']);
  assert.equal((await get(cluster, 'crashes')).status.containerStatuses?.[0]?.restartCount, 5, '10, 20, 40, 80, 160 s apart');
  const grown = (await get(cluster, 'grows')).status;
  assert.deepEqual([grown.phase, grown.containerStatuses?.[0]?.state?.terminated?.reason], ['Failed', 'OOMKilled']);
});

test('init containers end by themselves, and the rest waits for them', async () => {
  await using cluster = await startTestCluster();
  await cluster.client.create(pods, { metadata: { name: 'web', namespace: 'default', annotations: { 'simulated.peapod.dev/slow': 'run=9s' } }, spec: { initContainers: [{ name: 'quick', image: 'a:1' }, { name: 'slow', image: 'b:1' }], containers: [{ name: 'main', image: 'web:1' }] } } as never, never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  assert.equal(Math.floor(seconds(cluster)), 9);
});

test('a volume that is not there holds the Pod back until it is', async () => {
  await using cluster = await startTestCluster();
  await cluster.client.create(pods, podOf('web', '', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, { volumes: [{ name: 'v', configMap: { name: 'late' } }] }), never);
  await cluster.advance(30_000);
  assert.equal((await get(cluster)).status.phase, 'Pending');
  const { configMaps } = await import('../api/kinds/index.ts');
  await cluster.client.create(configMaps, { metadata: { name: 'late', namespace: 'default' }, data: {} } as never, never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
});

test('logs and exec are answered', async () => {
  await using cluster = await startTestCluster();
  await cluster.client.create(pods, podOf('web', 'log=tick,log-every=1s'), never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  await cluster.advance(2_000);
  const text = await cluster.transport.call<string>({ verb: 'get', resource: pods, namespace: 'default', name: 'web', subresource: 'log', options: {} }, never);
  assert.equal(text, 'tick\ntick\ntick\n');
});

test('what does not come about is told with its story', async () => {
  await using cluster = await startTestCluster({ nodes: [{ name: 'small', cpu: 1 }] });
  await cluster.client.create(pods, podOf('web', '', { resources: { requests: { cpu: '4' } } }), never);
  await cluster.client.create(pods, podOf('other'), never);
  await assert.rejects(cluster.runUntil(async () => isReady(await get(cluster)), { withinMs: 60_000, what: 'web is ready' }), ({ message }: Error) => {
    assert.match(message, /^this did not come about within 60 s:\n {2}web is ready\n/);
    assert.match(message, /00:00:00\.000 pods default\/web: Pending, on no node, PodScheduled=False \(Unschedulable\)/);
    assert.match(message, /Warning FailedScheduling Pod default\/web: 0\/1 nodes are available: 1 Insufficient cpu/);
    assert.ok(!/other/.test(message), 'only what was looked at');
    return true;
  });
});

test('a loop that never rests is stopped and named', async () => {
  await using cluster = await startTestCluster({ limits: { calls: 50 } });
  const { configMaps } = await import('../api/kinds/index.ts');
  await cluster.client.create(configMaps, { metadata: { name: 'busy', namespace: 'default' } } as never, never);
  const loop = async () => { for (;;) await cluster.client.patch(configMaps, { namespace: 'default', name: 'busy' }, { type: 'merge', body: { data: { n: '1' } } }, never); };
  void loop();
  await assert.rejects(cluster.advance(1_000), /^RestlessError: a loop never rests: 50 calls and more at 2026-01-01T00:00:00\.000000Z without time moving: test: patch configmaps busy/);
});

const nonsense: readonly (readonly [TestClusterOptions, RegExp])[] = [
  [{ nodes: -1 }, /^options\.nodes: Invalid value: -1: must be from 0 to 32768$/],
  [{ nodes: [{ name: 'a' }, { name: 'a' }] }, /^options\.nodes\[1\]\.name: Invalid value: "a": another node has that name$/],
  [{ nodes: [{ name: 'A' }] }, /^options\.nodes\[0\]\.name: Invalid value: "A"/],
  [{ nodes: [{ name: 'a', cpu: 0 }] }, /^options\.nodes\[0\]\.cpu: Invalid value: 0: must be greater than 0$/],
  [{ seed: 1.5 }, /^options\.seed: Invalid value: 1\.5/],
  [{ clock: 'slow' as never }, /^options\.clock: Invalid value: "slow"/],
  [{ images: { 'web:1': 'run=soon' } }, /^images\["web:1"\]\.run: Invalid value: "soon": must be a duration/],
  [{ node: 3 } as never, /^options\.node: Invalid value: 3: there is no such option/],
];
for (const [options, message] of nonsense) test(`refuses ${JSON.stringify(options)}`, () => assert.rejects(startTestCluster(options), { message }));

test('a script that makes no sense is refused when it is written, with its path', async () => {
  await using cluster = await startTestCluster();
  await assert.rejects(cluster.client.create(pods, podOf('web', 'run=5s,exit=1000'), never), { code: 422, message: /metadata\.annotations\[simulated\.peapod\.dev\/main\]\.exit: Invalid value: "1000": must be an exit code/ });
  await assert.rejects(cluster.client.create(pods, { metadata: { name: 'w', namespace: 'default', annotations: { 'simulated.peapod.dev/none': 'run=5s' } }, spec: { containers: [{ name: 'main', image: 'a' }] } } as never, never), { code: 422, message: /metadata\.annotations\[simulated\.peapod\.dev\/none\]: Not found: there is no container "none"/ });
  await assert.rejects(cluster.client.create(pods, podOf('web', '', { image: 'simulated.peapod.dev/a:runs-5s' }), never), { code: 422, message: /spec\.containers\[0\]\.image: Unsupported value: "runs-5s"/ });
});

test('clusters live side by side in one process, each in its own time', async () => {
  const run = async (seed: number) => {
    await using cluster = await startTestCluster({ nodes: 2, seed });
    await cluster.client.create(deployments, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } } } } as never, never);
    await cluster.runUntil(async () => (await cluster.client.get(deployments, web, never)).status.readyReplicas === 3);
    await cluster.advance(seed * 60_000);
    return `${cluster.historyHash()} ${seconds(cluster)}`;
  };
  const alone = [await run(1), await run(2), await run(1)];
  assert.equal(alone[0], alone[2]);
  assert.deepEqual(await Promise.all([run(1), run(2), run(1)]), alone);
});

test('the same in real time', async () => {
  await using cluster = await startTestCluster({ nodes: 2, clock: 'real', store: createMemoryStore() });
  await cluster.client.create(pods, podOf('web', 'end-after=100ms'), never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  await cluster.client.delete(pods, web, {}, never);
  await cluster.runUntil(() => gone(cluster));
});

test('a kubeconfig leads other programs in, and time waits for them', async () => {
  await using cluster = await startTestCluster({ https: true });
  const { KubeConfig, CoreV1Api } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(cluster.kubeconfig!);
  const core = config.makeApiClient(CoreV1Api);
  await core.createNamespacedPod({ namespace: 'default', body: podOf('web', 'run=30s') });
  await cluster.runUntil(async () => (await core.readNamespacedPod(web)).status?.phase === 'Running');
  assert.equal(seconds(cluster), 0);
});

test('a cluster that nobody stopped is told of when the process ends, and does not keep it alive', () => {
  const index = fileURLToPath(new URL('index.ts', import.meta.url));
  const code = `const { startTestCluster } = await import(${JSON.stringify(index)});\nasync function myTest() { await startTestCluster(); }\nawait myTest();`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0);
  assert.match(stderr, /a test cluster was never stopped.*it was started here:\n *at (async )?myTest/);
  const stopped = execFileSync(process.execPath, ['--input-type=module', '-e', code.replace('await startTestCluster();', 'await (await startTestCluster()).stop();')], { encoding: 'utf8', timeout: 120_000 });
  assert.equal(stopped, '');
});
