// What a Pod's worker remembers that neither the API nor the runtime tells. It is lost with the agent, harmlessly:
// a forgotten back-off means one early restart, forgotten probe results are probed again.

import type { ResizeWork } from '../resize/pod-resize.ts';

/** The name under which the sandbox stands among the containers' names (no container may be called so). */
export const sandboxName = '/sandbox';

/** The key of the Pod's resize, of which there is one at a time. */
export const resizeName = '/resize';

export interface PlanMemory {
  /** When the node accepted the Pod; activeDeadlineSeconds counts from here. Wall ms. */
  readonly startTimeMs: number;
  /** What has a step under way, by the step's key: a container's name, `sandboxName`, or an id. Nothing more is planned for it. */
  readonly busy: ReadonlySet<string>;
  /** Restart back-off by container name, or `sandboxName`; absent: the next restart is immediate. */
  readonly restarts: ReadonlyMap<string, RestartBackOff>;
  /** After a failed step (image, configuration, sandbox …), by its key: not before this wall time in ms. */
  readonly retryAtMs: ReadonlyMap<string, number>;
  /** Containers (by id) that must be killed, and why. */
  readonly unhealthy: ReadonlyMap<string, Unhealthy>;
  /** Containers (by id) past their postStart hook and startup probe. */
  readonly started: ReadonlySet<string>;
  /** Containers (by id) that the node has ended so that they run again: they do, whatever they ended with. */
  readonly toRunAgain?: ReadonlySet<string>;
  /** What is yet to be done of a granted resize. */
  readonly resize?: ResizeWork;
}

export interface RestartBackOff {
  readonly delayMs: number;
  /** Wall time of the restart that this delay followed. */
  readonly atMs: number;
}

export interface Unhealthy {
  readonly why: 'liveness' | 'startup' | 'postStart';
  /** The probe's own terminationGracePeriodSeconds. */
  readonly graceMs?: number;
}

export const shortestBackOffMs = 10_000;
export const longestBackOffMs = 300_000;
/** A container that ran this long starts again with a clean record. */
export const backOffForgottenMs = 600_000;

/** How long after `finishedAtMs` the container must stay down. */
export function restartDelayMs(record: RestartBackOff | undefined, finishedAtMs: number): number {
  return record && finishedAtMs - record.atMs <= backOffForgottenMs ? record.delayMs : 0;
}

/** The record after a restart at `nowMs`, from which the next delay follows. */
export function afterRestart(record: RestartBackOff | undefined, finishedAtMs: number, nowMs: number): RestartBackOff {
  const delayMs = restartDelayMs(record, finishedAtMs);
  return { delayMs: Math.min(Math.max(delayMs * 2, shortestBackOffMs), longestBackOffMs), atMs: nowMs };
}
