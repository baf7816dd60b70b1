// The StatefulSet: Pods with a number each, that keep their name, their claims and their order.
import { labelSelectorOf } from '../selectors.ts';
import { sameJson } from '../meta.ts';
import { percent } from '../names.ts';
import type { StatefulSet } from '../types.ts';
import { ageColumn, nameColumn, text, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { scaleOf } from './scale.ts';
import { present, Report } from './validation/report.ts';
import { checkAnnotations, checkLabels, checkLabelSelector } from './validation/rules.ts';
import { checkReplicaCounts } from './validation/workload.ts';
import { claimWarnings } from './validation/warnings.ts';
import { templateWarnings } from './pod/warnings.ts';

type Spec = StatefulSet['spec'];

/** What an update may change. */
const changeable = ['replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy', 'minReadySeconds'] as const;
const listed = changeable.map((name) => `'${name}'`);

export const statefulSets = defineKind<StatefulSet>({
  kind: 'StatefulSet',
  group: 'apps',
  shortNames: ['sts'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  subresources: { scale: scaleOf({ group: 'apps', plural: 'statefulsets' }, ({ spec }: StatefulSet) => labelSelectorOf(spec.selector).toString()) },
  defaults(draft) {
    draft.spec ??= {} as Spec;
    draft.status ??= { replicas: 0 };
    const { spec } = draft;
    spec.replicas ??= 1;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.partition ??= 0;
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    spec.revisionHistoryLimit ??= 10;
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ||= 'v1';
      claim.kind ||= 'PersistentVolumeClaim';
      claim.metadata ??= {};
      claim.spec ??= {};
      claim.spec.volumeMode ||= 'Filesystem';
      claim.status ??= {};
      claim.status.phase ||= 'Pending';
    }
    defaultPodTemplate(spec.template);
  },
  prepareCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate({ spec }) {
    const report = new Report();
    checkPolicies(report, spec);
    report.notNegative('spec.replicas', spec.replicas);
    report.notNegative('spec.minReadySeconds', spec.minReadySeconds);
    report.notNegative('spec.ordinals.start', spec.ordinals?.start);
    report.notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
    if (!spec.selector) report.required('spec.selector');
    else {
      checkLabelSelector(report, 'spec.selector', spec.selector);
      const size = Object.keys(spec.selector.matchLabels ?? {}).length + (spec.selector.matchExpressions?.length ?? 0);
      if (size === 0) report.invalid('spec.selector', spec.selector, 'empty selector is invalid for statefulset');
    }
    checkStatefulTemplate(report, spec);
    return report.causes;
  },
  warnings: ({ spec }) => [
    ...templateWarnings('spec.template', spec.template),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, i) => claimWarnings(`spec.volumeClaimTemplates[${i}]`, claim.spec?.resources)),
    ...((spec.revisionHistoryLimit ?? 0) < 0 ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended'] : []),
  ],
  validateUpdate({ spec }, before) {
    const report = new Report();
    const old: Record<string, unknown> = { ...before.spec };
    for (const name of changeable) old[name] = spec[name];
    if (!sameJson(spec, old)) {
      report.forbidden('spec', `updates to statefulset spec for fields other than ${listed.slice(0, -1).join(', ')} and ${listed.at(-1)} are forbidden`);
    }
    return report.causes;
  },
  validateStatus({ status }, before) {
    const report = new Report();
    checkReplicaCounts(report, status);
    report.notNegative('status.collisionCount', status.collisionCount);
    if ((status.collisionCount ?? 0) < (before.status?.collisionCount ?? 0)) report.invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented');
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Ready', 'Pods that are ready, of those that there should be.', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    ageColumn,
    ...workloadColumns<StatefulSet>(({ spec }) => spec.template?.spec?.containers ?? [], () => '').slice(0, 2),
  ],
});

function checkPolicies(report: Report, spec: Spec): void {
  const { podManagementPolicy, updateStrategy, persistentVolumeClaimRetentionPolicy: retention } = spec;
  if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    report.invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'");
  }
  const { type, rollingUpdate } = updateStrategy ?? {};
  if (type === 'OnDelete') {
    if (rollingUpdate) report.invalid('spec.updateStrategy.rollingUpdate', rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'");
  } else if (type !== 'RollingUpdate') {
    report.invalid('spec.updateStrategy', updateStrategy, "must be 'RollingUpdate' or 'OnDelete'");
  } else if (rollingUpdate) {
    report.notNegative('spec.updateStrategy.rollingUpdate.partition', rollingUpdate.partition);
    if (present(rollingUpdate.maxUnavailable)) checkMaxUnavailable(report, 'spec.updateStrategy.rollingUpdate.maxUnavailable', rollingUpdate.maxUnavailable as number | string);
  }
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    report.word(`spec.persistentVolumeClaimRetentionPolicy.${when}`, retention?.[when], ['Retain', 'Delete']);
  }
}

function checkMaxUnavailable(report: Report, field: string, most: number | string): void {
  if (typeof most === 'string') report.follows(field, most, percent);
  else report.notNegative(field, most);
  const amount = Number.parseInt(String(most), 10);
  if (amount === 0) report.invalid(field, most, 'cannot be 0');
  if (typeof most === 'string' && amount > 100) report.invalid(field, most, 'must not be greater than 100%');
}

/** Of the Pods only what their claims cannot complete: upstream leaves the rest to the creation of each Pod. */
function checkStatefulTemplate(report: Report, { template, selector }: Spec): void {
  if (!template) return report.required('spec.template');
  const matcher = labelSelectorOf(selector);
  if (!matcher.isEmpty && !matcher.matches(template.metadata?.labels)) {
    report.invalid('spec.template.metadata.labels', template.metadata?.labels ?? {}, '`selector` does not match template `labels`');
  }
  checkLabels(report, 'spec.template.labels', template.metadata?.labels);
  checkAnnotations(report, 'spec.template.annotations', template.metadata?.annotations);
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') report.notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']);
  if (present(activeDeadlineSeconds)) report.forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in StatefulSet is not Supported');
}
