// Moves the number of a workload's Pods with what they use: every 15 seconds the most that any of the metrics asks for.
import { apiServices as apiServiceResource } from '../../api/kinds/api-service.ts';
import { kinds } from '../../api/kinds/index.ts';
import { horizontalPodAutoscalers } from '../../api/kinds/horizontal-pod-autoscaler.ts';
import { podMetrics } from '../../api/kinds/metrics.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { amountOf } from '../../api/kinds/pod/resources.ts';
import type { Resource } from '../../api/kind.ts';
import { sameJson, withCondition } from '../../api/meta.ts';
import { formatQuantity, milliOf, quantity, quantityToNumber } from '../../api/quantity.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf, parseLabelSelector } from '../../api/selectors.ts';
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, Pod, Scale } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { bound, remember, type Memory } from './behavior.ts';
import { measure, usageOf, type Measure, type Tolerance } from './measure.ts';
import { OtherMetrics } from './other-metrics.ts';
import { proposeForAverage, proposeForValue, type Proposal } from './propose.ts';

type Status = HorizontalPodAutoscaler['status'];

const periodMs = 15_000;
const defaultTolerance = 0.1;

/** One metric's say. */
interface Say {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** `cpu resource utilization (percentage of request)`. */
  readonly name: string;
}

/** `message`: why one metric says nothing; `whole`: as it is told of all of them together. */
class MetricFailure extends Error {
  readonly whole: string;

  constructor(message: string, whole: string, cause: unknown) {
    super(message, { cause });
    this.whole = whole;
  }
}

interface Target {
  readonly kind: Resource;
  readonly key: ObjectKey;
  readonly scale: Scale;
}

