// Whether a CronJob runs now, and when it is to be looked at next.
import { lastTime, nextTime, parseSchedule, type Schedule } from '../../api/batch/cron.ts';
import { conditionOf } from '../../api/meta.ts';
import type { CronJob, Job } from '../../api/types.ts';
import { formatTime, parseTime } from '../../base/clock.ts';

export type Turn =
  | { readonly type: 'rest' }
  /** The schedule or the time zone means nothing. */
  | { readonly type: 'wrong'; readonly reason: string; readonly message: string }
  | { readonly type: 'wait'; readonly afterMs: number | undefined; readonly missed?: string; readonly tooMany?: string; readonly busy?: boolean }
  | { readonly type: 'run'; readonly atMs: number; readonly replace: readonly Job[]; readonly afterMs: number | undefined; readonly tooMany?: string };

/** `running` are its Jobs that are not over. */
export function planCronJob(cronJob: CronJob, running: readonly Job[], nowMs: number): Turn {
  const { spec, status, metadata } = cronJob;
  if (metadata.deletionTimestamp || spec.suspend) return { type: 'rest' };
  let schedule: Schedule;
  try {
    schedule = parseSchedule(spec.schedule);
    nextTime(schedule, nowMs, spec.timeZone);
  } catch (error) {
    const isZone = error instanceof RangeError;
    return isZone ? { type: 'wrong', reason: 'UnknownTimeZone', message: `invalid timeZone: ${JSON.stringify(spec.timeZone)}: unknown time zone ${spec.timeZone}` } : { type: 'wrong', reason: 'UnparseableSchedule', message: `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${(error as Error).message}` };
  }
  const deadlineMs = (spec.startingDeadlineSeconds ?? Infinity) * 1000;
  const sinceMs = Math.max(parseTime(status?.lastScheduleTime ?? metadata.creationTimestamp), nowMs - deadlineMs);
  const due = lastTime(schedule, sinceMs, nowMs, spec.timeZone);
  const next = nextTime(schedule, nowMs, spec.timeZone);
  const afterMs = next === undefined ? undefined : next - nowMs;
  const tooMany = due && due.count > 100 ? { tooMany: 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew' } : {};
  if (!due) return { type: 'wait', afterMs };
  if (due.atMs + deadlineMs < nowMs) return { type: 'wait', afterMs, missed: `Missed scheduled time to start a job: ${formatTime(due.atMs)}`, ...tooMany };
  if (status?.lastScheduleTime && parseTime(status.lastScheduleTime) >= due.atMs) return { type: 'wait', afterMs };
  const others = running.filter((job) => job.metadata.name !== jobName(cronJob, due.atMs));
  if (spec.concurrencyPolicy === 'Forbid' && others.length > 0) return { type: 'wait', afterMs, busy: true, ...tooMany };
  return { type: 'run', atMs: due.atMs, replace: spec.concurrencyPolicy === 'Replace' ? others : [], afterMs, ...tooMany };
}

/** The same for the same time, so that no time has two. */
export function jobName({ metadata }: CronJob, atMs: number): string {
  return `${metadata.name}-${Math.floor(atMs / 60_000)}`;
}

export function endOf(job: Job): 'Complete' | 'Failed' | undefined {
  for (const type of ['Complete', 'Failed'] as const) if (conditionOf(job.status?.conditions, type)?.status === 'True') return type;
  return undefined;
}

/** Ended Jobs beyond what is to be remembered, the oldest first. */
export function outlivedJobs({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const beyond = (end: 'Complete' | 'Failed', limit: number | undefined) => {
    const ended = jobs.filter((job) => endOf(job) === end).sort((a, b) => (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : a.metadata.name < b.metadata.name ? -1 : 1));
    return ended.slice(0, Math.max(0, ended.length - (limit ?? Infinity)));
  };
  return [...beyond('Complete', spec.successfulJobsHistoryLimit), ...beyond('Failed', spec.failedJobsHistoryLimit)];
}

function startOf({ status, metadata }: Job): string {
  return status?.startTime ?? metadata.creationTimestamp;
}
