// The HorizontalPodAutoscaler: how many Pods a workload is to have, by what they use.
import { pathSegment } from '../names.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantity, quantityMessage } from '../quantity.ts';
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, ScalingRules } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { present, Report } from './validation/report.ts';

type Spec = HorizontalPodAutoscaler['spec'];
type Target = NonNullable<MetricSpec['resource']>['target'];

const sources = { Object: 'object', Pods: 'pods', Resource: 'resource', External: 'external', ContainerResource: 'containerResource' } as const;
type Source = (typeof sources)[keyof typeof sources];

export const horizontalPodAutoscalers = defineKind<HorizontalPodAutoscaler>({
  kind: 'HorizontalPodAutoscaler',
  group: 'autoscaling',
  version: 'v2',
  shortNames: ['hpa'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= {} as Spec;
    draft.status ??= noStatus();
    const { spec } = draft;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
    if (!spec.behavior) return;
    if (spec.behavior.scaleUp) spec.behavior.scaleUp = withDefaults(spec.behavior.scaleUp, upwards);
    if (spec.behavior.scaleDown) spec.behavior.scaleDown = withDefaults(spec.behavior.scaleDown, downwards);
  },
  prepareCreate(draft) {
    draft.status = noStatus();
  },
  validate({ spec }) {
    const report = new Report();
    const { minReplicas, maxReplicas = 0, scaleTargetRef } = spec;
    if (present(minReplicas) && minReplicas < 1) report.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
    if (maxReplicas < 1) report.invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0');
    if (present(minReplicas) && maxReplicas < minReplicas) report.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
    for (const field of ['kind', 'name'] as const) report.requiredName(`spec.scaleTargetRef.${field}`, scaleTargetRef?.[field], pathSegment);
    for (const [index, metric] of (spec.metrics ?? []).entries()) checkMetric(report, `spec.metrics[${index}]`, metric);
    for (const direction of ['scaleUp', 'scaleDown'] as const) {
      const rules = spec.behavior?.[direction];
      if (rules) checkRules(report, `spec.behavior.${direction}`, rules);
    }
    return report.causes;
  },
  validateStatus({ status }) {
    const report = new Report();
    report.notNegative('status.currentReplicas', status.currentReplicas);
    report.notNegative('status.desiredReplicas', status.desiredReplicas);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Reference', 'What is scaled.', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
    text('Targets', 'What each metric is, and what it is to be.', ({ spec, status }) => targetsText(spec.metrics ?? [], status.currentMetrics ?? [])),
    text('MinPods', 'The fewest Pods.', ({ spec }) => (present(spec.minReplicas) ? String(spec.minReplicas) : '<unset>')),
    integer('MaxPods', 'The most Pods.', ({ spec }) => spec.maxReplicas),
    integer('Replicas', 'Pods that there are.', ({ status }) => status.currentReplicas ?? 0),
    ageColumn,
  ],
});

function noStatus(): HorizontalPodAutoscaler['status'] {
  return { desiredReplicas: 0, currentMetrics: [] } as never;
}

/** https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#default-behavior */
export const upwards = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
} satisfies ScalingRules;
export const downwards = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } satisfies ScalingRules;

function withDefaults(rules: ScalingRules, defaults: ScalingRules): ScalingRules {
  return { ...rules, stabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds, selectPolicy: rules.selectPolicy ?? defaults.selectPolicy, policies: rules.policies ?? defaults.policies };
}

function checkMetric(report: Report, field: string, metric: MetricSpec): void {
  if (!metric.type) return report.required(`${field}.type`, 'must specify a metric source type');
  const wanted = sources[metric.type as keyof typeof sources];
  if (!wanted) return report.notSupported(`${field}.type`, metric.type, Object.keys(sources).sort());
  for (const source of Object.values(sources)) {
    if (metric[source] && source !== wanted) report.forbidden(`${field}.${source}`, 'must populate the given metric source only');
  }
  const source = metric[wanted];
  if (!source) return report.required(`${field}.${wanted}`, 'must populate information for the given metric source');
  const at = `${field}.${wanted}`;
  if (wanted === 'resource' || wanted === 'containerResource') {
    if (!metric[wanted]!.name) report.required(`${at}.name`, 'must specify a resource name');
    if (wanted === 'containerResource' && !metric.containerResource!.container) report.required(`${at}.container`, 'must specify a container');
  } else if (!metric[wanted]!.metric?.name) report.required(`${at}.metric.name`, 'must specify a metric name');
  checkTarget(report, `${at}.target`, wanted, source.target);
}

