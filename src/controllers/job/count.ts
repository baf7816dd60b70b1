// Counts the ends of a Job's Pods, each exactly once, whatever happens in between. A Pod's end is first written down by UID
// in the status (an index that succeeded, in completedIndexes); then its finalizer goes; then, when it is seen to have
// gone, the UID becomes one more in a counter. Every step can be taken again.
import { formatIndexes, readIndexes } from '../../api/batch/indexes.ts';
import type { Job, Pod } from '../../api/types.ts';
import { judge, type Verdict } from './failure-policy.ts';
import { failureCountOf, indexOf, isActive, isFailed, isIndexed, isTracked } from './pods.ts';

export interface Tally {
  /** Counters as they are to be written. */
  readonly succeeded: number;
  readonly failed: number;
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  readonly completed: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number> | undefined;
  /** Pods that may be let go once this tally is written. */
  readonly settled: readonly Pod[];
  /** Succeeded and failed in all, with what is not in the counters yet. */
  readonly allSucceeded: number;
  readonly allFailed: number;
  /** A failure was found that was not known before. */
  readonly hasNewFailure: boolean;
  /** A Pod says that the Job must fail. */
  readonly failJob: string | undefined;
}

/** `letAll`: no failure waits for a retry any more, for the Job has been decided, rests, or is deleted. */
export function tally(job: Job, pods: readonly Pod[], letAll: boolean): Tally {
  const { completions = 0 } = job.spec;
  const status = job.status ?? {};
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid, pod]));
  const before = status.uncountedTerminatedPods ?? {};
  const stay = (uids: readonly string[] = []) => uids.filter((uid) => tracked.has(uid));
  const uncounted = { succeeded: stay(before.succeeded), failed: stay(before.failed) };
  const failed = (status.failed ?? 0) + (before.failed?.length ?? 0) - uncounted.failed.length;
  const known = new Set([...uncounted.succeeded, ...uncounted.failed]);
  const completed = new Set(isIndexed(job) ? readIndexes(status.completedIndexes, completions) : []);
  const failedIndexes = failedIndexesOf(job, pods, completed);
  const settled: Pod[] = [];
  let failJob: string | undefined;
  let newFailures = 0;
  let kept = 0;

  for (const pod of tracked.values()) {
    const { uid } = pod.metadata;
    const index = indexOf(pod);
    const isOutside = isIndexed(job) && (index < 0 || index >= completions);
    if (known.has(uid)) settled.push(pod);
    else if (pod.status.phase === 'Succeeded') {
      if (!isIndexed(job)) uncounted.succeeded.push(uid);
      else if (!isOutside) completed.add(index);
      settled.push(pod);
    } else if (isFailed(job, pod)) {
      const verdict: Verdict = judge(job, pod);
      if (verdict.action === 'FailJob') failJob ??= verdict.message;
      const counts = verdict.action !== 'Ignore' && !isOutside;
      if (counts) newFailures++;
      if (!letAll && waitsForRetry(job, pod, pods, completed, failedIndexes)) {
        if (counts) kept++;
        continue;
      }
      if (counts) uncounted.failed.push(uid);
      settled.push(pod);
    }
  }
  const succeeded = isIndexed(job) ? completed.size : (status.succeeded ?? 0) + (before.succeeded?.length ?? 0) - stay(before.succeeded).length;
  return {
    succeeded,
    failed,
    uncounted,
    completed,
    failedIndexes,
    settled,
    allSucceeded: succeeded + uncounted.succeeded.length,
    allFailed: failed + uncounted.failed.length + kept,
    hasNewFailure: newFailures > 0,
    failJob,
  };
}

export function indexTexts({ completed, failedIndexes }: Tally): { completedIndexes?: string; failedIndexes?: string } {
  return {
    ...(completed.size > 0 ? { completedIndexes: formatIndexes(completed) } : {}),
    ...(failedIndexes ? { failedIndexes: formatIndexes(failedIndexes) } : {}),
  };
}

/** Indexes that have used up their own retries, or whose Pod's end says so. Undefined: indexes do not fail alone in this Job. */
function failedIndexesOf(job: Job, pods: readonly Pod[], completed: ReadonlySet<number>): ReadonlySet<number> | undefined {
  const { backoffLimitPerIndex, completions = 0 } = job.spec;
  if (!isIndexed(job) || backoffLimitPerIndex === undefined || backoffLimitPerIndex === null) return undefined;
  const failed = new Set(readIndexes(job.status?.failedIndexes, completions));
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index < 0 || index >= completions || completed.has(index) || !isTracked(pod) || !isFailed(job, pod)) continue;
    const { action } = judge(job, pod);
    if (action === 'FailIndex' || (action !== 'Ignore' && failureCountOf(pod) >= backoffLimitPerIndex)) failed.add(index);
  }
  return failed;
}

/** The newest failure of an index is kept until its successor carries its count on. */
function waitsForRetry(job: Job, pod: Pod, pods: readonly Pod[], completed: ReadonlySet<number>, failedIndexes: ReadonlySet<number> | undefined): boolean {
  const index = indexOf(pod);
  if (!failedIndexes || failedIndexes.has(index) || completed.has(index) || index >= (job.spec.completions ?? 0)) return false;
  return !pods.some((other) => other !== pod && indexOf(other) === index && isNewer(other, pod));
}

function isNewer(a: Pod, b: Pod): boolean {
  if (isActive(a) || failureCountOf(a) !== failureCountOf(b)) return isActive(a) || failureCountOf(a) > failureCountOf(b);
  const [left, right] = [a.metadata.creationTimestamp + a.metadata.uid, b.metadata.creationTimestamp + b.metadata.uid];
  return left > right;
}