export function createHorizontalPodAutoscalerController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'horizontal-pod-autoscaler';
  const scalers = deps.informers.of(horizontalPodAutoscalers);
  const pods = deps.informers.of(podResource);
  const apiServices = deps.informers.of(apiServiceResource);
  const recorder = deps.recorderFor(component);
  const kindNamed = (group: string, name: string): Resource | undefined => kinds.find((one) => one.kind === name && one.group === group) ?? deps.customInformers.find(group, name);
  const otherMetrics = new OtherMetrics(client, () => apiServices.list(), kindNamed);
  /** One entry for each autoscaler there is. */
  const memories = new Map<string, Memory>();
  const say = (scaler: HorizontalPodAutoscaler, type: 'Normal' | 'Warning', reason: string, message: string) => recorder.event(aboutOf(horizontalPodAutoscalers, scaler), type, reason, message);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const scaler = scalers.get(key);
    if (!scaler) {
      memories.delete(keyText(key));
      return 'await-change';
    }
    const status = new StatusDraft(scaler, clock.wallMs());
    await scaleOnce(scaler, status, signal);
    const written = status.result();
    if (!sameJson(written, scaler.status)) await client.updateStatus(horizontalPodAutoscalers, { ...scaler, status: written }, signal);
    return { afterMs: periodMs };
  }

  async function scaleOnce(scaler: HorizontalPodAutoscaler, status: StatusDraft, signal: AbortSignal): Promise<void> {
    const target = await targetOf(scaler, signal).catch((error: Error) => error);
    if (target instanceof Error) {
      say(scaler, 'Warning', 'FailedGetScale', target.message);
      status.set('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${target.message}`);
      return;
    }
    status.set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    const current = target.scale.spec.replicas ?? 0;
    const memory = memoryOf(scaler, current);
    const decision = await decide(scaler, target, current, memory, status, signal);
    status.counts(current, decision?.replicas ?? current);
    if (!decision || decision.replicas === current) return;
    const body = { spec: { replicas: decision.replicas } };
    try {
      await client.patch(target.kind, target.key, { type: 'merge', subresource: 'scale', body }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = error as Error;
      say(scaler, 'Warning', 'FailedRescale', `New size: ${decision.replicas}; reason: ${decision.why}; error: ${message}`);
      status.set('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
      status.counts(current, current);
      return;
    }
    say(scaler, 'Normal', 'SuccessfulRescale', `New size: ${decision.replicas}; reason: ${decision.why}`);
    status.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${decision.replicas}`);
    status.scaled();
    remember(memory, decision.replicas - current, clock.wallMs());
  }

  /** Undefined: it stays as it is. */
  async function decide(scaler: HorizontalPodAutoscaler, target: Target, current: number, memory: Memory, status: StatusDraft, signal: AbortSignal): Promise<{ replicas: number; why: string } | undefined> {
    const { minReplicas = 1, maxReplicas } = scaler.spec;
    if (current === 0) {
      status.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
      return undefined;
    }
    if (current > maxReplicas) return { replicas: maxReplicas, why: 'Current number of replicas above Spec.MaxReplicas' };
    if (current < minReplicas) return { replicas: minReplicas, why: 'Current number of replicas below Spec.MinReplicas' };
    const best = await mostOf(scaler, target, current, status, signal);
    if (!best) return undefined;
    const bounded = bound(scaler, memory, current, best.replicas, clock.wallMs());
    status.set('AbleToScale', 'True', bounded.able.reason, bounded.able.message);
    status.set('ScalingLimited', bounded.limited.status, bounded.limited.reason, bounded.limited.message);
    const why = best.replicas > current ? `${best.name} above target` : best.replicas < current ? 'All metrics below target' : bounded.able.message;
    return { replicas: bounded.replicas, why };
  }

  /** What the metric wants that wants the most. One that cannot be read keeps the number from going down. */
  async function mostOf(scaler: HorizontalPodAutoscaler, target: Target, current: number, status: StatusDraft, signal: AbortSignal): Promise<Say | undefined> {
    const says: Say[] = [];
    let failure: { reason: string; message: string; whole: string } | undefined;
    for (const metric of scaler.spec.metrics ?? []) {
      try {
        says.push(await sayOf(scaler, metric, target, current, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        const { message } = error as Error;
        failure ??= { reason: `FailedGet${metric.type}Metric`, message, whole: error instanceof MetricFailure ? error.whole : message };
      }
    }
    status.metrics(says.map((one) => one.status));
    const best = says.reduce<Say | undefined>((most, one) => (!most || one.replicas > most.replicas ? one : most), undefined);
    if (failure && (!best || best.replicas < current)) {
      say(scaler, 'Warning', failure.reason, failure.message);
      status.set('ScalingActive', 'False', failure.reason, `the HPA was unable to compute the replica count: ${failure.message}`);
      if (!best) {
        const { length } = scaler.spec.metrics ?? [];
        say(scaler, 'Warning', 'FailedComputeMetricsReplicas', `invalid metrics (${length} invalid out of ${length}), first error is: ${failure.whole}`);
      }
      return undefined;
    }
    if (best) status.set('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${best.name}`);
    return best;
  }

  async function sayOf(scaler: HorizontalPodAutoscaler, metric: MetricSpec, target: Target, current: number, signal: AbortSignal): Promise<Say> {
    const selectorText = target.scale.status.selector;
    if (!selectorText) throw new Error('selector is required');
    const selector = parseLabelSelector(selectorText);
    const mine = pods.list(target.key.namespace).filter(({ metadata }) => selector.matches(metadata.labels));
    const about: About = { target, current, selectorText, pods: mine, tolerance: toleranceOf(scaler) };
    if (metric.pods) return ofPods(metric.pods, about, signal);
    if (metric.object) return ofObject(metric.object, about, signal);
    if (metric.external) return ofExternal(metric.external, about, signal);
    return ofResource(metric, about, signal);
  }

  async function ofResource(metric: MetricSpec, { target: { key }, current, selectorText, pods: mine, tolerance }: About, signal: AbortSignal): Promise<Say> {
    const { name: resource, target } = (metric.resource ?? metric.containerResource)!;
    const container = metric.containerResource?.container;
    const goal = target.averageUtilization === undefined ? { average: amountOf(resource, target.averageValue!) } : { utilization: target.averageUtilization };
    let measured: Measure;
    try {
      const { items } = await client.list(podMetrics, { namespace: key.namespace, labelSelector: selectorText }, signal);
      measured = measure({ current, resource, container, target: goal, pods: mine, used: usageOf(items, resource, container), metrics: items, tolerance, nowMs: clock.wallMs() });
    } catch (error) {
      throw new Error(`failed to get ${resource} ${'utilization' in goal ? 'utilization' : 'resource metric value'}: ${(error as Error).message}`, { cause: error });
    }
    const shown = { name: resource, current: { averageValue: amountText(resource, measured.average), ...(measured.utilization === undefined ? {} : { averageUtilization: measured.utilization }) } };
    const status: MetricStatus = container === undefined ? { type: 'Resource', resource: shown } : { type: 'ContainerResource', containerResource: { ...shown, container } };
    const what = container === undefined ? `${resource} resource` : `${resource} container resource`;
    return { replicas: measured.replicas, status, name: 'utilization' in goal ? `${what} utilization (percentage of request)` : `${what} metric` };
  }

  async function ofPods({ metric, target }: NonNullable<MetricSpec['pods']>, { target: { key }, current, selectorText, pods: mine, tolerance }: About, signal: AbortSignal): Promise<Say> {
    const measured = await attempt(
      async () => measure({ current, resource: '', target: { average: milliOf(target.averageValue!) }, pods: mine, used: await otherMetrics.ofPods(key.namespace, selectorText, metric.name, selectorOf(metric), signal), metrics: [], tolerance, nowMs: clock.wallMs() }),
      (why) => `unable to get metric ${metric.name}: ${why}`,
      'failed to get pods metric value',
    );
    return { replicas: measured.replicas, status: { type: 'Pods', pods: { metric, current: { averageValue: milliText(measured.average) } } }, name: `pods metric ${metric.name}` };
  }

  async function ofObject({ metric, target, describedObject }: NonNullable<MetricSpec['object']>, about: About, signal: AbortSignal): Promise<Say> {
    const { namespace } = about.target.key;
    const proposal = await attempt(
      async () => proposalOf(await otherMetrics.ofObject(namespace, describedObject, metric.name, selectorOf(metric), signal), target, about),
      (why) => `unable to get metric ${metric.name}: ${describedObject.kind} on ${namespace} ${describedObject.name}/${why}`,
      'failed to get object metric value',
    );
    const name = target.value === undefined ? `external metric ${metric.name}(${selectorShown(metric)})` : `${describedObject.kind} metric ${metric.name}`;
    return { replicas: proposal.replicas, status: { type: 'Object', object: { describedObject, metric, current: currentOf(target, proposal) } }, name };
  }

  async function ofExternal({ metric, target }: NonNullable<MetricSpec['external']>, about: About, signal: AbortSignal): Promise<Say> {
    const { namespace } = about.target.key;
    const proposal = await attempt(
      async () => proposalOf(await otherMetrics.external(namespace, metric.name, selectorOf(metric), signal), target, about),
      (why) => `unable to get external metric ${namespace}/${metric.name}/${selectorShown(metric)}: ${why}`,
      target.value === undefined ? `failed to get ${metric.name} external metric` : `failed to get external metric ${metric.name}`,
    );
    return { replicas: proposal.replicas, status: { type: 'External', external: { metric, current: currentOf(target, proposal) } }, name: `external metric ${metric.name}(${selectorShown(metric)})` };
  }

  async function targetOf({ metadata, spec: { scaleTargetRef } }: HorizontalPodAutoscaler, signal: AbortSignal): Promise<Target> {
    const { apiVersion = 'v1', kind: name } = scaleTargetRef;
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const kind = kindNamed(group, name);
    if (!kind) throw new Error(`no matches for kind ${JSON.stringify(name)} in group ${JSON.stringify(group)}`);
    const key = { namespace: metadata.namespace ?? '', name: scaleTargetRef.name };
    return { kind, key, scale: await client.getSub<Scale>(kind, key, 'scale', signal) };
  }

  /** What there is when an autoscaler is first seen counts as recommended. */
  function memoryOf(scaler: HorizontalPodAutoscaler, current: number): Memory {
    const key = keyText(keyOf(scaler));
    let memory = memories.get(key);
    if (!memory) memories.set(key, (memory = { recommendations: [{ atMs: clock.wallMs(), replicas: current }], changes: [] }));
    return memory;
  }

  /** Its own status writes are no news. */
  const changed = trigger(scalers, (before, after) => (before && after && sameJson(before.spec, after.spec) ? [] : [keyOf((after ?? before)!)]));
  return createController({ name: component, triggers: [changed], reads: [pods, apiServices], reconcile, workers: 2 }, deps);
}

/** What a metric's say depends on beside the metric. */
interface About {
  readonly target: Target;
  readonly current: number;
  readonly selectorText: string;
  readonly pods: readonly Pod[];
  readonly tolerance: Tolerance;
}

type MetricTarget = NonNullable<MetricSpec['object']>['target'];
type Metric = NonNullable<MetricSpec['pods']>['metric'];

async function attempt<T>(read: () => Promise<T>, worded: (why: string) => string, of: string): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const message = worded((error as Error).message);
    throw new MetricFailure(message, `${of}: ${message}`, error);
  }
}

