// The ReplicationController: keeps a number of Pods of one template, found by equal labels.
import { labelSelectorOf } from '../selectors.ts';
import type { ReplicationController } from '../types.ts';
import { ageColumn, integer, nameColumn, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { templateWarnings } from './pod/warnings.ts';
import { scaleOf } from './scale.ts';
import { Report } from './validation/report.ts';
import { checkReplicaCounts, checkTemplate } from './validation/workload.ts';
import { nameWarnings } from './validation/warnings.ts';

const selectorText = ({ spec }: ReplicationController) => labelSelectorOf(spec.selector).toString();

export const replicationControllers = defineKind<ReplicationController>({
  kind: 'ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  subresources: { scale: scaleOf({ group: '', plural: 'replicationcontrollers' }, selectorText) },
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= { replicas: 0 };
    const { metadata, spec } = draft;
    spec.replicas ??= 1;
    defaultPodTemplate(spec.template);
    const labels = spec.template?.metadata?.labels;
    if (!labels) return;
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  },
  prepareCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate({ spec }) {
    const report = new Report();
    report.notNegative('spec.minReadySeconds', spec.minReadySeconds);
    if (Object.keys(spec.selector ?? {}).length === 0) report.required('spec.selector');
    report.notNegative('spec.replicas', spec.replicas);
    checkTemplate(report, 'spec.template', spec.template, spec.selector, 'ReplicationController');
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
    ...workloadColumns<ReplicationController>(({ spec }) => spec.template?.spec?.containers ?? [], (workload) => selectorText(workload) || '<none>'),
  ],
});
