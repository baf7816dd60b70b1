import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import type { Node, Pod, Service } from '../api/types.ts';
import { ClusterView } from './cluster-view.ts';
import { decide, enoughNodes } from './decide.ts';
import { fitMessage, preemptionMessage } from './fit-error.ts';
import { groupOfPod } from './groups.ts';
import { needsOf } from './pod-needs.ts';
import { choosePreemption } from './preempt.ts';
import { sampleNode, samplePod } from './samples.ts';

function clusterOf(nodes: readonly Node[], placed: readonly Pod[] = []): ClusterView {
  const cluster = new ClusterView();
  for (const node of nodes) cluster.setNode(node);
  for (const pod of placed) cluster.confirm(pod);
  return cluster;
}

function nodeFor(pod: Pod, cluster: ClusterView): string {
  const decision = decide(needsOf(pod), cluster, 0, seededRandom(1));
  return decision.type === 'node' ? decision.node.name : fitMessage(decision.refused, whyNone(choosePreemption(needsOf(pod), decision.refused, cluster, [], seededRandom(1))));
}

function whyNone(preemption: ReturnType<typeof choosePreemption>): string {
  return preemption.type === 'none' ? preemptionMessage(preemption.reasons) : `victims on ${preemption.node.name}`;
}

const on = (nodeName: string, pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, nodeName } });

test('the words of a refusal', () => {
  const tainted = { spec: { taints: [{ key: 'role', value: 'db', effect: 'NoSchedule' }] } };
  const cluster = clusterOf([sampleNode('a'), sampleNode('b', tainted), sampleNode('c', tainted)], [on('a', samplePod('big', { requests: { cpu: '3' } }))]);
  assert.equal(
    nodeFor(samplePod('web', { requests: { cpu: '2' } }), cluster),
    '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
  );
  assert.equal(nodeFor(samplePod('web'), clusterOf([])), 'no nodes available to schedule pods');
});

test('what is assumed counts at once, and no longer when taken back', () => {
  const cluster = clusterOf([sampleNode('a')]);
  const big = needsOf(samplePod('big', { requests: { cpu: '3' } }));
  cluster.assume(big, 'a');
  assert.match(nodeFor(samplePod('web', { requests: { cpu: '2' } }), cluster), /1 Insufficient cpu/);
  cluster.remove(big.uid);
  assert.equal(nodeFor(samplePod('web', { requests: { cpu: '2' } }), cluster), 'a');
});

test('node selectors, affinity, cordons and ports', () => {
  const cluster = clusterOf([sampleNode('a', { spec: { unschedulable: true } }), sampleNode('b', { labels: { disk: 'ssd' } }), sampleNode('c')]);
  assert.equal(nodeFor(samplePod('x', { spec: { nodeSelector: { disk: 'ssd' } } }), cluster), 'b');
  const named = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['c'] }] }] };
  assert.equal(nodeFor(samplePod('x', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: named } } } }), cluster), 'c');
  assert.match(nodeFor(samplePod('x', { spec: { nodeSelector: { disk: 'none' } } }), cluster), /1 node\(s\) were unschedulable, 2 node\(s\) didn't match Pod's node affinity\/selector/);
  const port = { containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }] };
  const taken = clusterOf([sampleNode('a')], [on('a', samplePod('other', { spec: port }))]);
  assert.match(nodeFor(samplePod('x', { spec: port }), taken), /1 node\(s\) didn't have free ports for the requested pod ports/);
});

test('the emptier node is chosen', () => {
  const cluster = clusterOf([sampleNode('a'), sampleNode('b')], [on('a', samplePod('other', { requests: { cpu: '2', memory: '1Gi' } }))]);
  for (let run = 0; run < 5; run++) assert.equal(nodeFor(samplePod(`p${run}`, { requests: { cpu: '100m' } }), cluster), 'b');
});

test('a Pod asks for its containers together, or for its largest init container beside the sidecars', () => {
  const container = (cpu: string, restartPolicy?: string) => ({ name: cpu, image: 'x', resources: { requests: { cpu } }, restartPolicy });
  const pod = samplePod('x', { spec: { containers: [container('1'), container('500m')], initContainers: [container('250m', 'Always'), container('3')] } });
  assert.equal(needsOf(pod).requests.cpu, 3250);
});

