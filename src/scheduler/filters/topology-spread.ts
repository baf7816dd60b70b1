import { labelSelectorOf } from '../../api/selectors.ts';
import type { Pod, PodSpec } from '../../api/types.ts';
import { textOf, withOwnLabels } from '../affinity-terms.ts';
import type { NodeView } from '../node-view.ts';
import { anchorOf, type Meaning, type PerNode } from '../pod-counts.ts';
import type { PodNeeds } from '../pod-needs.ts';
import { tolerates } from '../../api/taints.ts';
import { refuse, type Filter } from './filter.ts';

const uneven = refuse("node(s) didn't match pod topology spread constraints", false);
const nowhere = refuse("node(s) didn't match pod topology spread constraints (missing required label)", true);

export type Constraint = NonNullable<PodSpec['topologySpreadConstraints']>[number];

/** Keeps the Pods of a group spread over places: no place may have `maxSkew` more of them than the place with the fewest. */
export const topologySpread: Filter = {
  name: 'PodTopologySpread',
  wokenBy: ['node-added', 'node-labels', 'node-taints', 'pod-placed', 'pod-left', 'pod-labels'],
  mayHelp(change, { pod, before, node }, { pod: own }) {
    const constraints = hardOf(own);
    if (!pod) return change === 'node-taints' || !node || constraints.every(({ topologyKey }) => topologyKey in node.labels);
    return constraints.some((constraint) => {
      const group = groupOf(constraint, own);
      return group.matches(pod) || (before !== undefined && group.matches(before));
    });
  },
  prepare(needs, cluster) {
    const constraints = hardOf(needs.pod);
    if (constraints.length === 0) return undefined;
    const keys = constraints.map(({ topologyKey }) => topologyKey);
    const counted = constraints.map((constraint) => {
      const group = groupOf(constraint, needs.pod);
      const perPlace = countPlaces(constraint, cluster.counts.of(group), cluster.nodes, (view) => keys.every((key) => key in view.labels) && admits(constraint, needs, view));
      let fewest = perPlace.size < (constraint.minDomains ?? 1) ? 0 : Infinity;
      for (const count of perPlace.values()) if (count < fewest) fewest = count;
      return { constraint, perPlace, fewest, self: group.matches(needs.pod) ? 1 : 0 };
    });
    return ({ labels }) => {
      for (const { constraint, perPlace, fewest, self } of counted) {
        const place = labels[constraint.topologyKey];
        if (place === undefined) return nowhere;
        if ((perPlace.get(place) ?? 0) + self - fewest > constraint.maxSkew) return uneven;
      }
      return undefined;
    };
  },
};

function hardOf({ spec }: Pod): readonly Constraint[] {
  return spec.topologySpreadConstraints?.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule') ?? [];
}

/** The Pods that a constraint is about: those of the namespace that it selects, and that are not ending. */
export function groupOf(constraint: Pick<Constraint, 'labelSelector' | 'matchLabelKeys'>, pod: Pod): Meaning & { matches(pod: Pod): boolean } {
  const { namespace = '' } = pod.metadata;
  const selector = labelSelectorOf(withOwnLabels(constraint, pod));
  return {
    key: `spread|${namespace}|${textOf(selector)}`,
    namespaces: [namespace],
    anchor: anchorOf(selector),
    matches: ({ metadata }) => metadata.namespace === namespace && !metadata.deletionTimestamp && selector.matches(metadata.labels),
  };
}

/** How many Pods of the group are in each place. Only nodes that are `eligible` make places. */
export function countPlaces({ topologyKey }: Pick<Constraint, 'topologyKey'>, perNode: PerNode, nodes: readonly NodeView[], eligible: (view: NodeView) => boolean): ReadonlyMap<string, number> {
  const perPlace = new Map<string, number>();
  for (const view of nodes) {
    const place = view.labels[topologyKey];
    if (place !== undefined && eligible(view)) perPlace.set(place, (perPlace.get(place) ?? 0) + (perNode.get(view) ?? 0));
  }
  return perPlace;
}

/** Whether the Pod's policies let the node count. */
export function admits({ nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' }: Constraint, { allows, tolerations }: PodNeeds, { node, taints }: NodeView): boolean {
  if (nodeAffinityPolicy === 'Honor' && allows && !allows(node!)) return false;
  return nodeTaintsPolicy !== 'Honor' || taints.every((taint) => taint.effect === 'PreferNoSchedule' || tolerates(tolerations, taint));
}

export function softOf({ spec }: Pod): readonly Constraint[] {
  return spec.topologySpreadConstraints?.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway') ?? [];
}
