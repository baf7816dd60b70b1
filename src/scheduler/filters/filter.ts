// A filter says which nodes a Pod cannot be on, and what change could make it worth asking again.
import type { Pod } from '../../api/types.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';

export interface Refusal {
  readonly reasons: readonly string[];
  /** True: even without any other Pod on the node it would be refused. */
  readonly isFinal: boolean;
  /** True: it is the same on every node, and told once. */
  readonly isOfPod?: boolean;
}

/** Undefined: the node will do. */
export type Check = (node: NodeView) => Refusal | undefined;

export interface Filter {
  /** Kubernetes' name of it. */
  readonly name: string;
  /** True: what it says of a node depends on that node and the Pod's own spec, and on nothing else. */
  readonly isLocal?: boolean;
  /** Changes after which a Pod that this filter refused may fit. */
  readonly wokenBy: readonly ClusterChange[];
  /** Whether such a change can help this Pod indeed; absent: any of them may. */
  readonly mayHelp?: (change: ClusterChange, detail: ChangeDetail, needs: PodNeeds, cluster: ClusterView) => boolean;
  /** Looks at the Pod once, before the nodes; undefined: nothing to check for this one. */
  readonly prepare: (needs: PodNeeds, cluster: ClusterView) => Check | undefined;
}

export type ClusterChange = 'node-added' | 'node-resources' | 'node-labels' | 'node-taints' | 'node-unschedulable' | 'pod-placed' | 'pod-left' | 'pod-labels' | 'claim' | 'volume' | 'storage-class';

/** What changed. */
export interface ChangeDetail {
  readonly pod?: Pod;
  /** As it was before its labels changed. */
  readonly before?: Pod;
  /** The node that changed, or that the Pod is or was on. */
  readonly node?: NodeView;
}

export function refuse(reason: string, isFinal: boolean): Refusal {
  return { reasons: [reason], isFinal };
}
