// Autoscaling by what another server measures, which stands behind APIServices: of each Pod, of an object, of something outside.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { apiServices } from '../../src/api/kinds/api-service.ts';
import { events, horizontalPodAutoscalers, replicaSets, services } from '../../src/api/kinds/index.ts';
import { conditionOf } from '../../src/api/meta.ts';
import type { Pod } from '../../src/api/types.ts';
import { formatTime } from '../../src/base/clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { startMetricsAdapter, type MetricsAdapter } from '../support/metrics-adapter.ts';
import { clock, conditionText, pods, replicaSetOf, startControlCluster, type ControlCluster } from './control-cluster.ts';

let cluster: ControlCluster;
let adapter: MetricsAdapter;

before(async () => {
  const frontProxyCa = await createAuthority('front-proxy-ca', clock);
  cluster = await startControlCluster({ scheduler: false, frontProxy: issueCertificate(frontProxyCa, { commonName: 'front-proxy-client', days: 1, usages: ['client'] }, clock) });
  adapter = await startMetricsAdapter('adapter.default.svc', frontProxyCa.certPem);
  const { client, signal, informers } = cluster;
  await cluster.addNode('a');
  const run = async (pod: Pod) => {
    const since = formatTime(clock.wallMs() - 3_600_000);
    const status = { phase: 'Running', startTime: since, conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] };
    await client.patch(pods, keyOf(pod), { type: 'strategic', subresource: 'status', body: { status } }, signal);
  };
  informers.of(pods).onChange((was, is) => {
    if (!was && is) void run(is).catch(() => undefined);
  });
  await client.create(services, { metadata: { name: 'adapter', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'localhost' } as never }, signal);
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  await adapter[Symbol.asyncDispose]();
});

async function register(group: string, version: string, versionPriority = 15): Promise<void> {
  const name = `${version}.${group}`;
  await cluster.client.create(apiServices, { metadata: { name }, spec: { group, version, groupPriorityMinimum: 100, versionPriority, caBundle: adapter.caBundle, service: { namespace: 'default', name: 'adapter', port: adapter.port } } } as never, cluster.signal);
  await cluster.until(`${name} is there`, () => conditionOf(cluster.informers.of(apiServices).get({ namespace: '', name })?.status.conditions, 'Available')?.status === 'True');
}

const podsOf = (name: string) => cluster.informers.of(pods).list('default').filter(({ metadata, status }) => metadata.labels?.['app'] === name && status.phase === 'Running' && !metadata.deletionTimestamp);
const scalerOf = (name: string) => cluster.informers.of(horizontalPodAutoscalers).get({ namespace: 'default', name });

/** A ReplicaSet of so many running Pods, of which an autoscaler looks after the number. */
async function scaled(name: string, replicas: number, metrics: readonly object[], prepare: () => void = () => {}): Promise<void> {
  const { client, signal } = cluster;
  const template = { metadata: { labels: { app: name } }, spec: { nodeName: 'a', containers: [{ name: 'main', image: 'web:1' }] } };
  await client.create(replicaSets, replicaSetOf(name, replicas, { selector: { matchLabels: { app: name } }, template }), signal);
  await running(name, replicas);
  prepare();
  const behavior = { scaleDown: { stabilizationWindowSeconds: 0 }, scaleUp: { policies: [{ type: 'Pods', value: 100, periodSeconds: 15 }] } };
  await client.create(horizontalPodAutoscalers, { metadata: { name, namespace: 'default' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name }, maxReplicas: 10, behavior, metrics } as never }, signal);
}

const running = (name: string, count: number) => cluster.until(`${name} has ${count}`, () => cluster.informers.of(replicaSets).get({ namespace: 'default', name })?.spec.replicas === count && podsOf(name).length === count);
const told = (name: string, condition: string) => cluster.until(`${name}: ${condition}`, () => {
  const scaler = scalerOf(name);
  return scaler && conditionText(scaler, 'ScalingActive') === condition && scaler;
});
/** A change of its spec makes it look again at once. */
let most = 10;
const look = (name: string) => cluster.client.patch(horizontalPodAutoscalers, { namespace: 'default', name }, { type: 'merge', body: { spec: { maxReplicas: ++most } } }, cluster.signal);
const setAll = (name: string, metric: string, value: string) => {
  for (const pod of podsOf(name)) adapter.values.set(`namespaces/default/pods/${pod.metadata.name}/${metric}`, value);
};

