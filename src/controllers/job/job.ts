// Runs the Pods of a Job to their end and counts them.
import { isReason } from '../../api/error.ts';
import { jobs as jobResource } from '../../api/kinds/job.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { controllerOf, isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { Job, Pod } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import { claimObjects, unlessGone } from '../claim-objects.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { slowly } from '../replica-set/replicas.ts';
import { tally } from './count.ts';
import { newJobPod, planPods, type NextPod, type PodPlan } from './plan.ts';
import { isActive, isTerminating, isTracked, trackingFinalizer } from './pods.ts';
import { jobStatus, suspension } from './status.ts';
import { deadlineAfterMs, decided, isFinished, outcomeOf } from './verdict.ts';

/** Pods made or ended in one look; the rest follows when these have been seen. */
const burst = 500;
const ourName = 'kubernetes.io/job-controller';

const trackedIndex = { jobTracked: (pod: Pod) => (isTracked(pod) ? [jobKeyOf(pod)] : []) };

export function createJobController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'job-controller';
  const jobs = deps.informers.of(jobResource);
  const pods = deps.informers.of(podResource, { indexes: { ...podIndexes, ...trackedIndex } });
  const recorder = deps.recorderFor(component);
  const expectations = new Expectations(pods, clock);
  /** Revisions of the last status written; an older picture of the Job must not be counted from. */
  const written = new Map<string, number>();

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const job = jobs.get(key);
    if (!job) {
      expectations.forget(keyText(key));
      written.delete(keyText(key));
    }
    await releaseStrangers(key, job, signal);
    if (!job || (job.spec.managedBy && job.spec.managedBy !== ourName)) return 'await-change';
    await expectations.settle(keyText(key), () => client.list(podResource, { namespace: key.namespace, labelSelector: labelSelectorOf(job.spec.selector).toString() }, signal));
    if (Number(job.metadata.resourceVersion) < (written.get(keyText(key)) ?? 0) || !expectations.met(keyText(key))) return 'await-change';
    const mine = await claimed(job, signal);
    if (isFinished(job)) {
      await release(mine.filter(isTracked), signal);
      return 'await-change';
    }
    return pursue(job, mine, signal);
  }

  async function pursue(job: Job, mine: readonly Pod[], signal: AbortSignal): Promise<Next> {
    const nowMs = clock.wallMs();
    const before = decided(job);
    const counted = tally(job, mine, before !== undefined || isBeingDeleted(job) || job.spec.suspend === true);
    const active = mine.filter(isActive);
    const outcome = before ?? outcomeOf(job, counted, active, mine.filter(isTerminating).length, nowMs);
    await writeStatus(job, jobStatus(job, mine, counted, outcome, nowMs), signal);
    await release(counted.settled, signal);
    if (isBeingDeleted(job)) return 'await-change';
    const plan: PodPlan = outcome ? { create: [], remove: active } : planPods(job, mine, counted, nowMs);
    await endPods(job, plan.remove.slice(0, burst), signal);
    await makePods(job, plan.create.slice(0, burst), signal);
    const waitsMs = [plan.afterMs, outcome ? undefined : deadlineAfterMs(job, nowMs)].filter((ms) => ms !== undefined);
    return waitsMs.length > 0 ? { afterMs: Math.max(1, Math.min(...waitsMs)) } : 'await-change';
  }

  async function claimed(job: Job, signal: AbortSignal): Promise<readonly Pod[]> {
    const { namespace = '', uid } = job.metadata;
    const candidates = { managed: pods.by('controller', uid), orphans: isFinished(job) ? [] : pods.by('orphan', namespace) };
    return claimObjects(client, podResource, jobResource, job, labelSelectorOf(job.spec.selector), candidates, signal);
  }

  async function writeStatus(job: Job, status: Job['status'], signal: AbortSignal): Promise<void> {
    if (sameJson(status, job.status)) return;
    const now = await client.updateStatus(jobResource, { ...job, status }, signal);
    written.set(keyText(keyOf(job)), Number(now.metadata.resourceVersion));
    tell(job, now);
  }

  function tell(before: Job, after: Job): void {
    const about = aboutOf(jobResource, after);
    const { news } = suspension(before, clock.wallMs());
    if (news) recorder.event(about, 'Normal', news, news === 'Suspended' ? 'Job suspended' : 'Job resumed');
    if (!isFinished(after)) return;
    const failed = after.status.conditions?.find(({ type }) => type === 'Failed');
    if (failed) recorder.event(about, 'Warning', failed.reason ?? '', failed.message ?? '');
    else recorder.event(about, 'Normal', 'Completed', 'Job completed');
  }

  async function release(settled: readonly Pod[], signal: AbortSignal): Promise<void> {
    const body = (pod: Pod) => ({ metadata: { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } });
    const results = await Promise.allSettled(settled.map((pod) => unlessGone(client.patch(podResource, keyOf(pod), { type: 'strategic', body: body(pod) }, signal))));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Pods that wait to be counted by a Job that is gone, or is another by now. */
  async function releaseStrangers(key: ObjectKey, job: Job | undefined, signal: AbortSignal): Promise<void> {
    const isStranger = (pod: Pod) => {
      const controller = controllerOf(pod);
      if (controller) return controller.uid !== job?.metadata.uid;
      return !job || isFinished(job) || isBeingDeleted(job) || !labelSelectorOf(job.spec.selector).matches(pod.metadata.labels);
    };
    const strangers = pods.by('jobTracked', keyText(key)).filter(isStranger);
    // A Job may be newer than what we know: ask before its Pods are let go.
    if (strangers.length === 0) return;
    const now = await unlessGone(client.get(jobResource, key, signal));
    await release(strangers.filter((pod) => controllerOf(pod)?.uid !== now?.metadata.uid || !now), signal);
  }

  async function makePods(job: Job, next: readonly NextPod[], signal: AbortSignal): Promise<void> {
    let at = 0;
    await slowly(next.length, () => makePod(job, next[at++]!, signal));
  }

  async function makePod(job: Job, next: NextPod, signal: AbortSignal): Promise<void> {
    try {
      const made = await client.create(podResource, newJobPod(job, next), signal);
      expectations.created(keyText(keyOf(job)), made);
      recorder.event(aboutOf(jobResource, job), 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    } catch (error) {
      const ending = isReason(error, 'Forbidden') && error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      if (ending || signal.aborted) return;
      expectations.failed(keyText(keyOf(job)), error);
      recorder.event(aboutOf(jobResource, job), 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      throw error;
    }
  }

  async function endPods(job: Job, victims: readonly Pod[], signal: AbortSignal): Promise<void> {
    const endings = await Promise.allSettled(victims.map((pod) => endPod(job, pod, signal)));
    for (const ending of endings) if (ending.status === 'rejected') throw ending.reason;
  }

  async function endPod(job: Job, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      await client.delete(podResource, keyOf(pod), { preconditions: { uid } }, signal);
      recorder.event(aboutOf(jobResource, job), 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (!isReason(error, 'NotFound')) {
        if (!signal.aborted && !isReason(error, 'Conflict')) recorder.event(aboutOf(jobResource, job), 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
        throw error;
      }
    }
    expectations.deleted(keyText(keyOf(job)), pod);
  }

  function* jobsOf(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    for (const pod of [before, after]) {
      const controller = pod && controllerOf(pod);
      const name = controller ? (controller.kind === 'Job' ? controller.name : '') : pod && isTracked(pod) ? nameLabelOf(pod) : '';
      if (name) yield { namespace: pod!.metadata.namespace ?? '', name };
    }
    if (!after || controllerOf(after) || isBeingDeleted(after)) return;
    for (const job of jobs.list(after.metadata.namespace)) if (labelSelectorOf(job.spec.selector).matches(after.metadata.labels)) yield keyOf(job);
  }

  return createController({ name: component, triggers: [trigger(jobs, itself), trigger(pods, jobsOf)], reconcile, workers: 5 }, deps);
}

function nameLabelOf({ metadata }: Pod): string {
  return metadata.labels?.['batch.kubernetes.io/job-name'] ?? metadata.labels?.['job-name'] ?? '';
}

function jobKeyOf(pod: Pod): string {
  const controller = controllerOf(pod);
  return keyText({ namespace: pod.metadata.namespace ?? '', name: controller?.name ?? nameLabelOf(pod) });
}