test('Pods keep away from each other, and come together', () => {
  const away = (app: string) => ({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } }] } });
  const near = (app: string) => ({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } }] } });
  const cluster = clusterOf([sampleNode('a'), sampleNode('b')], [on('a', samplePod('web', { labels: { app: 'web' }, spec: { affinity: away('db') } }))]);
  assert.equal(nodeFor(samplePod('x', { spec: { affinity: near('web') } }), cluster), 'a');
  assert.equal(nodeFor(samplePod('x', { spec: { affinity: away('web') } }), cluster), 'b');
  assert.equal(nodeFor(samplePod('x', { labels: { app: 'db' } }), cluster), 'b');
  assert.match(nodeFor(samplePod('x', { spec: { affinity: near('nobody') } }), cluster), /2 node\(s\) didn't match pod affinity rules/);
});

test('topology spread keeps places even', () => {
  const zone = (value: string) => ({ labels: { zone: value } });
  const group = { labels: { app: 'web' } };
  const spread = { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } } }] };
  const cluster = clusterOf([sampleNode('a', zone('1')), sampleNode('b', zone('2')), sampleNode('c')], [on('a', samplePod('one', group))]);
  assert.equal(nodeFor(samplePod('x', { ...group, spec: spread as never }), cluster), 'b');
});

test('pre-emption takes the least that makes room, and leaves the view as it was', () => {
  const pod = (name: string, priority: number, cpu: string) => samplePod(name, { requests: { cpu }, spec: { priority } });
  const cluster = clusterOf([sampleNode('a')], [on('a', pod('small', 1, '1')), on('a', pod('large', 2, '2')), on('a', pod('high', 100, '1'))]);
  const needs = needsOf(pod('urgent', 50, '1'));
  const decision = decide(needs, cluster, 0, seededRandom(1));
  assert.equal(decision.type, 'nowhere');
  const preemption = choosePreemption(needs, decision.type === 'nowhere' ? decision.refused : [], cluster, [], seededRandom(1));
  assert.deepEqual(preemption.type === 'room' && preemption.victims.map(({ uid }) => uid), ['pod-small']);
  assert.equal(cluster.node('a')?.requested.cpu, 4000);
  assert.equal(cluster.node('a')?.pods.size, 3);
});

test('a Pod that names its node is decided by that node alone', () => {
  const named = (...values: string[]) => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }] } } } });
  const cluster = clusterOf([sampleNode('a'), sampleNode('b', { spec: { unschedulable: true } }), sampleNode('c')]);
  assert.equal(nodeFor(samplePod('x', { spec: named('c') }), cluster), 'c');
  const refused = nodeFor(samplePod('x', { spec: named('b') }), cluster);
  assert.match(refused, /^0\/3 nodes are available: 1 node\(s\) were unschedulable, 2 node\(s\) didn't satisfy plugin\(s\) \[NodeAffinity\]\. .* 3 Preemption is not helpful for scheduling\.$/);
  assert.match(nodeFor(samplePod('x', { spec: named('gone') }), cluster), /^0\/3 nodes are available: 3 node\(s\) didn't satisfy plugin\(s\) \[NodeAffinity\]\./);
});

test('Pods of a Service, and those of a ReplicaSet, are spread though they do not ask for it', () => {
  const group = { app: 'web' };
  const cluster = clusterOf([sampleNode('a'), sampleNode('b')], [on('a', samplePod('one', { labels: group })), on('b', samplePod('big', { requests: { cpu: '2' } }))]);
  assert.equal(nodeFor(samplePod('x', { labels: group, requests: { cpu: '1m' } }), cluster), 'a');
  const services = [{ metadata: {}, spec: { selector: group } }] as unknown as readonly Service[];
  cluster.groupOf = (pod) => groupOfPod(pod, { services: () => services, workload: () => undefined });
  assert.equal(nodeFor(samplePod('x', { labels: group, requests: { cpu: '1m' } }), cluster), 'b');
  const owned = samplePod('x', { labels: { ...group, hash: '1' } });
  const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true };
  const selector = groupOfPod({ ...owned, metadata: { ...owned.metadata, ownerReferences: [reference] } }, { services: () => services, workload: () => ({ metadata: {}, spec: { selector: { matchLabels: { hash: '1' } } } }) as never });
  assert.equal(selector?.toString(), 'app=web,hash=1');
  assert.equal(groupOfPod(samplePod('x'), { services: () => services, workload: () => undefined }), undefined);
});

test('in a large cluster not every node is looked at, and the next Pod goes on from there', () => {
  const cluster = clusterOf(Array.from({ length: 1000 }, (_, index) => sampleNode(`n${index}`)));
  const decision = decide(needsOf(samplePod('x')), cluster, 0, seededRandom(1));
  assert.deepEqual(decision.type === 'node' && decision.looked, 420);
  assert.deepEqual([50, 100, 200, 1000, 6000].map(enoughNodes), [50, 100, 100, 420, 300]);
});
