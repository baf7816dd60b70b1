import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import type { Pod, PodDisruptionBudget } from '../api/types.ts';
import { ClusterView } from './cluster-view.ts';
import { decide } from './decide.ts';
import { preemptionMessage } from './fit-error.ts';
import { needsOf } from './pod-needs.ts';
import { choosePreemption } from './preempt.ts';
import { sampleNode, samplePod } from './samples.ts';

interface Placed {
  readonly cpu?: string;
  readonly priority?: number;
  /** When it started; absent: it has not yet. */
  readonly since?: string;
  readonly app?: string;
}

function podOf(name: string, { cpu = '4', priority = 0, since, app = name }: Placed): Pod {
  const pod = samplePod(name, { requests: { cpu }, labels: { app }, spec: { priority } });
  return { ...pod, status: since ? { startTime: `2026-01-01T00:00:${since}Z` } : {} };
}

/** `{ node: { pod: … } }`, with 4 cores each → which node is cleared of whom. */
function cleared(nodes: Readonly<Record<string, Readonly<Record<string, Placed>>>>, wanted: Placed, budgets: readonly PodDisruptionBudget[] = []): string {
  const cluster = new ClusterView();
  for (const [node, placed] of Object.entries(nodes)) {
    cluster.setNode(sampleNode(node));
    for (const [name, more] of Object.entries(placed)) {
      const pod = podOf(name, more);
      cluster.confirm({ ...pod, spec: { ...pod.spec, nodeName: node } });
    }
  }
  const before = cluster.nodes.map(({ requested, pods }) => [{ ...requested }, [...pods.keys()].sort()]);
  const needs = needsOf(podOf('urgent', wanted));
  const decision = decide(needs, cluster, 0, seededRandom(1));
  assert.equal(decision.type, 'nowhere');
  const preemption = choosePreemption(needs, decision.type === 'nowhere' ? decision.refused : [], cluster, budgets, seededRandom(1));
  assert.deepEqual(cluster.nodes.map(({ requested, pods }) => [{ ...requested }, [...pods.keys()].sort()]), before, 'the view is as it was');
  return preemption.type === 'none' ? preemptionMessage(preemption.reasons) : `${preemption.node.name}: ${preemption.victims.map(({ pod }) => pod.metadata.name).join()}`;
}

function budget(app: string, disruptionsAllowed: number, disruptedPods?: Record<string, string>): PodDisruptionBudget {
  return { metadata: { name: app, namespace: 'default' }, spec: { selector: { matchLabels: { app } } }, status: { disruptionsAllowed, disruptedPods } } as never;
}

const cases: readonly (readonly [what: string, wanted: string, actual: () => string])[] = [
  ['only who is less important', '', () => cleared({ a: { x: { priority: 5 } }, b: { y: { priority: 9 } } }, { priority: 5 })],
  ['as few as need be, the least important first', 'a: small', () => cleared({ a: { small: { cpu: '1', priority: 1 }, large: { cpu: '2', priority: 2 }, high: { cpu: '1', priority: 99 } } }, { cpu: '1', priority: 50 })],
  ['of equals those who run longer stay', 'a: young', () => cleared({ a: { old: { cpu: '2', since: '01' }, young: { cpu: '2', since: '02' } } }, { cpu: '2', priority: 1 })],
  ['1 fewest broken budgets, though more important ones go', 'b: y', () => cleared({ a: { x: { priority: 1 } }, b: { y: { priority: 2 } } }, { priority: 9 }, [budget('x', 0)])],
  ['1 a budget that allows it is not broken', 'a: x', () => cleared({ a: { x: { priority: 1 } }, b: { y: { priority: 2 } } }, { priority: 9 }, [budget('x', 1)])],
  ['1 nor by one whose end is counted already', 'a: x', () => cleared({ a: { x: { priority: 1 } }, b: { y: { priority: 2 } } }, { priority: 9 }, [budget('x', 0, { x: 'now' })])],
  ['1 broken all the same when there is no other way', 'a: x', () => cleared({ a: { x: {} } }, { priority: 9 }, [budget('x', 0)])],
  ['1 whom a budget protects stays if someone else can go', 'a: free', () => cleared({ a: { kept: { cpu: '2' }, free: { cpu: '2' } } }, { cpu: '2', priority: 9 }, [budget('kept', 0)])],
  ['2 the lowest of the highest priorities', 'b: y', () => cleared({ a: { x: { priority: 3 } }, b: { y: { priority: 2 } } }, { priority: 9 })],
  ['3 the lowest sum', 'b: z,w', () => cleared({ a: { x: { cpu: '2', priority: 3 }, y: { cpu: '2', priority: 3 } }, b: { z: { cpu: '2', priority: 3 }, w: { cpu: '2', priority: 1 } } }, { priority: 9 })],
  ['3 a negative priority does not make two better than one', 'b: z', () => cleared({ a: { x: { cpu: '2', priority: -1 }, y: { cpu: '2', priority: -1 } }, b: { z: { priority: -1 } } }, { priority: 9 })],
  ['5 the latest start', 'b: y', () => cleared({ a: { x: { since: '01' } }, b: { y: { since: '05' } } }, { priority: 9 })],
];

for (const [what, wanted, actual] of cases) {
  test(what, () => assert.equal(actual(), wanted || 'no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.'));
}

test('why it is of no use, node by node', () => {
  const said = cleared({ a: { x: { cpu: '1' }, y: { cpu: '3', priority: 99 } }, b: { z: { priority: 99 } } }, { cpu: '2', priority: 9 });
  assert.equal(said, 'no new claims to deallocate, preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod.');
  assert.equal(cleared({ a: {} }, { cpu: '5', priority: 9 }), 'no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.');
});

test('a node that is being cleared is kept for whom it is cleared, and for those who are as important', () => {
  const cluster = new ClusterView();
  cluster.setNode(sampleNode('a'));
  const important = needsOf(podOf('important', { priority: 5 }));
  cluster.nominate(important, 'a');
  const result = (name: string, placed: Placed) => decide(needsOf(podOf(name, placed)), cluster, 0, seededRandom(1)).type;
  assert.equal(result('lesser', { cpu: '1' }), 'nowhere');
  assert.equal(result('equal', { cpu: '1', priority: 5 }), 'nowhere');
  assert.equal(result('greater', { cpu: '4', priority: 6 }), 'node');
  assert.equal(decide(important, cluster, 0, seededRandom(1)).type, 'node');
  assert.equal(cluster.node('a')!.pods.size, 0);
  cluster.withdraw(important.uid);
  assert.equal(result('lesser', { cpu: '1' }), 'node');
});
