// Large clusters are decided on a sample of their nodes. Pods that ask for the same and come one after another share one: of
// its nodes, only those that have changed are asked again. Looking at other nodes each time costs more than all else in a
// decision, since nothing of them is in the processor's caches.
import type { NodeView } from './node-view.ts';
import type { PodNeeds } from './pod-needs.ts';

/** The nodes that were possible, each with its version at that time. */
export interface Sample {
  readonly shape: string;
  /** All the nodes of the cluster, of which these are some. */
  readonly among: readonly NodeView[];
  readonly nodes: readonly NodeView[];
  readonly versions: readonly number[];
  /** Decisions that it may yet serve: then others have their turn, lest a few nodes take everything. */
  readonly left: number;
}

const served = 16;

export function sampleOf(shape: string, among: readonly NodeView[], nodes: readonly NodeView[]): Sample {
  return { shape, among, nodes, versions: nodes.map(({ version }) => version), left: served - 1 };
}

/** The same for the next Pod, without those that are no longer `possible`. Undefined: it is used up, or too little is left of it. */
export function nextSample(last: Sample, shape: string, among: readonly NodeView[], possible: (node: NodeView) => boolean): Sample | undefined {
  if (last.left === 0 || last.shape !== shape || last.among !== among) return undefined;
  const nodes = last.nodes.filter((node, index) => node.version === last.versions[index] || possible(node));
  if (nodes.length * 2 < last.nodes.length) return undefined;
  return { ...last, nodes, versions: nodes.map(({ version }) => version), left: last.left - 1 };
}

/** All that filters which look at one node alone know of a Pod. */
export function shapeOf({ pod: { spec }, requests, ports, priority, tolerations }: PodNeeds): string {
  return JSON.stringify([requests, ports, priority, tolerations, spec.nodeSelector, spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution]);
}
