import { termOf, type Term, type WireTerm } from '../affinity-terms.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { PodNeeds } from '../pod-needs.ts';
import { refuse, type Check, type Filter } from './filter.ts';

const keptAway = refuse("node(s) didn't satisfy existing pods anti-affinity rules", false);
const notNear = refuse("node(s) didn't match pod affinity rules", true);
const tooNear = refuse("node(s) didn't match pod anti-affinity rules", false);

/** Pods that must be near others, or away from them; and Pods that others want to be away from. */
export const podAffinity: Filter = {
  name: 'InterPodAffinity',
  wokenBy: ['node-added', 'node-labels', 'pod-placed', 'pod-left', 'pod-labels'],
  prepare(needs, cluster) {
    const { podAffinity, podAntiAffinity } = needs.pod.spec.affinity ?? {};
    const near = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const away = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (near.length === 0 && away.length === 0 && cluster.antiAffine.size === 0) return undefined;
    const terms = (wire: readonly WireTerm[]) => wire.map((term) => termOf(term, needs.pod, cluster.labelsOfNamespace));
    const checks = [nearCheck(terms(near), needs, cluster), awayCheck(terms(away), cluster), existingCheck(needs, cluster)];
    return (node) => {
      for (const check of checks) {
        const refusal = check?.(node);
        if (refusal) return refusal;
      }
      return undefined;
    };
  },
};

/** Places, as `key=value`, where a Pod that the term means already is. */
function places(term: Term, cluster: ClusterView): Set<string> {
  const found = new Set<string>();
  for (const { node, pods } of cluster.nodes) {
    const value = node!.metadata.labels?.[term.topologyKey];
    if (value === undefined || found.has(value)) continue;
    for (const { pod } of pods.values()) {
      if (!pod.metadata.deletionTimestamp && term.matches(pod)) {
        found.add(value);
        break;
      }
    }
  }
  return found;
}

function nearCheck(terms: readonly Term[], needs: PodNeeds, cluster: ClusterView): Check | undefined {
  if (terms.length === 0) return undefined;
  const wanted = terms.map((term) => ({ term, at: places(term, cluster) }));
  // The first of a group that wants to be near itself may be anywhere, or none would ever be.
  const isFirst = wanted.every(({ term, at }) => at.size === 0 && term.matches(needs.pod));
  return ({ node }) =>
    wanted.every(({ term, at }) => {
      const value = node!.metadata.labels?.[term.topologyKey];
      return value !== undefined && (isFirst || at.has(value));
    })
      ? undefined
      : notNear;
}

function awayCheck(terms: readonly Term[], cluster: ClusterView): Check | undefined {
  if (terms.length === 0) return undefined;
  const avoided = terms.map((term) => ({ term, at: places(term, cluster) }));
  return ({ node }) => (avoided.some(({ term, at }) => at.has(node!.metadata.labels?.[term.topologyKey] ?? '\0')) ? tooNear : undefined);
}

function existingCheck({ pod }: PodNeeds, cluster: ClusterView): Check | undefined {
  const closed = new Set<string>();
  for (const other of cluster.antiAffine.values()) {
    const labels = cluster.nodeOf(other.uid)?.node?.metadata.labels;
    for (const wire of other.pod.spec.affinity!.podAntiAffinity!.requiredDuringSchedulingIgnoredDuringExecution!) {
      const value = labels?.[wire.topologyKey];
      if (value !== undefined && termOf(wire, other.pod, cluster.labelsOfNamespace).matches(pod)) closed.add(`${wire.topologyKey}=${value}`);
    }
  }
  if (closed.size === 0) return undefined;
  return ({ node }) => {
    for (const [key, value] of Object.entries(node!.metadata.labels ?? {})) if (closed.has(`${key}=${value}`)) return keptAway;
    return undefined;
  };
}
