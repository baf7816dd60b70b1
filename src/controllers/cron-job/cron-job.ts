// Makes the Jobs of CronJobs when they are due, and forgets the oldest of those that are over.
import { isReason } from '../../api/error.ts';
import { cronJobs as cronJobResource } from '../../api/kinds/cron-job.ts';
import { jobs as jobResource } from '../../api/kinds/job.ts';
import { controllerOf, controllerReference, isBeingDeleted, isControlledBy, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CronJob, Job, New } from '../../api/types.ts';
import { formatTime, parseTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { unlessGone } from '../claim-objects.ts';
import type { ControllerDeps } from '../deps.ts';
import { endOf, jobName, outlivedJobs, planCronJob, type Turn } from './plan.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

const jobIndexes = {
  controller: (job: Job) => {
    const owner = controllerOf(job);
    return owner ? [owner.uid] : [];
  },
};

type Run = Extract<Turn, { type: 'run' }>;

export function createCronJobController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'cronjob-controller';
  const cronJobs = deps.informers.of(cronJobResource);
  const jobs = deps.informers.of(jobResource, { indexes: jobIndexes });
  const recorder = deps.recorderFor(component);
  const say = (cronJob: CronJob, type: 'Normal' | 'Warning', reason: string, message: string) => recorder.event(aboutOf(cronJobResource, cronJob), type, reason, message);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const cronJob = cronJobs.get(key);
    if (!cronJob) return 'await-change';
    const mine = jobs.by('controller', cronJob.metadata.uid);
    const running = mine.filter((job) => !endOf(job) && !isBeingDeleted(job));
    const turn = planCronJob(cronJob, running, clock.wallMs());
    const ran = turn.type === 'run' ? await run(cronJob, turn, signal) : undefined;
    await writeStatus(cronJob, mine, ran, turn, signal);
    tell(cronJob, turn);
    for (const job of outlivedJobs(cronJob, mine)) await endJob(cronJob, job, signal);
    const afterMs = turn.type === 'run' || turn.type === 'wait' ? turn.afterMs : undefined;
    return afterMs === undefined ? 'await-change' : { afterMs };
  }

  async function run(cronJob: CronJob, turn: Run, signal: AbortSignal): Promise<Job | undefined> {
    for (const job of turn.replace) await endJob(cronJob, job, signal);
    const body = jobFor(cronJob, turn.atMs);
    try {
      const made = await client.create(jobResource, body, signal);
      say(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${made.metadata.name}`);
      return made;
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) {
        // Ours, of the same time, by one who could not note it any more; or someone else's, and then the time is lost.
        const there = await unlessGone(client.get(jobResource, { namespace: cronJob.metadata.namespace ?? '', name: body.metadata.name! }, signal));
        return there && isControlledBy(there, cronJob) ? there : undefined;
      }
      const ending = isReason(error, 'Forbidden') && error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      if (!ending && !signal.aborted) say(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
      throw error;
    }
  }

  async function writeStatus(cronJob: CronJob, mine: readonly Job[], ran: Job | undefined, turn: Turn, signal: AbortSignal): Promise<void> {
    const before = cronJob.status ?? {};
    const listed = before.active ?? [];
    const all = ran && !mine.some(({ metadata }) => metadata.uid === ran.metadata.uid) ? [...mine, ran] : mine;
    const replaced = new Set(turn.type === 'run' ? turn.replace.map(({ metadata }) => metadata.uid) : []);
    const active = all.filter((job) => !endOf(job) && !isBeingDeleted(job) && !replaced.has(job.metadata.uid));
    for (const job of mine) {
      const end = endOf(job);
      if (end && listed.some(({ uid }) => uid === job.metadata.uid)) say(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${end}`);
    }
    const successes = mine.flatMap(({ status }) => (status?.completionTime ? [parseTime(status.completionTime)] : []));
    const lastSuccessMs = Math.max(...successes, before.lastSuccessfulTime ? parseTime(before.lastSuccessfulTime) : -Infinity);
    const status: CronJob['status'] = {
      ...(active.length > 0 ? { active: active.map(({ metadata: { name, namespace, uid, resourceVersion } }) => listed.find((one) => one.uid === uid) ?? { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid, resourceVersion }) } : {}),
      ...(turn.type === 'run' ? { lastScheduleTime: formatTime(turn.atMs) } : before.lastScheduleTime ? { lastScheduleTime: before.lastScheduleTime } : {}),
      ...(lastSuccessMs > -Infinity ? { lastSuccessfulTime: formatTime(lastSuccessMs) } : {}),
    };
    if (!sameJson(status, before)) await client.updateStatus(cronJobResource, { ...cronJob, status }, signal);
  }

  function tell(cronJob: CronJob, turn: Turn): void {
    if (turn.type === 'wrong') say(cronJob, 'Warning', turn.reason, turn.message);
    if (turn.type !== 'wait' && turn.type !== 'run') return;
    if (turn.tooMany) say(cronJob, 'Warning', 'TooManyMissedTimes', turn.tooMany);
    if (turn.type === 'wait' && turn.missed) say(cronJob, 'Warning', 'MissSchedule', turn.missed);
    if (turn.type === 'wait' && turn.busy) say(cronJob, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid');
  }

  async function endJob(cronJob: CronJob, job: Job, signal: AbortSignal): Promise<void> {
    const { name, uid } = job.metadata;
    if (isBeingDeleted(job)) return;
    try {
      await client.delete(jobResource, keyOf(job), { propagationPolicy: 'Background', preconditions: { uid } }, signal);
      say(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  function* cronJobsOf(before: Job | undefined, after: Job | undefined): Generator<ObjectKey> {
    for (const job of [before, after]) {
      const controller = job && controllerOf(job);
      if (controller?.kind === 'CronJob') yield { namespace: job!.metadata.namespace ?? '', name: controller.name };
    }
  }

  return createController({ name: component, triggers: [trigger(cronJobs, itself), trigger(jobs, cronJobsOf)], reconcile, workers: 5 }, deps);
}

function jobFor(cronJob: CronJob, atMs: number): New<Job> {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  return {
    metadata: {
      name: jobName(cronJob, atMs),
      namespace: cronJob.metadata.namespace,
      labels: metadata?.labels,
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: formatTime(atMs) },
      ownerReferences: [controllerReference(cronJob, cronJobResource)],
    },
    spec: spec!,
  };
}
