// The Deployment: ReplicaSets, one for each version of a template, and how to go from one to the next.
import { labelSelectorOf } from '../selectors.ts';
import type { Deployment } from '../types.ts';
import { ageColumn, integer, nameColumn, text, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { templateWarnings } from './pod/warnings.ts';
import { scaleOf } from './scale.ts';
import { present, Report } from './validation/report.ts';
import { checkNumberOrPercent } from './validation/rules.ts';
import { checkReplicaCounts, checkSelector, checkTemplate } from './validation/workload.ts';
import { nameWarnings } from './validation/warnings.ts';

const selectorText = ({ spec }: Deployment) => labelSelectorOf(spec.selector).toString();

export const deployments = defineKind<Deployment>({
  kind: 'Deployment',
  group: 'apps',
  shortNames: ['deploy'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  subresources: { scale: scaleOf({ group: 'apps', plural: 'deployments' }, selectorText) },
  defaults(draft) {
    draft.spec ??= {} as Deployment['spec'];
    draft.status ??= {};
    const { spec } = draft;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultPodTemplate(spec.template);
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
    draft.metadata.labels = before.metadata.labels;
  },
  validate({ spec }) {
    const report = new Report();
    report.notNegative('spec.replicas', spec.replicas);
    checkSelector(report, 'spec.selector', spec.selector);
    checkTemplate(report, 'spec.template', spec.template, spec.selector, 'ReplicaSet');
    checkStrategy(report, 'spec.strategy', spec.strategy ?? {});
    report.notNegative('spec.minReadySeconds', spec.minReadySeconds);
    report.notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
    const deadline = spec.progressDeadlineSeconds;
    report.notNegative('spec.progressDeadlineSeconds', deadline);
    if (present(deadline) && deadline <= (spec.minReadySeconds ?? 0)) {
      report.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
    }
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec.selector', spec.selector, before.spec.selector);
    return report.causes;
  },
  warnings: ({ metadata, spec }, before) => [...(before ? [] : nameWarnings(metadata.name)), ...templateWarnings('spec.template', spec.template)],
  validateStatus({ status }) {
    const report = new Report();
    checkReplicaCounts(report, status);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Ready', 'Pods that are ready, of those that there should be.', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    integer('Up-to-date', 'Pods of the newest template.', ({ status }) => status.updatedReplicas ?? 0),
    integer('Available', 'Pods that have been ready for long enough.', ({ status }) => status.availableReplicas ?? 0),
    ageColumn,
    ...workloadColumns<Deployment>(({ spec }) => spec.template?.spec?.containers ?? [], (workload) => selectorText(workload) || '<none>'),
  ],
});

function checkStrategy(report: Report, field: string, strategy: NonNullable<Deployment['spec']['strategy']>): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate) report.forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (type !== 'RollingUpdate') return report.notSupported(field, strategy, ['Recreate', 'RollingUpdate']);
  if (!rollingUpdate) return report.required(`${field}.rollingUpdate`, 'this should be defaulted and never be nil');
  const unavailable = (rollingUpdate.maxUnavailable ?? 0) as number | string;
  const surge = (rollingUpdate.maxSurge ?? 0) as number | string;
  const at = `${field}.rollingUpdate`;
  checkNumberOrPercent(report, `${at}.maxUnavailable`, unavailable);
  checkNumberOrPercent(report, `${at}.maxSurge`, surge);
  if (Number.parseInt(String(unavailable), 10) === 0 && Number.parseInt(String(surge), 10) === 0) {
    report.invalid(`${at}.maxUnavailable`, unavailable, 'may not be 0 when `maxSurge` is 0');
  }
  if (typeof unavailable === 'string' && Number.parseInt(unavailable, 10) > 100) {
    report.invalid(`${at}.maxUnavailable`, unavailable, 'must not be greater than 100%');
  }
}
