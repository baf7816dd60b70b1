// Which Pods nobody will ever end or remove, pure.
import { isBeingDeleted, isPodFinished, isTrue } from '../../api/meta.ts';
import type { Node, Pod } from '../../api/types.ts';

export interface Collected {
  readonly pod: Pod;
  /**
   * `finished`: there are too many of them. `orphaned`: its node is gone. `unscheduled`: it ends without ever having had a node.
   * `out-of-service`: it is to end, and somebody has said that its node, which is silent, is shut down. */
  readonly why: 'finished' | 'orphaned' | 'unscheduled' | 'out-of-service';
}

/** As upstream's PodGC: not ready, and tainted by hand with node.kubernetes.io/out-of-service. */
export function isOutOfService(node: Node | undefined): boolean {
  const isTainted = node?.spec.taints?.some(({ key, effect }) => key === 'node.kubernetes.io/out-of-service' && (effect === 'NoExecute' || effect === 'NoSchedule'));
  return !!isTainted && !isTrue(node?.status.conditions as never, 'Ready');
}

/** `isGone` says of a node that it has been away for long enough. */
export function podsToCollect(pods: readonly Pod[], isGone: (nodeName: string) => boolean, isOut: (nodeName: string) => boolean, mostFinished: number): readonly Collected[] {
  const collected: Collected[] = [];
  const finished: Pod[] = [];
  for (const pod of pods) {
    if (pod.spec.nodeName && isGone(pod.spec.nodeName)) collected.push({ pod, why: 'orphaned' });
    else if (pod.spec.nodeName && isBeingDeleted(pod) && isOut(pod.spec.nodeName)) collected.push({ pod, why: 'out-of-service' });
    else if (!pod.spec.nodeName && isBeingDeleted(pod)) collected.push({ pod, why: 'unscheduled' });
    else if (isPodFinished(pod)) finished.push(pod);
  }
  const tooMany = finished.length - mostFinished;
  if (tooMany <= 0) return collected;
  finished.sort((a, b) => Number(isEvicted(b)) - Number(isEvicted(a)) || (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
  for (const pod of finished.slice(0, tooMany)) collected.push({ pod, why: 'finished' });
  return collected;
}

function isEvicted({ status }: Pod): boolean {
  return status.reason === 'Evicted';
}
