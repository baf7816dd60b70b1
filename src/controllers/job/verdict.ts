// What becomes of a Job: it goes on, it has succeeded, or it has failed, and why.
//
//   running ──▶ SuccessCriteriaMet ──▶ Complete
//      │            (its Pods end)
//      └──────▶ FailureTarget ───────▶ Failed
import { readIndexes } from '../../api/batch/indexes.ts';
import { conditionOf } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import type { Tally } from './count.ts';
import { isIndexed } from './pods.ts';

export interface Outcome {
  readonly type: 'SuccessCriteriaMet' | 'FailureTarget';
  readonly reason: string;
  readonly message: string;
}

export function isFinished({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True') === true;
}

/** What was decided before; it stands. */
export function decided({ status }: Job): Outcome | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const found = conditionOf(status?.conditions, type);
    if (found?.status === 'True') return { type, reason: found.reason ?? '', message: found.message ?? '' };
  }
  return undefined;
}

export function outcomeOf(job: Job, counted: Tally, active: readonly Pod[], terminating: number, nowMs: number): Outcome | undefined {
  const { spec } = job;
  const fail = (reason: string, message: string): Outcome => ({ type: 'FailureTarget', reason, message });
  if (counted.failJob) return fail('PodFailurePolicy', counted.failJob);
  if (exceedsLimit(job, counted, active)) return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  const leftMs = deadlineAfterMs(job, nowMs);
  if (leftMs !== undefined && leftMs <= 0) return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (counted.failedIndexes) {
    const most = spec.maxFailedIndexes;
    if (most !== undefined && most !== null && counted.failedIndexes.size > most) return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    if (counted.failedIndexes.size > 0 && counted.failedIndexes.size + counted.completed.size >= (spec.completions ?? 0)) return fail('FailedIndexes', 'Job has failed indexes');
  }
  const rule = isIndexed(job) ? matchedRule(job, counted) : undefined;
  if (rule !== undefined) return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
  // Without a number of completions the first success ends it, once all its Pods have ended.
  const isDone = spec.completions === undefined || spec.completions === null ? counted.allSucceeded > 0 && active.length === 0 && terminating === 0 : counted.allSucceeded >= spec.completions;
  return isDone ? { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' } : undefined;
}

/** Until the Job has been active for too long; undefined: it may take its time. */
export function deadlineAfterMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || spec.activeDeadlineSeconds === null || spec.suspend || !status?.startTime) return undefined;
  return parseTime(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs;
}

/** What parallelism took back does not count against it: a limit is passed by a new failure while Pods are missing. */
function exceedsLimit(job: Job, counted: Tally, active: readonly Pod[]): boolean {
  const { backoffLimit = 6, parallelism = 1, suspend, template } = job.spec;
  if (suspend) return false;
  if (counted.hasNewFailure && active.length !== parallelism && counted.allFailed > backoffLimit) return true;
  if (template.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = active.reduce((sum, { status }) => sum + [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].reduce((one, { restartCount }) => one + restartCount, 0), 0);
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit;
}

function matchedRule({ spec }: Job, { completed }: Tally): number | undefined {
  const found = spec.successPolicy?.rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined || succeededIndexes === null) return completed.size >= (succeededCount ?? Infinity);
    const wanted = readIndexes(succeededIndexes, spec.completions ?? 0);
    const met = [...wanted].filter((index) => completed.has(index)).length;
    return met >= (succeededCount ?? wanted.size);
  });
  return found === undefined || found < 0 ? undefined : found;
}
