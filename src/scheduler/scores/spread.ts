import type { ClusterView } from '../cluster-view.ts';
import { textOf } from '../affinity-terms.ts';
import { admits, countPlaces, groupOf, softOf, type Constraint } from '../filters/topology-spread.ts';
import type { NodeView } from '../node-view.ts';
import { anchorOf, type Meaning } from '../pod-counts.ts';
import type { PodNeeds } from '../pod-needs.ts';
import { best, type Score } from './score.ts';

const hostname = 'kubernetes.io/hostname';

/** For Pods of a Service or a controller that say nothing of spreading themselves: kube-scheduler's own defaults. */
const usual: readonly Constraint[] = [
  { maxSkew: 3, topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
];

interface Wish {
  readonly constraint: Constraint;
  readonly group: Meaning;
}

/** Places with fewer Pods of the group are better, where spreading is only wished for. */
export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  rate(needs, cluster, nodes, totals) {
    const { wishes, needsAllKeys } = wishesOf(needs, cluster);
    if (wishes.length === 0) return;
    const ignored = needsAllKeys ? new Set(nodes.filter(({ labels }) => wishes.some(({ constraint }) => !(constraint.topologyKey in labels)))) : nobody;
    if (ignored.size === nodes.length) return;
    const raters = wishes.map((wish) => rater(wish, needs, cluster, nodes, ignored)).filter((rate) => rate !== undefined);
    const raw = new Float64Array(nodes.length);
    let highest = -Infinity;
    let lowest = Infinity;
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index]!;
      if (ignored.has(node)) continue;
      let sum = 0;
      for (const rate of raters) sum += rate(node);
      raw[index] = sum = Math.round(sum);
      if (sum > highest) highest = sum;
      if (sum < lowest) lowest = sum;
    }
    for (let index = 0; index < nodes.length; index++) {
      if (ignored.has(nodes[index]!)) continue;
      totals[index]! += (highest === 0 ? best : Math.floor((best * (highest + lowest - raw[index]!)) / highest)) * this.weight;
    }
  },
};

function wishesOf({ pod }: PodNeeds, cluster: ClusterView): { readonly wishes: readonly Wish[]; readonly needsAllKeys: boolean } {
  if (pod.spec.topologySpreadConstraints?.length) {
    return { wishes: softOf(pod).map((constraint) => ({ constraint, group: groupOf(constraint, pod) })), needsAllKeys: true };
  }
  const selector = cluster.groupOf(pod);
  if (!selector || selector.isEmpty) return { wishes: [], needsAllKeys: false };
  const { namespace = '' } = pod.metadata;
  const group: Meaning = {
    key: `spread|${namespace}|${textOf(selector)}`,
    namespaces: [namespace],
    anchor: anchorOf(selector),
    matches: ({ metadata }) => metadata.namespace === namespace && !metadata.deletionTimestamp && selector.matches(metadata.labels),
  };
  return { wishes: usual.map((constraint) => ({ constraint, group })), needsAllKeys: false };
}

const nobody: ReadonlySet<NodeView> = new Set();

/** How crowded a node is as to one wish: the Pods in its place, which weigh more the more places there are. Undefined: none is in any. */
function rater({ constraint, group }: Wish, needs: PodNeeds, cluster: ClusterView, nodes: readonly NodeView[], ignored: ReadonlySet<NodeView>): ((node: NodeView) => number) | undefined {
  const { topologyKey, maxSkew } = constraint;
  const perNode = cluster.counts.of(group);
  if (topologyKey === hostname) {
    const weight = Math.log(nodes.length - ignored.size + 2);
    return (node) => (topologyKey in node.labels ? (perNode.get(node) ?? 0) * weight + maxSkew - 1 : 0);
  }
  // Only places that can still be chosen count, with all the Pods in them.
  const open = new Set<string>();
  for (const node of nodes) {
    const place = node.labels[topologyKey];
    if (place !== undefined && !ignored.has(node)) open.add(place);
  }
  if (open.size === 0) return undefined;
  const perPlace = countPlaces(constraint, perNode, [...perNode.keys()], (view) => view.node !== undefined && open.has(view.labels[topologyKey]!) && admits(constraint, needs, view));
  const weight = Math.log(open.size + 2);
  return ({ labels }) => {
    const place = labels[topologyKey];
    return place === undefined ? 0 : (perPlace.get(place) ?? 0) * weight + maxSkew - 1;
  };
}
