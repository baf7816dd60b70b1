import { termOf, type Term, type WireTerm } from '../affinity-terms.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { Score } from './score.ts';

/** Near the Pods it likes, away from those it does not. */
export const preferredPods: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  scale: 'share',
  prepare({ pod }, cluster) {
    const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
    const likes = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const dislikes = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (likes.length === 0 && dislikes.length === 0) return undefined;
    const read = (wire: WireTerm) => termOf(wire, pod, cluster.labelsOfNamespace);
    const terms = [
      ...likes.map(({ weight, podAffinityTerm }) => ({ weight, term: read(podAffinityTerm) })),
      ...dislikes.map(({ weight, podAffinityTerm }) => ({ weight: -weight, term: read(podAffinityTerm) })),
    ].map(({ weight, term }) => ({ weight, key: term.topologyKey, perPlace: count(term, cluster) }));
    return ({ node }) => terms.reduce((sum, { weight, key, perPlace }) => sum + weight * (perPlace.get(node!.metadata.labels?.[key] ?? '\0') ?? 0), 0);
  },
};

/** How many Pods that the term means are in each place. */
function count(term: Term, cluster: ClusterView): Map<string, number> {
  const perPlace = new Map<string, number>();
  for (const { node, pods } of cluster.nodes) {
    const place = node!.metadata.labels?.[term.topologyKey];
    if (place === undefined) continue;
    for (const { pod } of pods.values()) if (term.matches(pod)) perPlace.set(place, (perPlace.get(place) ?? 0) + 1);
  }
  return perPlace;
}
