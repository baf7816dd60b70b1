// What a StatefulSet does next, in order. One Pod after the other, unless it is Parallel: each waits until all before it
// are available; what is too many goes from the highest number down; and only a set that is whole is updated.
import { conditionOf, isBeingDeleted, isPodAvailable, isPodFinished, isPodReady } from '../../api/meta.ts';
import type { Pod, StatefulSet } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import { firstOrdinal, missingIdentity, ordinalOf, revisionOf } from './identity.ts';

export type Step =
  | { readonly type: 'create'; readonly ordinal: number; readonly revision: 'current' | 'update' }
  /** Its claims may be missing still. */
  | { readonly type: 'complete-claims'; readonly ordinal: number }
  | { readonly type: 'label'; readonly pod: Pod; readonly labels: Record<string, string> }
  | { readonly type: 'delete'; readonly pod: Pod };

export interface Revisions {
  readonly current: string;
  readonly update: string;
}

export function planStatefulSet(set: StatefulSet, pods: readonly Pod[], revisions: Revisions, nowMs: number): readonly Step[] {
  if (isBeingDeleted(set)) return [];
  const { wanted, condemned } = sorted(set, pods);
  const inTurn = set.spec.podManagementPolicy !== 'Parallel';
  const isOut = (pod: Pod | undefined) => !pod || isUnavailable(set, pod, nowMs);
  const steps: Step[] = [];

  for (const [index, pod] of wanted.entries()) {
    const ordinal = firstOrdinal(set) + index;
    const mends = pod ? mend(set, pod, ordinal) : [{ type: 'create' as const, ordinal, revision: revisionFor(set, index) }];
    steps.push(...mends);
    if (inTurn && isOut(pod)) return steps;
  }

  const firstOut = wanted.find((pod) => pod && isOut(pod)) ?? condemned.toReversed().find(isOut);
  for (const pod of condemned) {
    if (isBeingDeleted(pod)) {
      if (inTurn) return steps;
      continue;
    }
    if (inTurn && isOut(pod) && pod !== firstOut) return steps;
    steps.push({ type: 'delete', pod });
    if (inTurn) return steps;
  }
  if (set.spec.updateStrategy?.type === 'OnDelete') return steps;
  return [...steps, ...outdated(set, wanted, revisions, isOut, steps)];
}

/** Pods by their place in the set, and those that are too many, the highest number first. Pods with other names are left alone. */
export function sorted(set: StatefulSet, pods: readonly Pod[]): { wanted: readonly (Pod | undefined)[]; condemned: readonly Pod[] } {
  const wanted: (Pod | undefined)[] = Array.from({ length: set.spec.replicas ?? 1 });
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal < 0) continue;
    const index = ordinal - firstOrdinal(set);
    if (index >= 0 && index < wanted.length) wanted[index] = pod;
    else condemned.push(pod);
  }
  condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a));
  return { wanted, condemned };
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status.phase === 'Running' && isPodReady(pod);
}

export function isUnavailable({ spec }: StatefulSet, pod: Pod, nowMs: number): boolean {
  return isBeingDeleted(pod) || pod.status.phase !== 'Running' || !isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs);
}

/** When the next ready Pod becomes available; undefined: only a change can bring news. */
export function availableAfterMs({ spec }: StatefulSet, pods: readonly Pod[], nowMs: number): number | undefined {
  const waitsMs = pods.flatMap((pod) => {
    const ready = conditionOf(pod.status.conditions, 'Ready');
    const leftMs = ready?.status === 'True' && ready.lastTransitionTime ? parseTime(ready.lastTransitionTime) + (spec.minReadySeconds ?? 0) * 1000 - nowMs : 0;
    return leftMs > 0 ? [leftMs] : [];
  });
  return waitsMs.length > 0 ? Math.min(...waitsMs) : undefined;
}

function mend(set: StatefulSet, pod: Pod, ordinal: number): readonly Step[] {
  // Ended Pods make room for their successors, which come once they are gone.
  if (isPodFinished(pod)) return isBeingDeleted(pod) ? [] : [{ type: 'delete', pod }];
  const steps: Step[] = [];
  if (pod.status.phase === 'Pending' && set.spec.volumeClaimTemplates?.length) steps.push({ type: 'complete-claims', ordinal });
  const labels = missingIdentity(set, pod);
  if (labels && !isBeingDeleted(pod)) steps.push({ type: 'label', pod, labels });
  return steps;
}

/** Below the partition all stays as it is, new Pods included. */
function revisionFor({ spec }: StatefulSet, index: number): 'current' | 'update' {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  return type === 'RollingUpdate' && index < (rollingUpdate?.partition ?? 0) ? 'current' : 'update';
}

function outdated(set: StatefulSet, wanted: readonly (Pod | undefined)[], { update }: Revisions, isOut: (pod: Pod | undefined) => boolean, before: readonly Step[]): readonly Step[] {
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const leaving = new Set(before.flatMap((step) => (step.type === 'delete' ? [step.pod] : [])));
  let mayGo = mostUnavailable(maxUnavailable as number | string | undefined, wanted.length) - wanted.filter(isOut).length;
  const steps: Step[] = [];
  for (let index = wanted.length - 1; index >= partition && mayGo > 0; index--) {
    const pod = wanted[index];
    if (!pod || isBeingDeleted(pod) || leaving.has(pod) || revisionOf(pod) === update) continue;
    steps.push({ type: 'delete', pod });
    mayGo--;
  }
  return steps;
}

function mostUnavailable(value: number | string | undefined, replicas: number): number {
  if (value === undefined) return 1;
  return Math.max(1, typeof value === 'string' ? Math.ceil((Number.parseInt(value, 10) * replicas) / 100) : value);
}
