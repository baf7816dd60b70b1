import { sameJson } from '../../api/meta.ts';
import type { Term } from '../affinity-terms.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';
import { refuse, type Check, type Filter } from './filter.ts';

const keptAway = refuse("node(s) didn't satisfy existing pods anti-affinity rules", false);
const notNear = refuse("node(s) didn't match pod affinity rules", true);
const tooNear = refuse("node(s) didn't match pod anti-affinity rules", false);

/** Pods that must be near others, or away from them; and Pods that others want to be away from. */
export const podAffinity: Filter = {
  name: 'InterPodAffinity',
  wokenBy: ['node-added', 'node-labels', 'pod-placed', 'pod-left', 'pod-labels'],
  mayHelp(_, { pod, before, node }, { pod: own, affinity }, { labelsOfNamespace }) {
    if (!pod) return !node || !affinity || [...affinity.near, ...affinity.away].every(({ topologyKey }) => topologyKey in node.labels);
    if (before && sameJson(before.metadata.labels, pod.metadata.labels)) return false;
    const means = (term: Term) => term.matches(pod, labelsOfNamespace) || (before !== undefined && term.matches(before, labelsOfNamespace));
    return affinity?.near.some(means) || affinity?.away.some(means) || keepsAway(pod, own);
  },
  prepare(needs, cluster) {
    const near = needs.affinity?.near ?? [];
    const away = needs.affinity?.away ?? [];
    const checks = [nearCheck(near, needs, cluster), awayCheck(away, cluster), existingCheck(needs, cluster)].filter((check) => check !== undefined);
    if (checks.length === 0) return undefined;
    return (node) => {
      for (const check of checks) {
        const refusal = check(node);
        if (refusal) return refusal;
      }
      return undefined;
    };
  },
};

/** A Pod with anti-affinity of its own may have been what was in the way, wherever it looks to. */
function keepsAway(pod: PodNeeds['pod'], own: PodNeeds['pod']): boolean {
  return own !== pod && (pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length ?? 0) > 0;
}

/** Values of the term's label where a Pod that it means already is. */
function places({ topologyKey }: Term, perNode: ReadonlyMap<NodeView, number>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { node, labels } of perNode.keys()) {
    const value = labels[topologyKey];
    if (node && value !== undefined) found.add(value);
  }
  return found;
}

function nearCheck(terms: readonly Term[], { pod }: PodNeeds, { counts, labelsOfNamespace }: ClusterView): Check | undefined {
  if (terms.length === 0) return undefined;
  // Each of the others must be meant by all of the terms: what is meant by one of them alone is not enough.
  const all: Term = {
    topologyKey: '',
    key: [...new Set(terms.map(({ key }) => key))].join('&'),
    namespaces: terms[0]!.namespaces,
    matches: (other, labels) => terms.every((term) => term.matches(other, labels)),
  };
  const perNode = counts.of(terms.length === 1 ? terms[0]! : all);
  const wanted = terms.map((term) => ({ term, at: places(term, perNode) }));
  // The first of a group that wants to be near itself may be anywhere, or none would ever be.
  const isFirst = wanted.every(({ at }) => at.size === 0) && terms.every((term) => term.matches(pod, labelsOfNamespace));
  return ({ labels }) =>
    wanted.every(({ term, at }) => {
      const value = labels[term.topologyKey];
      return value !== undefined && (isFirst || at.has(value));
    })
      ? undefined
      : notNear;
}

function awayCheck(terms: readonly Term[], { counts }: ClusterView): Check | undefined {
  const avoided = terms.map((term) => ({ term, at: places(term, counts.of(term)) })).filter(({ at }) => at.size > 0);
  if (avoided.length === 0) return undefined;
  return ({ labels }) => (avoided.some(({ term, at }) => at.has(labels[term.topologyKey] ?? '\0')) ? tooNear : undefined);
}

function existingCheck({ pod }: PodNeeds, { placedTerms, labelsOfNamespace }: ClusterView): Check | undefined {
  const closed = new Map<string, Set<string>>();
  for (const { term, perNode } of placedTerms.away.values()) {
    if (!term.matches(pod, labelsOfNamespace)) continue;
    const at = closed.get(term.topologyKey);
    if (at) for (const value of places(term, perNode)) at.add(value);
    else closed.set(term.topologyKey, new Set(places(term, perNode)));
  }
  if (closed.size === 0) return undefined;
  return ({ labels }) => {
    for (const [key, at] of closed) if (at.has(labels[key] ?? '\0')) return keptAway;
    return undefined;
  };
}
