import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../src/api/error.ts';
import { events, podDisruptionBudgets } from '../../src/api/kinds/index.ts';
import { milliOf } from '../../src/api/quantity.ts';
import type { Transport } from '../../src/api/request.ts';
import type { Pod } from '../../src/api/types.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { Client, keyOf } from '../../src/client/client.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { clock, deploymentOf, deployments, nodes, podOf, pods, startControlCluster, type ControlCluster } from './control-cluster.ts';

test('C25 a Pod is given a node at once, and the story is told', async () => {
  await using cluster = await startControlCluster({ controllers: false });
  await cluster.addNode('a');
  const startedMs = clock.monotonicMs();
  await cluster.client.create(pods, podOf('web'), cluster.signal);
  const pod = await cluster.until('bound', () => cluster.informers.of(pods).list('default').find(({ spec }) => spec.nodeName));
  console.log(`# bound ${(clock.monotonicMs() - startedMs).toFixed(2)} ms after its creation was asked for`);
  assert.equal(pod.spec.nodeName, 'a');
  assert.equal(pod.status.conditions?.find(({ type }) => type === 'PodScheduled')?.status, 'True');
  const event = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason }) => reason === 'Scheduled'));
  assert.equal(event.message, 'Successfully assigned default/web to a');
  assert.equal(event.source?.component, 'default-scheduler');
});

test('C25 an unschedulable Pod says why, and is tried again when the world changes', async () => {
  await using cluster = await startControlCluster({ controllers: false });
  await cluster.addNode('a', { allocatable: { cpu: '1' } });
  await cluster.addNode('b', { spec: { taints: [{ key: 'role', value: 'db', effect: 'NoSchedule' }] } });
  await cluster.client.create(pods, podOf('web', { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '2' } } }] }), cluster.signal);
  const pod = () => cluster.informers.of(pods).get({ namespace: 'default', name: 'web' });
  const why = await cluster.until('explained', () => pod()?.status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False'));
  assert.equal(why.reason, 'Unschedulable');
  assert.match(why.message!, /^0\/2 nodes are available: 1 Insufficient cpu, 1 node\(s\) had untolerated taint\(s\)\. no new claims to deallocate, preemption: /);
  const event = await cluster.until('event', () => cluster.informers.of(events).list('default').find(({ reason }) => reason === 'FailedScheduling'));
  assert.equal(event.message, why.message);
  const node = await cluster.client.get(nodes, { namespace: '', name: 'b' }, cluster.signal);
  await cluster.client.update(nodes, { ...node, spec: { ...node.spec, taints: [] } }, cluster.signal);
  await cluster.until('bound to b', () => pod()?.spec.nodeName === 'b');
});

test('C21 requests are never over-committed', async () => {
  await using cluster = await startControlCluster({ controllers: false });
  await cluster.addNode('a', { allocatable: { cpu: '1' } });
  const quarter = { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '250m' } } }] };
  await Promise.all(Array.from({ length: 6 }, (_, index) => cluster.client.create(pods, podOf(`p${index}`, quarter), cluster.signal)));
  const all = () => cluster.informers.of(pods).list('default');
  await cluster.until('settled', () => all().filter(({ spec, status }) => spec.nodeName || status.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False')).length === 6);
  assert.equal(all().filter(({ spec }) => spec.nodeName).length, 4);
});

const asking = (cpu: string, more: object = {}) => ({ containers: [{ name: 'main', image: 'x', resources: { requests: { cpu } } }], ...more });
const find = ({ informers }: ControlCluster, name: string) => informers.of(pods).get({ namespace: 'default', name });
const told = ({ informers }: ControlCluster, about: string, reason: string) => informers.of(events).list('default').find((event) => event.involvedObject.name === about && event.reason === reason);

