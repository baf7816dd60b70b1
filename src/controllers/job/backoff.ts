// How long a Job waits before it tries again: 10 s after a failure, twice as long after each one more, 6 minutes at most; a
// success ends the row. Read from the Pods that there are, so that a restart forgets nothing.
import type { Job, Pod } from '../../api/types.ts';
import { failureCountOf, finishedMs, indexOf, isFailed } from './pods.ts';

const firstMs = 10_000;
const mostMs = 360_000;

export function delayMs(failures: number): number {
  return failures > 0 ? Math.min(firstMs * 2 ** (failures - 1), mostMs) : 0;
}

/** What is left to wait after the newest row of failures. */
export function backoffAfterMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const ends = pods.filter((pod) => pod.status.phase === 'Succeeded' || isFailed(job, pod)).map((pod) => ({ pod, atMs: finishedMs(pod, nowMs) }));
  ends.sort((a, b) => b.atMs - a.atMs || Number(b.pod.status.phase === 'Succeeded') - Number(a.pod.status.phase === 'Succeeded'));
  const success = ends.findIndex(({ pod }) => pod.status.phase === 'Succeeded');
  const row = success < 0 ? ends.length : success;
  return row > 0 ? Math.max(0, ends[0]!.atMs + delayMs(row) - nowMs) : 0;
}

/** The same for one index, whose Pods carry their count on; with the count that its next Pod carries. */
export function indexBackoff(job: Job, pods: readonly Pod[], index: number, nowMs: number): { readonly afterMs: number; readonly failures: number } {
  let failures = 0;
  let lastMs = 0;
  for (const pod of pods) {
    if (indexOf(pod) !== index || !isFailed(job, pod)) continue;
    failures = Math.max(failures, failureCountOf(pod) + 1);
    lastMs = Math.max(lastMs, finishedMs(pod, nowMs));
  }
  return { failures, afterMs: failures > 0 ? Math.max(0, lastMs + delayMs(failures) - nowMs) : 0 };
}