test('C40 without a server of custom metrics that is said, and nothing moves', async () => {
  await scaled('alone', 2, [{ type: 'Pods', pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '1' } } }]);
  const scaler = await told('alone', 'False FailedGetPodsMetric');
  assert.equal(conditionOf(scaler.status.conditions, 'ScalingActive')?.message, 'the HPA was unable to compute the replica count: unable to get metric hits: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered');
  const said = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason, involvedObject }) => reason === 'FailedComputeMetricsReplicas' && involvedObject.name === 'alone'));
  assert.match(said.message!, /^invalid metrics \(1 invalid out of 1\), first error is: failed to get pods metric value: unable to get metric hits: /);
  await scaled('outside', 1, [{ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '30' } } }]);
  const external = await told('outside', 'False FailedGetExternalMetric');
  assert.equal(conditionOf(external.status.conditions, 'ScalingActive')?.message, 'the HPA was unable to compute the replica count: unable to get external metric default/queue/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)');
  assert.equal(podsOf('alone').length, 2);
});

test('C40 a metric of Pods: their average is held at the target, up and down, in both versions of the API', async () => {
  await register('custom.metrics.k8s.io', 'v1beta1', 10);
  await scaled('web', 2, [{ type: 'Pods', pods: { metric: { name: 'hits', selector: { matchLabels: { verb: 'GET' } } }, target: { type: 'AverageValue', averageValue: '10' } } }], () => setAll('web', 'hits', '25'));
  await running('web', 5);
  const scaler = await cluster.until('told', () => scalerOf('web')?.status.desiredReplicas === 5 && scalerOf('web'));
  assert.deepEqual(scaler.status.currentMetrics, [{ type: 'Pods', pods: { metric: { name: 'hits', selector: { matchLabels: { verb: 'GET' } } }, current: { averageValue: '25' } } }]);
  assert.equal(conditionOf(scaler.status.conditions, 'ScalingActive')?.message, 'the HPA was able to successfully calculate a replica count from pods metric hits');
  assert.ok(adapter.asked.includes('/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/hits?labelSelector=app=web&metricLabelSelector=verb=GET'), adapter.asked.join('\n'));
  // Near enough: nothing moves.
  setAll('web', 'hits', '10900m');
  await look('web');
  await cluster.until('seen', () => scalerOf('web')?.status.currentMetrics?.[0]?.pods?.current.averageValue === '10900m');
  assert.equal(scalerOf('web')!.status.desiredReplicas, 5);
  await register('custom.metrics.k8s.io', 'v1beta2', 100);
  setAll('web', 'hits', '4');
  await look('web');
  await running('web', 2);
  assert.ok(adapter.asked.some((path) => path.startsWith('/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/hits')));
});

test('C40 Pods without a measure count against the direction', async () => {
  await scaled('some', 4, [{ type: 'Pods', pods: { metric: { name: 'load' }, target: { type: 'AverageValue', averageValue: '10' } } }], () => adapter.values.set(`namespaces/default/pods/${podsOf('some')[0]!.metadata.name}/load`, '1'));
  // One of four uses a tenth, the others are taken to be at the target: 3.1 Pods' worth.
  await cluster.until('seen', () => scalerOf('some')?.status.currentMetrics?.[0]?.pods?.current.averageValue === '1');
  assert.equal(scalerOf('some')!.status.desiredReplicas, 4);
  for (const at of adapter.values.keys()) if (at.endsWith('/load')) adapter.values.delete(at);
  await look('some');
  const scaler = await told('some', 'False FailedGetPodsMetric');
  assert.match(conditionOf(scaler.status.conditions, 'ScalingActive')!.message!, /unable to get metric load: unable to fetch metrics from custom metrics API: the server could not find the metric load for pods \*/);
});

