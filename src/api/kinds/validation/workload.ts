// The rules that workloads share: a selector, and a template that it selects.
import { labelSelectorOf, type Labels } from '../../selectors.ts';
import type { LabelSelector, PodTemplateSpec } from '../../types.ts';
import { checkPodTemplate } from '../pod/validate.ts';
import type { Report } from './report.ts';
import { checkLabelSelector } from './rules.ts';

/** `kind` is how upstream calls the workload in its errors. */
export function checkSelector(report: Report, field: string, selector: LabelSelector | undefined, kind: 'deployment' | 'daemonset' = 'deployment'): void {
  if (!selector) return report.required(field);
  checkLabelSelector(report, field, selector);
  const isEmpty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0;
  if (isEmpty) report.invalid(field, selector, `empty selector is invalid for ${kind}`);
}

/** `kind` is how upstream calls the workload in its errors. */
export function checkTemplate(
  report: Report,
  field: string,
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | Labels | undefined,
  kind: 'ReplicaSet' | 'ReplicationController' | 'DaemonSet',
): void {
  if (!template) return report.required(field);
  const matcher = labelSelectorOf(selector);
  if (!matcher.isEmpty && matcher.requirements && !matcher.matches(template.metadata?.labels)) {
    report.invalid(`${field}.metadata.labels`, template.metadata?.labels ?? {}, '`selector` does not match template `labels`');
  }
  checkPodTemplate(report, field, template);
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy && restartPolicy !== 'Always') report.notSupported(`${field}.spec.restartPolicy`, restartPolicy, ['Always']);
  if (activeDeadlineSeconds) report.forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`);
}

interface ReplicaCounts {
  readonly replicas?: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly currentReplicas?: number;
  readonly observedGeneration?: number;
}

const counts = ['replicas', 'fullyLabeledReplicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'currentReplicas', 'observedGeneration'] as const;

export function checkReplicaCounts(report: Report, status: ReplicaCounts): void {
  for (const count of counts) report.notNegative(`status.${count}`, status[count]);
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const count of ['fullyLabeledReplicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'currentReplicas'] as const) {
    const value = status[count] ?? 0;
    if (value > replicas) report.invalid(`status.${count}`, value, 'cannot be greater than status.replicas');
  }
  if (availableReplicas > readyReplicas) report.invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas');
}
