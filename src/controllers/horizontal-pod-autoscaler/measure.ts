// From what Pods use to how many there should be. Pods that just started, or of which nothing is known, are counted so that
// they never push further in the direction that the others point to.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
import { amountOf, isSidecar } from '../../api/kinds/pod/resources.ts';
import type { PodMetrics } from '../../api/kinds/metrics.ts';
import { conditionOf, isBeingDeleted } from '../../api/meta.ts';
import type { Container, Pod } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';

/** kube-controller-manager's defaults. */
const cpuInitializationMs = 300_000;
const initialReadinessMs = 30_000;

/** How far from the target nothing is done, as a share of it. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface Question {
  /** What the workload is to have now. */
  readonly current: number;
  /** '': none, but a metric of someone else's. */
  readonly resource: string;
  /** Only this container of each Pod counts; undefined: all. */
  readonly container?: string;
  /** Percent of what is requested, or an amount for each Pod in the unit of Amounts. */
  readonly target: { readonly utilization: number } | { readonly average: number };
  readonly pods: readonly Pod[];
  /** What was measured, by the names of Pods; the unit of Amounts. */
  readonly used: ReadonlyMap<string, number>;
  /** When that was; only of Pods that may be warming up. */
  readonly metrics: readonly PodMetrics[];
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

export interface Measure {
  readonly replicas: number;
  /** Of the Pods that were measured; the unit of Amounts. */
  readonly average: number;
  /** Percent; only where that is asked for. */
  readonly utilization?: number;
}

/** Throws when nothing can be said. */
export function measure(question: Question): Measure {
  const { current, target, pods, used } = question;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const { unready, missing, ignored } = sort(question, used);
  const counted = new Map([...used].filter(([name]) => !unready.has(name) && !ignored.has(name)));
  const requests = 'utilization' in target ? new Map(pods.map((pod) => [pod.metadata.name, request(pod, question)])) : undefined;
  if (counted.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const first = ratioOf(counted, target, requests);
  const seen = { average: first.average, utilization: first.utilization };
  const isClose = (ratio: number) => isWithin(question.tolerance, ratio);
  const startsUp = unready.size > 0 && first.ratio > 1;
  if (!startsUp && missing.size === 0) return { ...seen, replicas: isClose(first.ratio) ? current : Math.ceil(first.ratio * counted.size) };

  const padded = new Map(counted);
  if (first.ratio < 1) for (const name of missing) padded.set(name, 'average' in target ? target.average : (Math.max(100, target.utilization) * requests!.get(name)!) / 100);
  if (first.ratio > 1) for (const name of [...missing, ...(startsUp ? unready : [])]) padded.set(name, 0);
  const { ratio } = ratioOf(padded, target, requests);
  const replicas = Math.ceil(ratio * padded.size);
  const turned = (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1) || (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current);
  return { ...seen, replicas: isClose(ratio) || turned ? current : replicas };
}

export function isWithin({ up, down }: Tolerance, ratio: number): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

/** Whole percents and amounts, as they are shown, decide. */
function ratioOf(used: ReadonlyMap<string, number>, target: Question['target'], requests: ReadonlyMap<string, number> | undefined): { ratio: number; average: number; utilization?: number } {
  const sum = [...used.values()].reduce((all, one) => all + one, 0);
  const average = Math.trunc(sum / used.size);
  if ('average' in target) return { ratio: average / target.average, average };
  let requested = 0;
  for (const name of used.keys()) requested += requests!.get(name) ?? 0;
  if (requested === 0) throw new Error('no metrics returned matched known pods');
  const utilization = Math.trunc((sum * 100) / requested);
  return { ratio: utilization / target.utilization, average, utilization };
}

/** By the name of the Pod. A Pod that lacks the resource for one of its containers is left out. Throws where there is nothing. */
export function usageOf(metrics: readonly PodMetrics[], resource: string, container: string | undefined): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  for (const { metadata, containers } of metrics) {
    const counted = container === undefined ? containers : containers.filter(({ name }) => name === container);
    const amounts = counted.map(({ usage }) => (usage as unknown as Readonly<Record<string, string>>)[resource]);
    if (amounts.length > 0 && amounts.every((amount) => amount !== undefined)) used.set(metadata.name, amounts.reduce((sum, amount) => sum + amountOf(resource, amount!), 0));
  }
  if (used.size === 0) throw new Error('no metrics returned from resource metrics API');
  return used;
}

function sort({ pods, metrics, resource, nowMs }: Question, used: ReadonlyMap<string, number>) {
  const unready = new Set<string>();
  const missing = new Set<string>();
  const ignored = new Set([...used.keys()].filter((name) => !pods.some((pod) => pod.metadata.name === name)));
  for (const pod of pods) {
    const { name } = pod.metadata;
    if (isBeingDeleted(pod) || pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') ignored.add(name);
    else if (pod.status.phase === 'Pending') unready.add(name);
    else if (!used.has(name)) missing.add(name);
    else if (resource === 'cpu' && isWarmingUp(pod, metrics.find(({ metadata }) => metadata.name === name), nowMs)) unready.add(name);
  }
  return { unready, missing, ignored };
}

/** What a Pod burns while it starts says nothing of its load. */
function isWarmingUp({ status }: Pod, metrics: PodMetrics | undefined, nowMs: number): boolean {
  const ready = conditionOf(status.conditions, 'Ready');
  if (!ready?.lastTransitionTime || !status.startTime) return true;
  const startMs = parseTime(status.startTime);
  const sinceMs = parseTime(ready.lastTransitionTime);
  if (startMs + cpuInitializationMs > nowMs) return ready.status === 'False' || (!!metrics && parseTime(metrics.timestamp) < sinceMs + windowMs(metrics.window));
  return ready.status === 'False' && startMs + initialReadinessMs > sinceMs;
}

/** `1m30s`, `20.002s`. */
function windowMs(text: string): number {
  const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
  return [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}

function request({ metadata, spec }: Pod, { resource, container }: Question): number {
  const all = [...spec.containers, ...((spec.initContainers ?? []) as Container[]).filter(isSidecar)];
  let sum = 0;
  for (const { name, resources } of all) {
    if (container !== undefined && name !== container) continue;
    const asked = resources?.requests?.[resource];
    if (asked === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
    sum += amountOf(resource, asked);
  }
  return sum;
}
