// The ReplicaSet: keeps a number of Pods of one template, found by a label selector.
import { labelSelectorOf } from '../selectors.ts';
import type { ReplicaSet } from '../types.ts';
import { ageColumn, integer, nameColumn, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { templateWarnings } from './pod/warnings.ts';
import { scaleOf } from './scale.ts';
import { Report } from './validation/report.ts';
import { checkReplicaCounts, checkSelector, checkTemplate } from './validation/workload.ts';
import { nameWarnings } from './validation/warnings.ts';

const selectorText = ({ spec }: ReplicaSet) => labelSelectorOf(spec.selector).toString();

export const replicaSets = defineKind<ReplicaSet>({
  kind: 'ReplicaSet',
  group: 'apps',
  shortNames: ['rs'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  subresources: { scale: scaleOf({ group: 'apps', plural: 'replicasets' }, selectorText) },
  defaults(draft) {
    draft.spec ??= {} as ReplicaSet['spec'];
    draft.status ??= { replicas: 0 };
    draft.spec.replicas ??= 1;
    defaultPodTemplate(draft.spec.template);
  },
  prepareCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate({ spec }) {
    const report = new Report();
    report.notNegative('spec.replicas', spec.replicas);
    report.notNegative('spec.minReadySeconds', spec.minReadySeconds);
    checkSelector(report, 'spec.selector', spec.selector);
    checkTemplate(report, 'spec.template', spec.template, spec.selector, 'ReplicaSet');
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
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas ?? 0) },
  columns: [
    nameColumn,
    integer('Desired', 'How many Pods there should be.', ({ spec }) => spec.replicas ?? 0),
    integer('Current', 'How many Pods there are.', ({ status }) => status.replicas ?? 0),
    integer('Ready', 'How many of them are ready.', ({ status }) => status.readyReplicas ?? 0),
    ageColumn,
    ...workloadColumns<ReplicaSet>(({ spec }) => spec.template?.spec?.containers ?? [], (workload) => selectorText(workload) || '<none>'),
  ],
});