test('C25 a Pod of higher priority makes room for itself, where no budget is broken', async () => {
  await using cluster = await startControlCluster({ controllers: false, kubelet: { readyMs: 0, graceMs: 50 } });
  const { client, signal } = cluster;
  const conditions: string[] = [];
  using _watching = cluster.informers.of(pods).onChange((_, pod) => {
    const target = pod?.status.conditions?.find(({ type }) => type === 'DisruptionTarget');
    if (target) conditions.push(`${pod!.metadata.name} ${target.status} ${target.reason}: ${target.message}`);
  });
  for (const [node, name] of [['a', 'kept'], ['b', 'spare']] as const) {
    await cluster.addNode(node, { allocatable: { cpu: '1' }, labels: { node } });
    await client.create(pods, podOf(name, asking('1', { priority: name === 'kept' ? 0 : 1, nodeSelector: { node } })), signal);
    await cluster.until(`${name} bound`, () => find(cluster, name)?.spec.nodeName === node);
  }
  const allowsNothing = await client.create(podDisruptionBudgets, { metadata: { name: 'kept', namespace: 'default' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'kept' } } } as never }, signal);
  await client.updateStatus(podDisruptionBudgets, { ...allowsNothing, status: { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1, disruptionsAllowed: 0, observedGeneration: 1 } }, signal);
  await cluster.until('budget seen', () => cluster.informers.of(podDisruptionBudgets).list('default')[0]?.status.expectedPods === 1);
  const high = await client.create(pods, podOf('high', asking('1', { priority: 10 })), signal);
  await cluster.until('a node is kept for it', () => find(cluster, 'high')?.status.nominatedNodeName === 'b');
  // The place is kept for it: nobody less important gets it when it is free.
  await client.create(pods, podOf('late', asking('1')), signal);
  await cluster.until('high bound', () => find(cluster, 'high')?.spec.nodeName === 'b');
  assert.equal(find(cluster, 'high')!.status.nominatedNodeName, undefined);
  assert.equal(find(cluster, 'kept')!.metadata.deletionTimestamp, undefined);
  assert.equal(find(cluster, 'spare'), undefined);
  assert.equal(conditions[0], 'spare True PreemptionByScheduler: default-scheduler: preempting to accommodate a higher priority pod');
  const preempted = await cluster.until('told', () => told(cluster, 'spare', 'Preempted'));
  assert.equal(preempted.message, `Preempted by pod ${high.metadata.uid} on node b`);
  const refused = await cluster.until('late refused', () => find(cluster, 'late')?.status.conditions?.find(({ reason }) => reason === 'Unschedulable'));
  assert.match(refused.message!, /^0\/2 nodes are available: 2 Insufficient cpu\./);
});

test('C25 who may not pre-empt says so and waits', async () => {
  await using cluster = await startControlCluster({ controllers: false });
  const { client, signal } = cluster;
  await cluster.addNode('a', { allocatable: { cpu: '1' } });
  await client.create(pods, podOf('low', asking('1')), signal);
  await cluster.until('low bound', () => find(cluster, 'low')?.spec.nodeName);
  await client.create(pods, podOf('polite', asking('1', { priority: 10, preemptionPolicy: 'Never' })), signal);
  const event = await cluster.until('told', () => told(cluster, 'polite', 'FailedScheduling'));
  assert.equal(event.message, '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.');
  await client.delete(pods, { namespace: 'default', name: 'low' }, { gracePeriodSeconds: 0 }, signal);
  await cluster.until('polite bound', () => find(cluster, 'polite')?.spec.nodeName);
});

test('C25 a Pod that fits nowhere is tried again when a change can help it, and not for others', async () => {
  await using cluster = await startControlCluster({ controllers: false });
  const { client, signal } = cluster;
  const a = await cluster.addNode('a', { labels: { disk: 'hdd' } });
  await client.create(pods, podOf('picky', { nodeSelector: { disk: 'ssd' } }), signal);
  const first = await cluster.until('told', () => told(cluster, 'picky', 'FailedScheduling'));
  assert.match(first.message!, /1 node\(s\) didn't match Pod's node affinity\/selector\. .* 1 Preemption is not helpful for scheduling\.$/);
  // Nodes and labels that are of no use, Pods that come and go.
  await cluster.addNode('b', { labels: { disk: 'tape' } });
  await client.patch(nodes, keyOf(a), { type: 'merge', body: { metadata: { labels: { colour: 'red' } } } }, signal);
  await client.create(pods, podOf('other'), signal);
  await cluster.until('other bound', () => find(cluster, 'other')?.spec.nodeName);
  await client.delete(pods, { namespace: 'default', name: 'other' }, { gracePeriodSeconds: 0 }, signal);
  await client.create(pods, podOf('stranger', { schedulerName: 'mine' }), signal);
  await client.create(pods, podOf('last', { nodeSelector: { disk: 'none' } }), signal);
  await cluster.until('all of it seen', () => told(cluster, 'last', 'FailedScheduling'));
  assert.equal(told(cluster, 'picky', 'FailedScheduling')!.count, 1);
  assert.equal(find(cluster, 'stranger')!.status.conditions, undefined);
  await client.patch(nodes, keyOf(a), { type: 'merge', body: { metadata: { labels: { disk: 'ssd' } } } }, signal);
  await cluster.until('bound', () => find(cluster, 'picky')?.spec.nodeName === 'a');
});

