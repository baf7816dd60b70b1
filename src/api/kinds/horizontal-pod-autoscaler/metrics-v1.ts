// The metrics of a HorizontalPodAutoscaler as versions before v2beta2 write them: flat, a name and target values side by side.
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.20/#metricspec-v2beta1-autoscaling
import type { LabelSelector, MetricSpec, MetricStatus } from '../../types.ts';

interface Reference {
  readonly kind?: string;
  readonly name?: string;
  readonly apiVersion?: string;
}

interface Flat {
  readonly name?: string;
  readonly container?: string;
  readonly metricName?: string;
  readonly selector?: LabelSelector;
  readonly metricSelector?: LabelSelector;
  readonly target?: Reference;
  readonly targetValue?: string;
  readonly targetAverageValue?: string;
  readonly targetAverageUtilization?: number;
  readonly averageValue?: string;
  readonly currentValue?: string;
  readonly currentAverageValue?: string;
  readonly currentAverageUtilization?: number;
}

export interface MetricV1 {
  readonly type: string;
  readonly object?: Flat;
  readonly pods?: Flat;
  readonly resource?: Flat;
  readonly containerResource?: Flat;
  readonly external?: Flat;
}

/** Amounts that are no pointers in Go are written as nought where there are none. */
const none = '0';
const present = (amount: string | undefined) => (amount === undefined || amount === none ? undefined : amount);

export function specV1Of({ type, object, pods, resource, containerResource, external }: MetricSpec): MetricV1 {
  const ofResource = (source: NonNullable<typeof resource>) => ({ name: source.name, targetAverageUtilization: source.target?.averageUtilization, targetAverageValue: source.target?.averageValue });
  return {
    type,
    ...(object ? { object: { target: referenceOf(object.describedObject), metricName: object.metric?.name, targetValue: object.target?.value ?? none, selector: object.metric?.selector, averageValue: object.target?.averageValue } } : {}),
    ...(pods ? { pods: { metricName: pods.metric?.name, targetAverageValue: pods.target?.averageValue ?? none, selector: pods.metric?.selector } } : {}),
    ...(resource ? { resource: ofResource(resource) } : {}),
    ...(containerResource ? { containerResource: { ...ofResource(containerResource), container: containerResource.container } } : {}),
    ...(external ? { external: { metricName: external.metric?.name, metricSelector: external.metric?.selector, targetValue: external.target?.value, targetAverageValue: external.target?.averageValue } } : {}),
  };
}

export function specV2Of({ type, object, pods, resource, containerResource, external }: MetricV1): MetricSpec {
  const ofResource = ({ name, targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }: Flat) => ({
    name,
    target: given({ type: averageUtilization === undefined ? 'AverageValue' : 'Utilization', averageValue, averageUtilization }),
  });
  return {
    type,
    ...(object ? { object: { describedObject: referenceOf(object.target), metric: metricOf(object.metricName, object.selector), target: given({ type: object.averageValue === undefined ? 'Value' : 'AverageValue', value: present(object.targetValue), averageValue: object.averageValue }) } } : {}),
    ...(pods ? { pods: { metric: metricOf(pods.metricName, pods.selector), target: given({ type: 'AverageValue', averageValue: pods.targetAverageValue }) } } : {}),
    ...(resource ? { resource: ofResource(resource) } : {}),
    ...(containerResource ? { containerResource: { ...ofResource(containerResource), container: containerResource.container } } : {}),
    ...(external
      ? { external: { metric: metricOf(external.metricName, external.metricSelector), target: given({ type: external.targetValue === undefined ? 'AverageValue' : 'Value', value: external.targetValue, averageValue: external.targetAverageValue }) } }
      : {}),
  } as MetricSpec;
}

export function currentV1Of({ type, object, pods, resource, containerResource, external }: MetricStatus): MetricV1 {
  const ofResource = (source: NonNullable<typeof resource>) => ({ name: source.name, currentAverageUtilization: source.current?.averageUtilization, currentAverageValue: source.current?.averageValue ?? none });
  return {
    type,
    ...(object ? { object: { target: referenceOf(object.describedObject), metricName: object.metric?.name, currentValue: object.current?.value ?? none, selector: object.metric?.selector, averageValue: object.current?.averageValue } } : {}),
    ...(pods ? { pods: { metricName: pods.metric?.name, currentAverageValue: pods.current?.averageValue ?? none, selector: pods.metric?.selector } } : {}),
    ...(resource ? { resource: ofResource(resource) } : {}),
    ...(containerResource ? { containerResource: { ...ofResource(containerResource), container: containerResource.container } } : {}),
    ...(external ? { external: { metricName: external.metric?.name, metricSelector: external.metric?.selector, currentValue: external.current?.value ?? none, currentAverageValue: external.current?.averageValue } } : {}),
  };
}

export function statusV2Of({ type, object, pods, resource, containerResource, external }: MetricV1): MetricStatus {
  const ofResource = ({ name, currentAverageUtilization: averageUtilization, currentAverageValue: averageValue }: Flat) => ({ name, current: given({ averageValue: averageUtilization === undefined ? averageValue : present(averageValue), averageUtilization }) });
  const valueOf = ({ currentValue, averageValue }: { currentValue?: string; averageValue?: string }) => given({ value: averageValue === undefined ? currentValue : present(currentValue), averageValue });
  return {
    type,
    ...(object ? { object: { describedObject: referenceOf(object.target), metric: metricOf(object.metricName, object.selector), current: valueOf(object) } } : {}),
    ...(pods ? { pods: { metric: metricOf(pods.metricName, pods.selector), current: given({ averageValue: pods.currentAverageValue }) } } : {}),
    ...(resource ? { resource: ofResource(resource) } : {}),
    ...(containerResource ? { containerResource: { ...ofResource(containerResource), container: containerResource.container } } : {}),
    ...(external ? { external: { metric: metricOf(external.metricName, external.metricSelector), current: valueOf({ currentValue: external.currentValue, averageValue: external.currentAverageValue }) } } : {}),
  } as MetricStatus;
}

function referenceOf({ kind, name, apiVersion }: Reference = {}): { kind?: string; name?: string; apiVersion?: string } {
  return given({ kind, name, apiVersion });
}

function metricOf(name: string | undefined, selector: LabelSelector | undefined): object {
  return given({ name, selector });
}

function given<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
