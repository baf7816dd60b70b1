// How many of a budget's Pods there should be, how many are well, and so how many may go. Pure.
import { withDisruptionAllowed } from '../../api/kinds/pod-disruption-budget.ts';
import { isBeingDeleted, isPodReady, withCondition } from '../../api/meta.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';

type Status = PodDisruptionBudget['status'];

/** A Pod whose eviction was granted is waited for so long; then it is taken to stay. */
export const evictionPatienceMs = 120_000;

export interface Counted {
  readonly status: Status;
  /** When an eviction that was granted will have waited long enough. */
  readonly lookAgainAfterMs: number | undefined;
  /** Pods that were to go and did not. */
  readonly stuck: readonly Pod[];
}

/** Whether the sum of what the Pods' controllers want is part of the reckoning. A plain number of Pods needs none. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return isGiven(spec.maxUnavailable) || typeof spec.minAvailable === 'string';
}

/** `scale`: what the Pods' controllers want, all together; asked for only when `needsScale`. */
export function countBudget(budget: PodDisruptionBudget, pods: readonly Pod[], scale: number, nowMs: number): Counted {
  const { expectedPods, desiredHealthy } = expectation(budget, pods.length, scale);
  const { disruptedPods, lookAgainAfterMs, stuck } = stillExpectedToGo(budget, pods, nowMs);
  const currentHealthy = pods.filter((pod) => isPodReady(pod) && !isBeingDeleted(pod) && !(pod.metadata.name in disruptedPods)).length;
  const { generation } = budget.metadata;
  // A budget that had no Pod a moment ago had better not let the first one go before it is counted.
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const { conditions } = budget.status;
  const counted: Status = {
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed,
    expectedPods,
    observedGeneration: generation,
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    ...(conditions ? { conditions } : {}),
  };
  return { status: withDisruptionAllowed(counted, nowMs), lookAgainAfterMs, stuck };
}

/** When it cannot be counted nothing may go. */
export function failedStatus({ status }: PodDisruptionBudget, message: string, nowMs: number): Status {
  const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message, observedGeneration: status.observedGeneration };
  return { ...status, disruptionsAllowed: 0, conditions: [...withCondition(status.conditions, condition as NonNullable<Status['conditions']>[number], nowMs)] };
}

function expectation({ spec }: PodDisruptionBudget, podCount: number, scale: number): { readonly expectedPods: number; readonly desiredHealthy: number } {
  const { maxUnavailable, minAvailable } = spec as { maxUnavailable?: number | string; minAvailable?: number | string };
  if (isGiven(maxUnavailable)) return { expectedPods: scale, desiredHealthy: Math.max(0, scale - share(maxUnavailable, scale)) };
  if (!isGiven(minAvailable)) return { expectedPods: 0, desiredHealthy: 0 };
  if (typeof minAvailable === 'number') return { expectedPods: podCount, desiredHealthy: minAvailable };
  return { expectedPods: scale, desiredHealthy: share(minAvailable, scale) };
}

/** A percentage is rounded up, in both directions: `maxUnavailable: 1%` lets one go. */
function share(value: number | string, of: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * of) / 100);
}

function stillExpectedToGo({ status }: PodDisruptionBudget, pods: readonly Pod[], nowMs: number) {
  const disruptedPods: Record<string, string> = {};
  const stuck: Pod[] = [];
  let lookAgainAfterMs: number | undefined;
  for (const pod of pods) {
    const since = status.disruptedPods?.[pod.metadata.name];
    if (!since || isBeingDeleted(pod)) continue;
    const leftMs = parseTime(since) + evictionPatienceMs - nowMs;
    if (leftMs < 0) {
      stuck.push(pod);
      continue;
    }
    disruptedPods[pod.metadata.name] = since;
    lookAgainAfterMs = Math.min(lookAgainAfterMs ?? Infinity, leftMs + 1);
  }
  return { disruptedPods, stuck, lookAgainAfterMs };
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