function proposalOf(usage: number, target: MetricTarget, { target: { scale }, current, pods, tolerance }: About): Proposal {
  return target.value === undefined ? proposeForAverage(usage, milliOf(target.averageValue!), scale.status.replicas, tolerance) : proposeForValue(usage, milliOf(target.value), current, pods, tolerance);
}

function currentOf(target: MetricTarget, { usage }: Proposal): { averageValue: string } | { value: string } {
  return target.value === undefined ? { averageValue: milliText(usage) } : { value: milliText(usage) };
}

const milliText = (milli: number): string => formatQuantity(quantity(`${milli}m`));
const selectorOf = ({ selector }: Metric): string => (selector ? labelSelectorOf(selector).toString() : '');

/** As Go prints it. */
function selectorShown({ selector }: Metric): string {
  if (!selector) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${(values ?? []).join(' ')}],},`);
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

function toleranceOf({ spec: { behavior } }: HorizontalPodAutoscaler): Tolerance {
  const read = (written: string | undefined) => (written === undefined ? defaultTolerance : quantityToNumber(quantity(written)));
  return { up: read(behavior?.scaleUp?.tolerance), down: read(behavior?.scaleDown?.tolerance) };
}

function amountText(resource: string, amount: number): string {
  return formatQuantity(resource === 'cpu' ? quantity(`${amount}m`) : quantity(amount));
}

/** The status as it comes to be in one round. */
class StatusDraft {
  readonly #nowMs: number;
  #status: Status;

  constructor({ status, metadata }: HorizontalPodAutoscaler, nowMs: number) {
    this.#nowMs = nowMs;
    this.#status = { ...status, observedGeneration: metadata.generation };
  }

  set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    this.#status = { ...this.#status, conditions: [...withCondition(this.#status.conditions, { type, status, reason, message }, this.#nowMs)] };
  }

  metrics(currentMetrics: readonly MetricStatus[]): void {
    this.#status = { ...this.#status, currentMetrics: [...currentMetrics] };
  }

  counts(currentReplicas: number, desiredReplicas: number): void {
    this.#status = { ...this.#status, currentReplicas, desiredReplicas };
  }

  scaled(): void {
    this.#status = { ...this.#status, lastScaleTime: formatTime(this.#nowMs) };
  }

  result(): Status {
    return this.#status;
  }
}
