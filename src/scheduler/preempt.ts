// Which Pods of lower priority would have to go for a Pod to fit, pure. The node is chosen where least is lost.
import type { ClusterView } from './cluster-view.ts';
import { firstRefusal, prepareChecks, type Refused } from './decide.ts';
import type { NodeView } from './node-view.ts';
import type { PodNeeds } from './pod-needs.ts';

export interface Preemption {
  readonly node: NodeView;
  readonly victims: readonly PodNeeds[];
}

/** Undefined: nothing is gained by it. The view is changed while nodes are tried, and is as before when this returns. */
export function choosePreemption(needs: PodNeeds, refused: readonly Refused[], cluster: ClusterView): Preemption | undefined {
  let chosen: Preemption | undefined;
  for (const { node, refusal } of refused) {
    if (refusal.isFinal) continue;
    const victims = victimsOn(node, needs, cluster);
    if (!victims) continue;
    const candidate = { node, victims };
    if (!chosen || isLess(cost(candidate), cost(chosen))) chosen = candidate;
  }
  return chosen;
}

/** First all Pods of lower priority are taken away; if it fits then, they are put back one by one, the most important first, as long as it still fits. */
function victimsOn(node: NodeView, needs: PodNeeds, cluster: ClusterView): readonly PodNeeds[] | undefined {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < needs.priority);
  if (lower.length === 0) return undefined;
  const fits = () => !firstRefusal(prepareChecks(needs, cluster), node);
  const placements = lower.map((pod) => cluster.lift(pod.uid)!);
  const victims: PodNeeds[] = [];
  try {
    if (!fits()) return undefined;
    const byImportance = [...placements].sort((a, b) => b.needs.priority - a.needs.priority || (startOf(a.needs) < startOf(b.needs) ? -1 : 1));
    for (const placement of byImportance) {
      cluster.putBack(placement);
      if (fits()) continue;
      cluster.lift(placement.needs.uid);
      victims.push(placement.needs);
    }
    return victims.length > 0 ? victims : undefined;
  } finally {
    for (const placement of placements) cluster.putBack(placement);
  }
}

/** Compared in order: the highest priority lost, the sum of priorities, the number of Pods. */
function cost({ victims }: Preemption): readonly number[] {
  return [Math.max(...victims.map(({ priority }) => priority)), victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0), victims.length];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index >= 0 && a[index]! < b[index]!;
}

function startOf({ pod }: PodNeeds): string {
  return pod.status.startTime ?? pod.metadata.creationTimestamp;
}
