// The status of a Job, from its Pods, their tally and what was decided.
import { conditionOf, isPodReady, withCondition } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { indexTexts, type Tally } from './count.ts';
import { isActive, isTerminating } from './pods.ts';
import type { Outcome } from './verdict.ts';

type Status = Job['status'];
type Condition = NonNullable<Status['conditions']>[number];

export function jobStatus(job: Job, pods: readonly Pod[], counted: Tally, outcome: Outcome | undefined, nowMs: number): Status {
  const active = pods.filter(isActive);
  const terminating = pods.filter(isTerminating).length;
  const { succeeded, failed, uncounted } = counted;
  const isCounted = uncounted.succeeded.length + uncounted.failed.length === 0 && counted.settled.length === 0;
  const isOver = outcome !== undefined && active.length === 0 && terminating === 0 && isCounted;
  const suspended = suspension(job, nowMs);
  let conditions: readonly Condition[] = suspended.conditions;
  if (outcome) conditions = set(conditions, outcome, nowMs);
  if (isOver) conditions = set(conditions, { ...outcome, type: outcome.type === 'FailureTarget' ? 'Failed' : 'Complete' }, nowMs);
  const { startTime, completionTime } = job.status ?? {};
  const began = suspended.resumedAt ?? startTime ?? (job.spec.suspend && !isOver ? undefined : formatTime(nowMs));
  const ended = isOver && outcome.type === 'SuccessCriteriaMet' ? formatTime(nowMs) : completionTime;
  return {
    ...(began ? { startTime: began } : {}),
    ...(ended ? { completionTime: ended } : {}),
    ...(active.length > 0 ? { active: active.length } : {}),
    ...(succeeded > 0 ? { succeeded } : {}),
    ...(failed > 0 ? { failed } : {}),
    ready: active.filter(isPodReady).length,
    terminating,
    ...indexTexts(counted),
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 ? { succeeded: [...uncounted.succeeded] } : {}),
      ...(uncounted.failed.length > 0 ? { failed: [...uncounted.failed] } : {}),
    },
    ...(conditions.length > 0 ? { conditions: [...conditions] } : {}),
  };
}

export interface Suspension {
  readonly conditions: readonly Condition[];
  /** Set when it goes on again just now. */
  readonly resumedAt?: string;
  readonly news?: 'Suspended' | 'Resumed';
}

export function suspension({ spec, status }: Job, nowMs: number): Suspension {
  const conditions: readonly Condition[] = status?.conditions ?? [];
  const before = conditionOf(conditions, 'Suspended')?.status;
  if (spec.suspend && before !== 'True') return { conditions: set(conditions, { type: 'Suspended', reason: 'JobSuspended', message: 'Job suspended' }, nowMs), news: 'Suspended' };
  if (spec.suspend || before !== 'True') return { conditions };
  const resumed = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
  return { conditions: set(conditions, resumed, nowMs), resumedAt: formatTime(nowMs), news: 'Resumed' };
}

function set(conditions: readonly Condition[], said: { type: string; status?: string; reason: string; message: string }, nowMs: number): readonly Condition[] {
  const before = conditionOf(conditions, said.type);
  const status = said.status ?? 'True';
  if (before?.status === status && before.reason === said.reason && before.message === said.message) return conditions;
  return withCondition<Condition>(conditions, { lastProbeTime: formatTime(nowMs), ...said, status }, nowMs);
}
