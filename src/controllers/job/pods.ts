// What a Job's Pods are to it: still running, ended and not yet counted, counted; and of which index.
import { isBeingDeleted, isPodActive, isPodFinished } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';

/** Holds a Pod until its end has been counted. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexKey = 'batch.kubernetes.io/job-completion-index';
export const failureCountKey = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredFailureCountKey = 'batch.kubernetes.io/job-index-ignored-failure-count';

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** -1: it has none, or one that cannot be. */
export function indexOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[indexKey];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : -1;
}

export function failureCountOf({ metadata }: Pod): number {
  return Number(metadata.annotations?.[failureCountKey] ?? 0) || 0;
}

/** Where only failed Pods are replaced, one that is told to go has not failed yet, unless no node has it: it can never run. */
export function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status.phase === 'Failed') return true;
  if (pod.status.phase === 'Succeeded' || !isBeingDeleted(pod)) return false;
  return job.spec.podReplacementPolicy !== 'Failed' || !pod.spec.nodeName || isBeingDeleted(job);
}

export function isTerminating(pod: Pod): boolean {
  return isBeingDeleted(pod) && !isPodFinished(pod) && !(!pod.spec.nodeName && !isTracked(pod));
}

export const isActive = isPodActive;

/** When the last of its containers ended; for Pods that never ran, when they were told to go. */
export function finishedMs(pod: Pod, nowMs: number): number {
  const ends = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].flatMap(({ state }) => (state?.terminated?.finishedAt ? [parseTime(state.terminated.finishedAt)] : []));
  if (ends.length > 0) return Math.max(...ends);
  const ready = pod.status.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False')?.lastTransitionTime;
  const text = ready ?? pod.metadata.deletionTimestamp;
  return text ? parseTime(text) : nowMs;
}
