import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, horizontalPodAutoscalers, replicaSets } from '../../src/api/kinds/index.ts';
import type { NodeService } from '../../src/api/node-service.ts';
import type { Pod } from '../../src/api/types.ts';
import { formatTime } from '../../src/base/clock.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { conditionText, pods, replicaSetOf, startControlCluster } from './control-cluster.ts';

const key = { namespace: 'default', name: 'web' };
const periodMs = 15_000;

/** A ReplicaSet whose Pods ask for 100m, run on node `a` for a long time, and use what the test says. */
async function started(replicas: number, spec: object, useOf: (index: number) => number | undefined) {
  const time = new VirtualClock();
  let load = useOf;
  const known: Pod[] = [];
  const usage: NodeService['usage'] = async () => ({
    node: undefined,
    pods: known.flatMap((pod, index) => {
      const milli = load(index);
      if (milli === undefined) return [];
      const { name, namespace = '', uid } = pod.metadata;
      const used = { name: 'main', endMs: time.wallMs(), windowMs: 10_000, cpuNanoCores: milli * 1e6, memoryBytes: milli * 1024 * 1024 };
      return [{ pod: { namespace, name, uid } as never, containers: [used] }];
    }),
  });
  const cluster = await startControlCluster({ scheduler: false, time, nodeServices: (name) => (name === 'a' ? ({ usage } as NodeService) : undefined) });
  const { client, signal, informers } = cluster;
  const template = { metadata: { labels: { app: 'web' } }, spec: { nodeName: 'a', containers: [{ name: 'main', image: 'web:1', resources: { requests: { cpu: '100m' } } }] } };
  await cluster.addNode('a');
  await client.create(replicaSets, replicaSetOf('web', replicas, { template }), signal);
  const run = async (pod: Pod) => {
    known.push(pod);
    const since = formatTime(time.wallMs() - 3_600_000);
    const status = { phase: 'Running', startTime: since, conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] };
    await client.patch(pods, keyOf(pod), { type: 'strategic', subresource: 'status', body: { status } }, signal);
  };
  informers.of(pods).onChange((before, after) => {
    if (!before && after) void run(after).catch(() => undefined);
    if (before && !after) known.splice(known.findIndex((pod) => pod.metadata.uid === before.metadata.uid), 1);
  });
  const running = (count: number) => cluster.until(`${count} running`, () => informers.of(replicaSets).get(key)?.spec.replicas === count && informers.of(pods).list('default').filter(({ status, metadata }) => status.phase === 'Running' && !metadata.deletionTimestamp).length === count);
  await running(replicas);
  await client.create(horizontalPodAutoscalers, { metadata: key, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web' }, maxReplicas: 10, ...spec } as never }, signal);
  const scaler = () => informers.of(horizontalPodAutoscalers).get(key);
  await cluster.until('looked at', () => scaler()?.status.conditions?.length);
  return {
    cluster, time, scaler, running,
    setLoad: (of: typeof useOf) => void (load = of),
    /** One round later. */
    round: async () => {
      const before = scaler()!.metadata.resourceVersion;
      await time.advance(periodMs);
      for (let turn = 0; turn < 50 && scaler()!.metadata.resourceVersion === before; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const utilization = (percent: number) => ({ metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } } }] });

test('C40 a HorizontalPodAutoscaler adds Pods where they use more than the target, and says what it saw', async () => {
  const { cluster, scaler, running, round } = await started(2, utilization(50), () => 90);
  await using _ = cluster;
  // 90 % of 50 %, by two Pods: 3.6.
  await running(4);
  const { status } = await cluster.until('told', () => scaler()?.status.desiredReplicas === 4 && scaler());
  assert.deepEqual(status.currentMetrics, [{ type: 'Resource', resource: { name: 'cpu', current: { averageValue: '90m', averageUtilization: 90 } } }]);
  assert.equal(conditionText(scaler()!, 'AbleToScale'), 'True SucceededRescale');
  assert.equal(conditionText(scaler()!, 'ScalingActive'), 'True ValidMetricFound');
  await cluster.until('it is told', () => cluster.informers.of(horizontalPodAutoscalers).get(key)?.status.lastScaleTime);
  await round();
  const said = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason }) => reason === 'SuccessfulRescale'));
  assert.equal(said.message, 'New size: 4; reason: cpu resource utilization (percentage of request) above target');
});

