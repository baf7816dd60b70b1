// Whether, and when, a Pod must leave a node for the node's taints; pure.
import { tolerates } from '../../api/taints.ts';
import type { Node, Pod, Taint } from '../../api/types.ts';

export function evictionTaints(node: Node | undefined): readonly Taint[] {
  return node?.spec?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
}

/** How long the Pod may stay from the time it was tainted on: 0 when it tolerates one of them not at all, Infinity: for good. */
export function staysMs(pod: Pod, taints: readonly Taint[]): number {
  let shortestMs = Infinity;
  for (const taint of taints) {
    const used = (pod.spec.tolerations ?? []).find((toleration) => tolerates([toleration], taint));
    if (!used) return 0;
    if (used.tolerationSeconds !== undefined && used.tolerationSeconds !== null) shortestMs = Math.min(shortestMs, Math.max(0, used.tolerationSeconds) * 1000);
  }
  return shortestMs;
}
