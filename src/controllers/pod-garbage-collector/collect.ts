// Which Pods nobody will ever end or remove, pure.
import { isBeingDeleted, isPodFinished } from '../../api/meta.ts';
import type { Pod } from '../../api/types.ts';

export interface Collected {
  readonly pod: Pod;
  /**
   * `finished`: there are too many of them. `orphaned`: its node is gone. `outOfService`: it ends on a node of which somebody
   * has said that it will not come back. `unscheduled`: it ends without ever having had a node.
   */
  readonly why: 'finished' | 'orphaned' | 'outOfService' | 'unscheduled';
}

export interface NodeSight {
  /** It has been away for long enough. */
  readonly isGone: (nodeName: string) => boolean;
  /** It is not ready, and tainted as out of service. */
  readonly isOutOfService: (nodeName: string) => boolean;
}

/** `mostFinished` 0: of those there are never too many. */
export function podsToCollect(pods: readonly Pod[], { isGone, isOutOfService }: NodeSight, mostFinished: number): readonly Collected[] {
  const collected: Collected[] = [];
  const finished: Pod[] = [];
  for (const pod of pods) {
    const { nodeName } = pod.spec;
    if (nodeName && isGone(nodeName)) collected.push({ pod, why: 'orphaned' });
    else if (nodeName && isBeingDeleted(pod) && isOutOfService(nodeName)) collected.push({ pod, why: 'outOfService' });
    else if (!nodeName && isBeingDeleted(pod)) collected.push({ pod, why: 'unscheduled' });
    else if (isPodFinished(pod)) finished.push(pod);
  }
  const tooMany = mostFinished > 0 ? finished.length - mostFinished : 0;
  if (tooMany <= 0) return collected;
  finished.sort(evictedThenOldestFirst);
  for (const pod of finished.slice(0, tooMany)) collected.push({ pod, why: 'finished' });
  return collected;
}

function evictedThenOldestFirst(a: Pod, b: Pod): number {
  const [one, other] = [a.metadata, b.metadata].map(({ creationTimestamp, name }) => `${creationTimestamp} ${name}`);
  return Number(isEvicted(b)) - Number(isEvicted(a)) || (one! < other! ? -1 : 1);
}

function isEvicted({ status }: Pod): boolean {
  return status.reason === 'Evicted';
}