test('C40 near the target nothing moves; far below it goes down only after five minutes, and not below the minimum', async () => {
  const { cluster, time, scaler, running, setLoad, round } = await started(6, { ...utilization(50), minReplicas: 2 }, () => 53);
  await using _ = cluster;
  await cluster.until('calm', () => conditionText(scaler()!, 'AbleToScale') === 'True ReadyForNewScale');
  setLoad(() => 1);
  for (let rounds = 0; rounds < 19; rounds++) await round();
  assert.equal(cluster.informers.of(replicaSets).get(key)?.spec.replicas, 6);
  assert.equal(conditionText(scaler()!, 'AbleToScale'), 'True ScaleDownStabilized');
  await time.advance(30_000);
  await running(2);
  await round();
  await cluster.until('limited', () => conditionText(scaler()!, 'ScalingLimited') === 'True TooFewReplicas');
});

test('C40 policies limit each step: two Pods a minute', async () => {
  const behavior = { scaleUp: { policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] } };
  const { cluster, scaler, running, round } = await started(1, { ...utilization(10), behavior }, () => 100);
  await using _ = cluster;
  await running(3);
  await round();
  await cluster.until('limited', () => conditionText(scaler()!, 'ScalingLimited') === 'True ScaleUpLimit');
  assert.equal(cluster.informers.of(replicaSets).get(key)?.spec.replicas, 3);
  for (let rounds = 0; rounds < 4; rounds++) await round();
  await running(5);
});

test('C40 the most is never passed, and one outside the bounds is brought back', async () => {
  const { cluster, running } = await started(5, { ...utilization(50), maxReplicas: 3 }, () => 500);
  await using _ = cluster;
  await running(3);
});

test('C40 Pods of which nothing is known count against the direction: they keep it from going down', async () => {
  const { cluster, scaler } = await started(4, utilization(50), (index) => (index === 0 ? 5 : undefined));
  await using _ = cluster;
  await cluster.until('seen', () => conditionText(scaler()!, 'ScalingActive') === 'True ValidMetricFound');
  assert.equal(scaler()!.status.desiredReplicas, 4);
});

test('C40 what cannot be measured or found is said, and nothing moves', async () => {
  const { cluster, scaler } = await started(2, { metrics: [{ type: 'Pods', pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '1' } } }] }, () => 90);
  await using _ = cluster;
  await cluster.until('said', () => conditionText(scaler()!, 'ScalingActive') === 'False FailedGetPodsMetric');
  const lost = { metadata: { name: 'lost', namespace: 'default' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' }, maxReplicas: 2 } as never };
  await cluster.client.create(horizontalPodAutoscalers, lost, cluster.signal);
  await cluster.until('said', () => conditionText(cluster.informers.of(horizontalPodAutoscalers).get({ namespace: 'default', name: 'lost' })!, 'AbleToScale') === 'False FailedGetScale');
});

test('an autoscaler that makes no sense is refused', async () => {
  const { cluster } = await started(1, {}, () => 1);
  await using _ = cluster;
  const wrong = { metadata: { name: 'w', namespace: 'default' }, spec: { scaleTargetRef: { kind: 'Deployment', name: 'x' }, minReplicas: 5, maxReplicas: 2, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] } as never };
  await assert.rejects(cluster.client.create(horizontalPodAutoscalers, wrong, cluster.signal), /spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`.*spec.metrics\[0\].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization/);
});
