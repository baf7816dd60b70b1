// Deletes Jobs that have been over for as long as they asked to be kept.
import { isReason } from '../../api/error.ts';
import { jobs as jobResource } from '../../api/kinds/job.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Job } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

export function createTtlAfterFinishedController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const jobs = deps.informers.of(jobResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const seen = jobs.get(key);
    const leftMs = seen && expiresAfterMs(seen, clock.wallMs());
    if (leftMs === undefined) return 'await-change';
    if (leftMs > 0) return { afterMs: leftMs };
    try {
      // Asked anew, for someone may just have given it more time.
      const now = await client.get(jobResource, key, signal);
      if (now.metadata.uid !== seen!.metadata.uid || (expiresAfterMs(now, clock.wallMs()) ?? 1) > 0) return 'await-change';
      const { uid, resourceVersion } = now.metadata;
      await client.delete(jobResource, key, { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  return createController({ name: 'ttl-after-finished-controller', triggers: [trigger(jobs, itself)], reconcile, workers: 1 }, deps);
}

/** Undefined: it is not over, or may stay. */
export function expiresAfterMs(job: Job, nowMs: number): number | undefined {
  const seconds = job.spec.ttlSecondsAfterFinished;
  if (seconds === undefined || seconds === null || isBeingDeleted(job)) return undefined;
  const over = job.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');
  return over?.lastTransitionTime ? parseTime(over.lastTransitionTime) + seconds * 1000 - nowMs : undefined;
}
