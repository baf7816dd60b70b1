// The scheduler's decisions alone, without API and informers: Pods per second on clusters of 100, 1,000 and 5,000 nodes. Run it by
// itself with `sh scripts/with-node24 bench/scheduler.ts`.
import type { Pod } from '../src/api/types.ts';
import { seededRandom } from '../src/base/random.ts';
import { ClusterView } from '../src/scheduler/cluster-view.ts';
import { decide } from '../src/scheduler/decide.ts';
import { choosePreemption } from '../src/scheduler/preempt.ts';
import { needsOf } from '../src/scheduler/pod-needs.ts';
import { sampleNode, samplePod } from '../src/scheduler/samples.ts';
import type { Figure } from './main.ts';

const group = { app: 'web' };
const selected = { labelSelector: { matchLabels: group } };
const requests = { cpu: '100m', memory: '64Mi' };

/** What the Pods ask for, from little to much. */
const shapes: Record<string, (index: number) => Pod> = {
  plain: (index) => samplePod(`p${index}`, { requests, labels: group }),
  'spread over zones': (index) =>
    samplePod(`p${index}`, { requests, labels: group, spec: { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...selected }] } as never }),
  'one per node': (index) =>
    samplePod(`p${index}`, { requests, labels: { app: `web-${index % 20}` }, spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: `web-${index % 20}` } } }] } } } as never }),
};

const zones = 10;
const podsPerNode = 10;

function clusterOf(nodeCount: number): ClusterView {
  const cluster = new ClusterView();
  for (let index = 0; index < nodeCount; index++) {
    cluster.setNode(sampleNode(`n${index}`, { labels: { zone: `z${index % zones}` }, allocatable: { cpu: '32', memory: '64Gi' } }));
  }
  return cluster;
}

/** A full cluster: how fast it is known that a Pod fits nowhere, and whom it could push out. */
function benchFull(nodeCount: number, priority: number): Figure {
  const cluster = clusterOf(nodeCount);
  for (let index = 0; index < nodeCount * 30; index++) {
    const pod = samplePod(`p${index}`, { requests: { cpu: '1', memory: '64Mi' }, labels: group });
    cluster.confirm({ ...pod, spec: { ...pod.spec, nodeName: `n${index % nodeCount}` } });
  }
  const random = seededRandom(1);
  const count = 300;
  const startMs = performance.now();
  for (let index = 0; index < count; index++) {
    const needs = needsOf(samplePod(`x${index}`, { requests: { cpu: '4' }, spec: { priority } }));
    const decision = decide(needs, cluster, 0, random);
    if (decision.type === 'node') throw new Error('it is not full');
    const preemption = choosePreemption(needs, decision.refused, cluster, [], random);
    if (preemption.type !== (priority > 0 ? 'room' : 'none')) throw new Error(`pre-emption: ${preemption.type}`);
  }
  const what = priority > 0 ? 'full, of higher priority' : 'full';
  return { name: `scheduler, ${nodeCount} nodes, ${what}`, value: count / ((performance.now() - startMs) / 1000), unit: 'Pods/s', note: 'refused, 30 Pods on each node' };
}

export async function benchScheduler(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const nodeCount of [100, 1000, 5000]) {
    for (const [shape, podOf] of Object.entries(shapes)) {
      const cluster = clusterOf(nodeCount);
      const random = seededRandom(1);
      const count = nodeCount * podsPerNode;
      const pods = Array.from({ length: count }, (_, index) => podOf(index));
      let from = 0;
      const startMs = performance.now();
      for (const pod of pods) {
        const needs = needsOf(pod);
        const decision = decide(needs, cluster, from, random);
        if (decision.type !== 'node') throw new Error(`${shape}: no node`);
        from = (from + decision.looked) % nodeCount;
        cluster.assume(needs, decision.node.name);
        cluster.confirm({ ...pod, spec: { ...pod.spec, nodeName: decision.node.name } });
      }
      const seconds = (performance.now() - startMs) / 1000;
      figures.push({ name: `scheduler, ${nodeCount} nodes, ${shape}`, value: count / seconds, unit: 'Pods/s', note: `${podsPerNode} to each node, decisions alone` });
    }
    figures.push(benchFull(nodeCount, 0), benchFull(nodeCount, 1));
  }
  return figures;
}

if (import.meta.main) for (const { name, value, unit } of await benchScheduler()) console.log(`${name.padEnd(48)} ${Math.round(value).toLocaleString('en-US').padStart(8)} ${unit}`);