/** Which forms of a target a source can have. */
const forms: Record<Source, readonly ('averageUtilization' | 'averageValue' | 'value')[]> = {
  resource: ['averageUtilization', 'averageValue'],
  containerResource: ['averageUtilization', 'averageValue'],
  pods: ['averageValue'],
  object: ['value', 'averageValue'],
  external: ['value', 'averageValue'],
};

function checkTarget(report: Report, field: string, source: Source, target: Target | undefined): void {
  if (!target?.type) report.required(`${field}.type`, 'must specify a metric target type');
  else if (!['Utilization', 'Value', 'AverageValue'].includes(target.type)) report.invalid(`${field}.type`, target.type, 'must be either Utilization, Value, or AverageValue');
  if (present(target?.averageUtilization) && target.averageUtilization < 1) report.invalid(`${field}.averageUtilization`, target.averageUtilization, 'must be greater than 0');
  for (const form of ['value', 'averageValue'] as const) {
    const written = target?.[form];
    if (!present(written)) continue;
    const amount = parseQuantity(written);
    if (!amount) report.invalid(`${field}.${form}`, written, quantityMessage);
    else if (compareQuantities(amount, quantity('0')) <= 0) report.invalid(`${field}.${form}`, formatQuantity(amount), 'must be positive');
  }
  const given = forms[source].filter((form) => present(target?.[form]));
  if (given.length === 0) {
    if (source === 'pods') report.required(`${field}.averageValue`, 'must specify a positive target averageValue');
    else if (source === 'object' || source === 'external') report.required(`${field}.averageValue`, 'must set either a target value for metric or a per-pod target');
    else report.required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization');
  } else if (given.length > 1) {
    if (source === 'resource' || source === 'containerResource') report.forbidden(`${field}.averageValue`, 'may not set both a target raw value and a target utilization');
    else report.forbidden(`${field}.value`, 'may not set both a target value for metric and a per-pod target');
  }
}

function checkRules(report: Report, field: string, rules: ScalingRules): void {
  const { stabilizationWindowSeconds: windowSeconds, selectPolicy, policies = [] } = rules;
  report.notNegative(`${field}.stabilizationWindowSeconds`, windowSeconds);
  if (present(windowSeconds) && windowSeconds > 3600) report.invalid(`${field}.stabilizationWindowSeconds`, windowSeconds, 'must be less than or equal to 3600');
  report.word(`${field}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']);
  if (policies.length === 0) report.required(`${field}.policies`, 'must specify at least one Policy');
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${field}.policies[${index}]`;
    if (type !== 'Pods' && type !== 'Percent') report.notSupported(`${at}.type`, type, ['Percent', 'Pods']);
    if (value <= 0) report.invalid(`${at}.value`, value, 'must be greater than zero');
    if (periodSeconds <= 0) report.invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero');
    if (periodSeconds > 1800) report.invalid(`${at}.periodSeconds`, periodSeconds, 'must be less than or equal to 1800');
  }
}

const mostShown = 2;

function targetsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const shown = specs.slice(0, mostShown).map((spec, index) => targetText(spec, statuses[index]));
  return specs.length > mostShown ? `${shown.join(', ')} + ${specs.length - mostShown} more...` : shown.join(', ');
}

function targetText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = sources[spec.type as keyof typeof sources];
  const target = spec[source]?.target;
  const current = status?.[source]?.current;
  const isResource = source === 'resource' || source === 'containerResource';
  const before = isResource ? `${spec[source]!.name}: ` : '';
  if (isResource && target?.averageUtilization !== undefined && !target.averageValue) {
    return `${before}${current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`}/${target.averageUtilization}%`;
  }
  const isAverage = target?.averageValue !== undefined;
  const now = (isAverage ? current?.averageValue : current?.value) ?? '<unknown>';
  return `${before}${now}/${(isAverage ? target?.averageValue : target?.value) ?? '<auto>'}${isAverage && !isResource && source !== 'pods' ? ' (avg)' : ''}`;
}
