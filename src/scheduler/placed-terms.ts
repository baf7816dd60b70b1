// What the Pods that have their place say of those that are still to come: who must keep away from them, and who had better
// be near. The same word of many Pods is kept once, with the nodes where it holds.
import type { Term } from './affinity-terms.ts';
import type { NodeView } from './node-view.ts';
import type { PodNeeds } from './pod-needs.ts';

export interface PlacedTerm {
  readonly term: Term;
  readonly weight: number;
  /** How many Pods say so on each node. */
  readonly perNode: Map<NodeView, number>;
}

/** Being near where one must be counts this much for the others too, as kube-scheduler's hardPodAffinityWeight. */
const mustBeNear = 1;

export class PlacedTerms {
  /** Pods that these mean must not be near. */
  readonly away = new Map<string, PlacedTerm>();
  readonly likes = new Map<string, PlacedTerm>();

  changed({ affinity }: PodNeeds, on: NodeView, by: 1 | -1): void {
    if (!affinity) return;
    for (const term of affinity.away) count(this.away, term, 0, on, by);
    for (const term of affinity.near) count(this.likes, term, mustBeNear, on, by);
    for (const { term, weight } of affinity.likes) count(this.likes, term, weight, on, by);
  }
}

function count(all: Map<string, PlacedTerm>, term: Term, weight: number, on: NodeView, by: 1 | -1): void {
  const key = `${weight}|${term.topologyKey}|${term.key}`;
  let placed = all.get(key);
  if (!placed) all.set(key, (placed = { term, weight, perNode: new Map() }));
  const now = (placed.perNode.get(on) ?? 0) + by;
  if (now > 0) placed.perNode.set(on, now);
  else placed.perNode.delete(on);
  if (placed.perNode.size === 0) all.delete(key);
}
