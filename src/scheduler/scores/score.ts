// A score says how well the nodes that fit would suit a Pod: 0 to 100 each, times its weight.
import type { ClusterView } from '../cluster-view.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';

export const best = 100;

export interface Score {
  /** Kubernetes' name of it. */
  readonly name: string;
  readonly weight: number;
  /** Adds what the score makes of each node, times the weight, to `totals`; nothing when all suit alike. */
  readonly rate: (needs: PodNeeds, cluster: ClusterView, nodes: readonly NodeView[], totals: Float64Array) => void;
}

/** For scores that say a number from 0 to 100 of a node by itself. Undefined: all suit the Pod alike. */
export function each(weight: number, prepare: (needs: PodNeeds, cluster: ClusterView) => ((node: NodeView) => number) | undefined): Score['rate'] {
  return (needs, cluster, nodes, totals) => {
    const of = prepare(needs, cluster);
    if (of) for (let index = 0; index < nodes.length; index++) totals[index]! += of(nodes[index]!) * weight;
  };
}

/** For scores whose numbers mean something only beside each other: the highest is 100, or with `inverse` 0. */
export function share(weight: number, inverse: boolean, prepare: (needs: PodNeeds, cluster: ClusterView) => ((node: NodeView) => number) | undefined): Score['rate'] {
  return (needs, cluster, nodes, totals) => {
    const of = prepare(needs, cluster);
    if (!of) return;
    const raw = new Float64Array(nodes.length);
    let highest = 0;
    for (let index = 0; index < nodes.length; index++) {
      const one = (raw[index] = of(nodes[index]!));
      if (one > highest) highest = one;
    }
    if (highest === 0) return;
    for (let index = 0; index < raw.length; index++) {
      const part = Math.floor((best * raw[index]!) / highest);
      totals[index]! += (inverse ? best - part : part) * weight;
    }
  };
}
