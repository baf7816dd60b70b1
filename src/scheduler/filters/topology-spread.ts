import { withOwnLabels } from '../affinity-terms.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { PodSpec } from '../../api/types.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';
import { tolerates } from '../taints.ts';
import { refuse, type Filter } from './filter.ts';

const uneven = refuse("node(s) didn't match pod topology spread constraints", false);
const nowhere = refuse("node(s) didn't match pod topology spread constraints (missing required label)", true);

export type Constraint = NonNullable<PodSpec['topologySpreadConstraints']>[number];

/** Keeps the Pods of a group spread over places: no place may have `maxSkew` more of them than the place with the fewest. */
export const topologySpread: Filter = {
  name: 'PodTopologySpread',
  wokenBy: ['node-added', 'node-labels', 'node-taints', 'pod-placed', 'pod-left', 'pod-labels'],
  prepare(needs, cluster) {
    const constraints = needs.pod.spec.topologySpreadConstraints?.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule') ?? [];
    if (constraints.length === 0) return undefined;
    const keys = constraints.map(({ topologyKey }) => topologyKey);
    const counted = constraints.map((constraint) => {
      const { perPlace, matchesSelf } = countPlaces(constraint, keys, needs, cluster);
      const fewest = perPlace.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...perPlace.values());
      return { constraint, perPlace, fewest, self: matchesSelf ? 1 : 0 };
    });
    return ({ node }) => {
      for (const { constraint, perPlace, fewest, self } of counted) {
        const place = node!.metadata.labels?.[constraint.topologyKey];
        if (place === undefined) return nowhere;
        if ((perPlace.get(place) ?? 0) + self - fewest > constraint.maxSkew) return uneven;
      }
      return undefined;
    };
  },
};

/** How many Pods of the group are in each place. Only nodes that have all the keys, and that the Pod's policies admit, make places. */
export function countPlaces(constraint: Constraint, keys: readonly string[], needs: PodNeeds, cluster: ClusterView): { perPlace: Map<string, number>; matchesSelf: boolean } {
  const { pod } = needs;
  const selector = labelSelectorOf(withOwnLabels(constraint, pod));
  const perPlace = new Map<string, number>();
  for (const view of cluster.nodes) {
    const labels = view.node!.metadata.labels ?? {};
    if (!keys.every((key) => key in labels) || !admits(constraint, needs, view)) continue;
    let count = perPlace.get(labels[constraint.topologyKey]!) ?? 0;
    for (const { pod: other } of view.pods.values()) {
      if (other.metadata.namespace === pod.metadata.namespace && !other.metadata.deletionTimestamp && selector.matches(other.metadata.labels)) count++;
    }
    perPlace.set(labels[constraint.topologyKey]!, count);
  }
  return { perPlace, matchesSelf: selector.matches(pod.metadata.labels) };
}

function admits({ nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' }: Constraint, { allows, tolerations }: PodNeeds, { node, taints }: NodeView): boolean {
  if (nodeAffinityPolicy === 'Honor' && allows && !allows(node!)) return false;
  return nodeTaintsPolicy !== 'Honor' || taints.every((taint) => taint.effect === 'PreferNoSchedule' || tolerates(tolerations, taint));
}
