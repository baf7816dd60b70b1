import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../../src/api/kinds/index.ts';
import { clock, nodes, podOf, pods, startControlCluster } from './control-cluster.ts';

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

test('C25 a Pod of higher priority makes room for itself', async () => {
  await using cluster = await startControlCluster({ controllers: false, kubelet: { readyMs: 0, graceMs: 5 } });
  await cluster.addNode('a', { allocatable: { cpu: '1' } });
  const whole = (priority: number) => ({ priority, containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '1' } } }] });
  await cluster.client.create(pods, podOf('low', whole(0)), cluster.signal);
  await cluster.until('low bound', () => cluster.informers.of(pods).get({ namespace: 'default', name: 'low' })?.spec.nodeName === 'a');
  await cluster.client.create(pods, podOf('high', whole(10)), cluster.signal);
  await cluster.until('high bound', () => cluster.informers.of(pods).get({ namespace: 'default', name: 'high' })?.spec.nodeName === 'a');
  assert.equal(cluster.informers.of(pods).get({ namespace: 'default', name: 'low' }), undefined);
});
