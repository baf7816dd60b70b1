// HorizontalPodAutoscalers as autoscaling/v1 has them: a target for the use of CPU is a field of the spec, and what else a later
// version says stands in annotations, as upstream writes it there, so that nothing is lost on the way to v1 and back.
import type { Kind } from '../kind.ts';
import type { HorizontalPodAutoscaler, KubeObject, MetricSpec, MetricStatus } from '../types.ts';
import { currentV1Of, specV1Of, specV2Of, statusV2Of, type MetricV1 } from './horizontal-pod-autoscaler/metrics-v1.ts';
import { carriedNames as names, ownAnnotations, withAnnotations, withoutGaps } from './horizontal-pod-autoscaler/carried.ts';
import { behaviorOf, behaviorText } from './horizontal-pod-autoscaler/behavior-text.ts';
import { horizontalPodAutoscalers } from './horizontal-pod-autoscaler.ts';

const defaultUtilization = 80;

interface Shown extends KubeObject {
  spec?: { scaleTargetRef?: unknown; minReplicas?: number; maxReplicas?: number; targetCPUUtilizationPercentage?: number };
  status?: { observedGeneration?: number; lastScaleTime?: string; currentReplicas?: number; desiredReplicas?: number; currentCPUUtilizationPercentage?: number };
}

export const horizontalPodAutoscalersV1 = {
  ...horizontalPodAutoscalers,
  version: 'v1',
  schemaName: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  defaults: undefined,
  validate: undefined,
  storedAs: { resource: horizontalPodAutoscalers, toStored, fromStored },
  columns: horizontalPodAutoscalers.columns!.map((column) => ({ ...column, cell: (object: KubeObject, nowMs: number) => column.cell(toStored(object) as HorizontalPodAutoscaler, nowMs) })),
} as unknown as Kind;

function fromStored(object: KubeObject): KubeObject {
  const { metadata, spec = {} as HorizontalPodAutoscaler['spec'], status = {} as HorizontalPodAutoscaler['status'], ...rest } = object as HorizontalPodAutoscaler;
  const { metrics = [], behavior, scaleTargetRef, minReplicas, maxReplicas } = spec;
  const { currentMetrics, conditions, ...counts } = status;
  const others = metrics.filter((metric) => utilizationOf(metric) === undefined);
  const target = utilizationOf(metrics.find(isOfCpu));
  const current = currentMetrics?.findLast((metric) => isOfCpu(metric) && metric.resource?.current?.averageUtilization !== undefined)?.resource?.current?.averageUtilization;
  const annotations = {
    ...ownAnnotations(metadata.annotations),
    ...(others.length > 0 ? { [names.metrics]: JSON.stringify(others.map(specV1Of)) } : {}),
    ...(currentMetrics?.length ? { [names.currentMetrics]: JSON.stringify(currentMetrics.map(currentV1Of)) } : {}),
    ...(conditions?.length ? { [names.conditions]: JSON.stringify(conditions.map(({ type, status: state, lastTransitionTime, reason, message }) => ({ type, status: state, lastTransitionTime, reason, message }))) } : {}),
    ...(behavior ? { [names.behavior]: behaviorText(behavior) } : {}),
  };
  const shown = {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, annotations),
    spec: { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage: target },
    status: { ...counts, currentCPUUtilizationPercentage: current },
  };
  return withoutGaps(shown) as unknown as KubeObject;
}

function toStored(object: KubeObject): KubeObject {
  const { metadata, spec = {}, status = {}, ...rest } = object as Shown;
  const annotations = metadata?.annotations;
  const { targetCPUUtilizationPercentage: target, ...wanted } = spec;
  const { currentCPUUtilizationPercentage: current, ...counts } = status;
  const metrics: MetricSpec[] = (listIn(annotations?.[names.metrics]) ?? []).map((metric) => specV2Of(metric as MetricV1));
  if (target !== undefined) metrics.push(ofCpu(target));
  if (metrics.length === 0) metrics.push(ofCpu(defaultUtilization));
  const told = listIn(annotations?.[names.currentMetrics])?.map((metric) => statusV2Of(metric as MetricV1));
  const behavior = behaviorOf(annotations?.[names.behavior]);
  const conditions = listIn(annotations?.[names.conditions]);
  const simple: MetricStatus[] | undefined = current === undefined ? undefined : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
  const stored = {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: metadata && withAnnotations(metadata, ownAnnotations(annotations)),
    spec: { ...wanted, metrics, behavior },
    // What the annotation says of the metrics is more than what the field says.
    status: { ...counts, currentMetrics: told ?? simple ?? [], conditions },
  };
  return withoutGaps(stored) as unknown as KubeObject;
}

function ofCpu(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function isOfCpu({ type, resource }: MetricSpec | MetricStatus): boolean {
  return type === 'Resource' && resource?.name === 'cpu';
}

function utilizationOf(metric: MetricSpec | undefined): number | undefined {
  return metric && isOfCpu(metric) ? metric.resource?.target?.averageUtilization : undefined;
}

/** Only what is well formed counts. */
function listIn(text: string | undefined): object[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'object' && one !== null) ? value : undefined;
  } catch {
    return undefined;
  }
}
