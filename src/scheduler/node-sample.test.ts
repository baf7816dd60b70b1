import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import type { Node, Pod } from '../api/types.ts';
import { ClusterView } from './cluster-view.ts';
import { decide, enoughNodes, prepareChecks, refusalOn } from './decide.ts';
import type { Sample } from './node-sample.ts';
import { needsOf } from './pod-needs.ts';
import { sampleNode, samplePod } from './samples.ts';

const count = 300;
const tainted = { taints: [{ key: 'role', value: 'db', effect: 'NoSchedule' }] };

function clusterOf(allocatable: Record<string, string> = {}): ClusterView {
  const cluster = new ClusterView();
  for (let index = 0; index < count; index++) cluster.setNode(sampleNode(`n${index}`, { allocatable, labels: { half: index % 2 ? 'odd' : 'even' } }));
  return cluster;
}

test('Pods that ask for the same share a sample for a while, then others have their turn', () => {
  const cluster = clusterOf();
  const random = seededRandom(1);
  let from = 0;
  let sample: Sample | undefined;
  const looked: number[] = [];
  for (let index = 0; index < 40; index++) {
    const needs = needsOf(samplePod(`p${index}`, { requests: { cpu: '100m' } }));
    const decision = decide(needs, cluster, from, random, sample);
    assert.ok(decision.type === 'node');
    looked.push(decision.looked);
    from = (from + decision.looked) % count;
    sample = decision.sample;
    cluster.assume(needs, decision.node.name);
  }
  const enough = enoughNodes(count);
  assert.deepEqual(looked, Array.from({ length: 40 }, (_, index) => (index % 16 === 0 ? enough : 0)));
});

test('whatever happens between two decisions, no Pod comes to a node that would refuse it', () => {
  const cluster = clusterOf({ pods: '3' });
  const random = seededRandom(7);
  const shapes: ((name: string) => Pod)[] = [
    (name) => samplePod(name, { requests: { cpu: '100m' } }),
    (name) => samplePod(name, { requests: { cpu: '3' } }),
    (name) => samplePod(name, { spec: { nodeSelector: { half: 'odd' } } }),
    (name) => samplePod(name, { spec: { tolerations: [{ key: 'role', operator: 'Exists' }], priority: 5 } }),
    (name) => samplePod(name, { spec: { containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }] } as never }),
  ];
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)]!;
  const placed: string[] = [];
  let from = 0;
  let sample: Sample | undefined;
  let shared = 0;
  let shape = shapes[0]!;
  for (let index = 0; index < 3_000; index++) {
    if (random.next() < 0.1) shape = pick(shapes);
    const needs = needsOf(shape(`p${index}`));
    const decision = decide(needs, cluster, from, random, sample);
    if (decision.type === 'node') {
      if (decision.looked === 0) shared++;
      assert.equal(refusalOn(decision.node, needs, cluster, prepareChecks(needs, cluster)), undefined);
      from = (from + decision.looked) % count;
      sample = decision.sample;
      cluster.assume(needs, decision.node.name);
      placed.push(needs.uid);
      // The likeliest to be met again is where the next one would go.
      if (random.next() < 0.3) change(decision.node.node!);
    }
    if (random.next() < 0.3 && placed.length > 0) cluster.remove(placed.splice(Math.floor(random.next() * placed.length), 1)[0]!);
    if (random.next() < 0.2) change(pick(cluster.nodes).node!);
  }
  assert.ok(shared > 500, `${shared} decisions shared a sample`);

  function change(node: Node): void {
    const { name } = node.metadata;
    switch (Math.floor(random.next() * 4)) {
      case 0:
        return void cluster.setNode({ ...node, spec: node.spec.taints ? {} : tainted } as Node);
      case 1:
        return void cluster.setNode({ ...node, spec: { unschedulable: !node.spec.unschedulable } } as Node);
      case 2:
        return cluster.nominate(needsOf(samplePod(`nominated-${name}`, { requests: { cpu: '4' }, spec: { priority: 9 } })), name);
      default:
        return void cluster.withdraw(`pod-nominated-${name}`);
    }
  }
});
