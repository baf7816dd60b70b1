// The status of a ReplicaSet or ReplicationController, from its Pods.
import { conditionOf, isBeingDeleted, isPodActive, isPodAvailable, isPodReady, withCondition } from '../../api/meta.ts';
import { parseTime } from '../../base/clock.ts';
import type { Pod, ReplicaSet } from '../../api/types.ts';
import type { ReplicaOwner } from './owner.ts';

export type OwnerStatus = ReplicaSet['status'];

/** What went wrong while Pods were made or ended. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** `pods` are all that the owner manages, ended ones included. */
export function ownerStatus(owner: ReplicaOwner, pods: readonly Pod[], failure: ReplicaFailure | undefined, nowMs: number): OwnerStatus {
  const { minReadySeconds = 0, template } = owner.spec;
  const labels = Object.entries(template?.metadata?.labels ?? {});
  const active = pods.filter(isPodActive);
  const ready = active.filter(isPodReady);
  const status: OwnerStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => labels.every(([key, value]) => metadata.labels?.[key] === value)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    observedGeneration: owner.metadata.generation ?? 0,
  };
  // The older kind was never given this field.
  if (!isReplicationController(owner)) status.terminatingReplicas = pods.filter((pod) => isBeingDeleted(pod) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed').length;
  const conditions = failureConditions(owner, failure, nowMs);
  return conditions.length > 0 ? { ...status, conditions } : status;
}

/** When the next ready Pod becomes available; undefined: nothing to wait for. */
export function availableAfterMs(owner: { readonly spec: { readonly minReadySeconds?: number } }, pods: readonly Pod[], nowMs: number): number | undefined {
  const { minReadySeconds = 0 } = owner.spec;
  if (minReadySeconds === 0) return undefined;
  let soonestMs = Infinity;
  for (const pod of pods) {
    const ready = conditionOf(pod.status.conditions, 'Ready');
    if (ready?.status !== 'True' || !ready.lastTransitionTime) continue;
    const leftMs = parseTime(ready.lastTransitionTime) + minReadySeconds * 1000 - nowMs;
    if (leftMs > 0) soonestMs = Math.min(soonestMs, leftMs);
  }
  return soonestMs === Infinity ? undefined : soonestMs;
}

type OwnerCondition = NonNullable<OwnerStatus['conditions']>[number];

/** A failure that stands keeps its first words until another reason takes its place. */
function failureConditions(owner: ReplicaOwner, failure: ReplicaFailure | undefined, nowMs: number): OwnerCondition[] {
  const before: readonly OwnerCondition[] = owner.status?.conditions ?? [];
  if (!failure) return before.filter(({ type }) => type !== 'ReplicaFailure');
  if (conditionOf(before, 'ReplicaFailure')?.reason === failure.reason) return [...before];
  return [...withCondition<OwnerCondition>(before, { type: 'ReplicaFailure', status: 'True', ...failure }, nowMs)];
}

function isReplicationController(owner: ReplicaOwner): boolean {
  const selector = owner.spec.selector as { matchLabels?: unknown; matchExpressions?: unknown } | undefined;
  return !(selector && (typeof selector.matchLabels === 'object' || Array.isArray(selector.matchExpressions)));
}
