// HorizontalPodAutoscalers as autoscaling/v2beta1 has them: metrics are flat, and the behaviour stands in an annotation.
import type { HorizontalPodAutoscaler, KubeObject } from '../types.ts';
import { currentV1Of, specV1Of, specV2Of, statusV2Of, type MetricV1 } from './horizontal-pod-autoscaler/metrics-v1.ts';
import { behaviorOf, behaviorText } from './horizontal-pod-autoscaler/behavior-text.ts';
import { carriedNames, ownAnnotations, withAnnotations, withoutGaps } from './horizontal-pod-autoscaler/carried.ts';

interface Shown extends KubeObject {
  spec?: { metrics?: MetricV1[] };
  status?: { currentMetrics?: MetricV1[] };
}

export function flatMetrics(object: KubeObject): KubeObject {
  const { metadata, spec = {} as HorizontalPodAutoscaler['spec'], status = {} as HorizontalPodAutoscaler['status'], ...rest } = object as HorizontalPodAutoscaler;
  const { behavior, metrics, ...wanted } = spec;
  const { currentMetrics, ...counts } = status;
  return withoutGaps({
    ...rest,
    metadata: withAnnotations(metadata, { ...ownAnnotations(metadata?.annotations), ...(behavior ? { [carriedNames.behavior]: behaviorText(behavior) } : {}) }),
    spec: { ...wanted, metrics: metrics?.map(specV1Of) },
    status: { ...counts, currentMetrics: currentMetrics?.map(currentV1Of) },
  }) as unknown as KubeObject;
}

export function nestedMetrics(object: KubeObject): KubeObject {
  const { metadata, spec = {}, status = {}, ...rest } = object as Shown;
  return withoutGaps({
    ...rest,
    metadata: metadata && withAnnotations(metadata, ownAnnotations(metadata.annotations)),
    spec: { ...spec, metrics: spec.metrics?.map(specV2Of), behavior: behaviorOf(metadata?.annotations?.[carriedNames.behavior]) },
    status: { ...status, currentMetrics: status.currentMetrics?.map(statusV2Of) },
  }) as unknown as KubeObject;
}
