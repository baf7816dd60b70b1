// Which Pods a Job makes next and which it gives up.
import { isPodReady } from '../../api/meta.ts';
import type { Job, New, Pod } from '../../api/types.ts';
import { controllerReference } from '../../api/meta.ts';
import { jobs } from '../../api/kinds/job.ts';
import { chooseVictims } from '../replica-set/victims.ts';
import { backoffAfterMs, indexBackoff } from './backoff.ts';
import type { Tally } from './count.ts';
import { failureCountKey, indexKey, indexOf, isActive, isIndexed, isTerminating, trackingFinalizer } from './pods.ts';

export interface NextPod {
  readonly index?: number;
  /** How often the index has failed, where that is counted. */
  readonly failures?: number;
}

export interface PodPlan {
  readonly create: readonly NextPod[];
  readonly remove: readonly Pod[];
  /** When a Pod may be made that may not be made now. */
  readonly afterMs?: number;
}

export function planPods(job: Job, pods: readonly Pod[], counted: Tally, nowMs: number): PodPlan {
  const active = pods.filter(isActive);
  if (job.spec.suspend) return { create: [], remove: active };
  return isIndexed(job) ? planIndexed(job, pods, active, counted, nowMs) : planPlain(job, pods, active, counted, nowMs);
}

function planPlain(job: Job, pods: readonly Pod[], active: readonly Pod[], { allSucceeded }: Tally, nowMs: number): PodPlan {
  const { completions, parallelism = 1 } = job.spec;
  const isOpen = completions === undefined || completions === null;
  // Without a number of completions nothing new begins after the first success.
  const wanted = isOpen ? (allSucceeded > 0 ? Math.min(active.length, parallelism) : parallelism) : Math.max(0, Math.min(parallelism, completions - allSucceeded));
  if (active.length > wanted) return { create: [], remove: chooseVictims(active, active, active.length - wanted, nowMs) };
  const missing = wanted - active.length - heldPlaces(job, pods);
  if (missing <= 0) return { create: [], remove: [] };
  const afterMs = backoffAfterMs(job, pods, nowMs);
  return afterMs > 0 ? { create: [], remove: [], afterMs } : { create: Array.from({ length: missing }, () => ({})), remove: [] };
}

function planIndexed(job: Job, pods: readonly Pod[], active: readonly Pod[], { completed, failedIndexes }: Tally, nowMs: number): PodPlan {
  const { completions = 0, parallelism = 1 } = job.spec;
  const isOver = (index: number) => index < 0 || index >= completions || completed.has(index) || failedIndexes?.has(index) === true;
  const byIndex = new Map<number, Pod>();
  const remove: Pod[] = [];
  for (const pod of active.toSorted((a, b) => Number(isPodReady(b)) - Number(isPodReady(a)))) {
    const index = indexOf(pod);
    if (isOver(index) || byIndex.has(index)) remove.push(pod);
    else byIndex.set(index, pod);
  }
  const wanted = Math.max(0, Math.min(parallelism, completions - completed.size - (failedIndexes?.size ?? 0)));
  const running = [...byIndex.values()];
  if (running.length > wanted) return { create: [], remove: [...remove, ...chooseVictims(running, running, running.length - wanted, nowMs)] };
  const missing = wanted - running.length - heldPlaces(job, pods);
  if (missing <= 0) return { create: [], remove };
  const sharedMs = failedIndexes ? 0 : backoffAfterMs(job, pods, nowMs);
  if (sharedMs > 0) return { create: [], remove, afterMs: sharedMs };

  const held = new Set(job.spec.podReplacementPolicy === 'Failed' ? pods.filter(isTerminating).map(indexOf) : []);
  const create: NextPod[] = [];
  let afterMs = Infinity;
  for (let index = 0; index < completions && create.length < missing; index++) {
    if (isOver(index) || byIndex.has(index) || held.has(index)) continue;
    if (!failedIndexes) {
      create.push({ index });
      continue;
    }
    const wait = indexBackoff(job, pods, index, nowMs);
    if (wait.afterMs > 0) afterMs = Math.min(afterMs, wait.afterMs);
    else create.push({ index, failures: wait.failures });
  }
  return { create, remove, ...(afterMs < Infinity ? { afterMs } : {}) };
}

/** Pods that end keep their place where only failed ones are replaced. */
function heldPlaces(job: Job, pods: readonly Pod[]): number {
  return job.spec.podReplacementPolicy === 'Failed' ? pods.filter(isTerminating).length : 0;
}

export function newJobPod(job: Job, { index, failures }: NextPod): New<Pod> {
  const { metadata, spec } = job.spec.template;
  const { name } = job.metadata;
  const isOne = index !== undefined;
  const ofIndex: Record<string, string> = isOne ? { [indexKey]: String(index) } : {};
  const counts: Record<string, string> = failures === undefined ? {} : { [failureCountKey]: String(failures) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: isOne ? `${name.slice(0, 200)}-${index}-` : `${name}-`,
      namespace: job.metadata.namespace,
      labels: { ...metadata?.labels, ...ofIndex },
      annotations: { ...metadata?.annotations, ...ofIndex, ...counts },
      finalizers: [...(metadata?.finalizers ?? []), trackingFinalizer],
      ownerReferences: [controllerReference(job, jobs)],
    },
    spec: isOne ? withIndex(spec!, `${name}-${index}`) : spec!,
  };
}

type Spec = NonNullable<Job['spec']['template']['spec']>;

function withIndex(spec: Spec, hostname: string): Spec {
  const variable = { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexKey}']` } } };
  const tell = <C extends { env?: { name: string }[] }>(container: C): C => (container.env?.some(({ name }) => name === variable.name) ? container : { ...container, env: [...(container.env ?? []), variable] });
  return { ...spec, hostname: spec.hostname || hostname, containers: spec.containers.map(tell), ...(spec.initContainers ? { initContainers: spec.initContainers.map(tell) } : {}) };
}
