// A score says how well a node that fits would suit a Pod: 0 to 100, times its weight.
import type { ClusterView } from '../cluster-view.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';

export const best = 100;

export interface Score {
  /** Kubernetes' name of it. */
  readonly name: string;
  readonly weight: number;
  /** `raw`: already 0 to 100. `share`: of the highest. `inverse`: the highest counts nothing. */
  readonly scale: 'raw' | 'share' | 'inverse';
  /** Looks at the Pod once, before the nodes; undefined: all nodes suit it alike. */
  readonly prepare: (needs: PodNeeds, cluster: ClusterView) => ((node: NodeView) => number) | undefined;
}
