// What a version of HorizontalPodAutoscalers has no field for stands in annotations, under upstream's names.
import type { KubeObject } from '../../types.ts';

const prefix = 'autoscaling.alpha.kubernetes.io/';
export const carriedNames = { metrics: `${prefix}metrics`, behavior: `${prefix}behavior`, currentMetrics: `${prefix}current-metrics`, conditions: `${prefix}conditions` } as const;
/** What no field says is no field of the object: these come and go with it. */
const carried: ReadonlySet<string> = new Set(Object.values(carriedNames));

export function ownAnnotations(annotations: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !carried.has(name)));
}

export function withAnnotations(metadata: KubeObject['metadata'], annotations: Record<string, string>): KubeObject['metadata'] {
  const { annotations: _before, ...rest } = metadata ?? {};
  return (Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest) as KubeObject['metadata'];
}

export function withoutGaps(object: { readonly metadata?: unknown; readonly spec: object; readonly status: object }): object {
  const whole = (part: object) => Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
  return whole({ ...object, spec: whole(object.spec), status: whole(object.status) });
}