test('C40 a metric of an object: as a whole it is for the Pods that are ready, as an average for each', async () => {
  adapter.values.set('namespaces/default/services/front/requests', '60');
  const describedObject = { apiVersion: 'v1', kind: 'Service', name: 'front' };
  await scaled('whole', 2, [{ type: 'Object', object: { describedObject, metric: { name: 'requests' }, target: { type: 'Value', value: '30' } } }]);
  await running('whole', 4);
  const whole = await cluster.until('told', () => scalerOf('whole')?.status.desiredReplicas === 4 && scalerOf('whole'));
  assert.deepEqual(whole.status.currentMetrics, [{ type: 'Object', object: { describedObject, metric: { name: 'requests' }, current: { value: '60' } } }]);
  assert.match(conditionOf(whole.status.conditions, 'ScalingActive')!.message!, /from Service metric requests$/);
  await scaled('each', 2, [{ type: 'Object', object: { describedObject, metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } } }]);
  await running('each', 6);
  await scaled('stray', 1, [{ type: 'Object', object: { describedObject: { apiVersion: 'x.example.com/v1', kind: 'Boat', name: 'b' }, metric: { name: 'requests' }, target: { type: 'Value', value: '1' } } }]);
  const stray = await told('stray', 'False FailedGetObjectMetric');
  assert.match(conditionOf(stray.status.conditions, 'ScalingActive')!.message!, /unable to get metric requests: Boat on default b\/unable to fetch metrics from custom metrics API: unable to map kind Boat\.x\.example\.com to resource/);
  // Objects without a namespace are asked for without one; a namespace has a place of its own.
  adapter.values.set('nodes/a/heat', '3');
  adapter.values.set('namespaces/default/metrics/jobs', '3');
  await scaled('hot', 1, [{ type: 'Object', object: { describedObject: { apiVersion: 'v1', kind: 'Node', name: 'a' }, metric: { name: 'heat' }, target: { type: 'Value', value: '1' } } }]);
  await running('hot', 3);
  await scaled('busy', 1, [{ type: 'Object', object: { describedObject: { apiVersion: 'v1', kind: 'Namespace', name: 'default' }, metric: { name: 'jobs' }, target: { type: 'AverageValue', averageValue: '1' } } }]);
  await running('busy', 3);
});

test('C40 an external metric: the sum of what its selector picks', async () => {
  await register('external.metrics.k8s.io', 'v1beta1');
  adapter.series.set('default/queue', [{ labels: { topic: 'a' }, value: '40' }, { labels: { topic: 'a' }, value: '20500m' }, { labels: { topic: 'b' }, value: '900' }]);
  const metric = { name: 'queue', selector: { matchLabels: { topic: 'a' } } };
  await scaled('worker', 1, [{ type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '20' } } }]);
  await running('worker', 4);
  const worker = await cluster.until('told', () => scalerOf('worker')?.status.desiredReplicas === 4 && scalerOf('worker'));
  assert.deepEqual(worker.status.currentMetrics, [{ type: 'External', external: { metric, current: { averageValue: '60500m' } } }]);
  const said = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason, involvedObject }) => reason === 'SuccessfulRescale' && involvedObject.name === 'worker'));
  assert.equal(said.message, 'New size: 4; reason: external metric queue(&LabelSelector{MatchLabels:map[string]string{topic: a,},MatchExpressions:[]LabelSelectorRequirement{},}) above target');
  await scaled('drain', 2, [{ type: 'External', external: { metric, target: { type: 'Value', value: '121' } } }]);
  await running('drain', 1);
  await scaled('none', 1, [{ type: 'External', external: { metric: { name: 'nothing' }, target: { type: 'Value', value: '1' } } }]);
  const none = await told('none', 'False FailedGetExternalMetric');
  assert.match(conditionOf(none.status.conditions, 'ScalingActive')!.message!, /unable to get external metric default\/nothing\/nil: no metrics returned from external metrics API$/);
});