test('C21 nothing is over-committed though bindings fail, others bind too, and the scheduler is ended and started again', async () => {
  await using cluster = await startControlCluster({ controllers: false, scheduler: false, kubelet: { readyMs: 0, graceMs: 0 } });
  const { client, server, signal } = cluster;
  const random = seededRandom(7);
  for (const node of ['a', 'b', 'c']) await cluster.addNode(node, { allocatable: { cpu: '2', pods: '8' } });
  const own = server.transport(identities.scheduler);
  const unreliable: Transport = {
    async call(request, on) {
      const isBinding = request.subresource === 'binding';
      if (isBinding && random.next() < 0.2) throw new ApiError(503, 'ServiceUnavailable', 'not now');
      const answer = await own.call(request, on);
      // It is done, but nobody hears of it.
      if (isBinding && random.next() < 0.2) throw new ApiError(504, 'Timeout', 'lost');
      return answer as never;
    },
    watch: (request, on) => own.watch(request, on),
    connect: (request, on) => own.connect(request, on),
  };
  const cpuOf = (pod: Pod) => milliOf(pod.spec.containers[0]!.resources!.requests!['cpu']!);
  let most = 0;
  using _watching = cluster.informers.of(pods).onChange(() => {
    const used = new Map<string, number>();
    for (const pod of cluster.informers.of(pods).list('default')) if (pod.spec.nodeName) used.set(pod.spec.nodeName, (used.get(pod.spec.nodeName) ?? 0) + cpuOf(pod));
    most = Math.max(most, ...used.values());
  });
  let ended: Promise<void> | undefined;
  for (let round = 0; round < 3; round++) {
    const stop = new AbortController();
    const running = createScheduler({ client: new Client(unreliable), clock, random, log: silentLog }).run(AbortSignal.any([signal, stop.signal]));
    // Half of them fit, and as soon as something goes more do.
    await Promise.all(Array.from({ length: 12 }, (_, index) => client.create(pods, podOf(`p${round}-${index}`, asking(['250m', '500m', '750m'][index % 3]!)), signal)));
    await cluster.until('some are bound', () => cluster.informers.of(pods).list('default').filter(({ spec }) => spec.nodeName).length >= 6);
    const bound = cluster.informers.of(pods).list('default').filter(({ spec }) => spec.nodeName);
    for (const pod of bound.slice(0, 3)) await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0 }, signal);
    stop.abort();
    ended = running;
    await ended;
  }
  assert.ok(most > 0 && most <= 2000, `${most} of 2000 thousandths were given away`);
});

test('C25 copies are spread over zones, and one to a node where they keep away from each other', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 0, graceMs: 0 } });
  const { client, signal } = cluster;
  for (const [node, zone] of [['a', '1'], ['b', '1'], ['c', '2'], ['d', '3']] as const) await cluster.addNode(node, { labels: { 'topology.kubernetes.io/zone': zone } });
  const places = (app: string, by: (node: string) => string) => Object.values(Object.groupBy(cluster.podsOf({ app }).filter(({ spec }) => spec.nodeName), ({ spec }) => by(spec.nodeName!))).map((there) => there!.length).sort();
  const zoneOf = (node: string) => cluster.informers.of(nodes).get({ namespace: '', name: node })!.metadata.labels!['topology.kubernetes.io/zone']!;
  const own = (app: string) => ({ labelSelector: { matchLabels: { app } } });
  const made = (app: string, replicas: number, spec: object) =>
    client.create(deployments, deploymentOf(app, replicas, { template: { metadata: { labels: { app } }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } } }), signal);
  await made('even', 6, { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', ...own('even') }] });
  await made('alone', 5, { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', ...own('alone') }] } } });
  await made('usual', 8, {});
  await cluster.until('even', () => places('even', zoneOf).join() === '2,2,2');
  await cluster.until('four alone', () => places('alone', String).join() === '1,1,1,1');
  await cluster.until('usual', () => places('usual', String).join() === '2,2,2,2');
  const fifth = await cluster.until('the fifth waits', () => cluster.podsOf({ app: 'alone' }).find(({ status }) => status.conditions?.some(({ reason }) => reason === 'Unschedulable')));
  assert.match(fifth.status.conditions!.find(({ reason }) => reason === 'Unschedulable')!.message!, /^0\/4 nodes are available: 4 node\(s\) didn't match pod anti-affinity rules\. /);
  await cluster.addNode('e');
  await cluster.until('the fifth has its node', () => find(cluster, fifth.metadata.name)?.spec.nodeName === 'e');
});
