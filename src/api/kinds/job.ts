// The Job: Pods that run to their end, so many times, or once for each of so many indexes.
import { labelSelectorOf } from '../selectors.ts';
import { conditionOf, isBeingDeleted, isTrue } from '../meta.ts';
import { parseTime } from '../../base/clock.ts';
import { formatAge, formatSince } from '../time.ts';
import type { Job, JobSpec } from '../types.ts';
import { ageColumn, nameColumn, text, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkJob, checkJobUpdate, jobNameLabels, jobUidLabels } from './job/validate.ts';
import { ownStatus } from './own-status.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { Report } from './validation/report.ts';
import { nameWarnings } from './validation/warnings.ts';
import { templateWarnings } from './pod/warnings.ts';

type Status = Job['status'];

export const jobs = defineKind<Job>({
  kind: 'Job',
  group: 'batch',
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= {} as JobSpec;
    draft.status ??= {};
    defaultJobSpec(draft.spec);
  },
  prepareNamed({ metadata, spec }, taken) {
    if (!spec.template) return;
    const labels = ((spec.template.metadata ??= {}).labels ??= {});
    if (!spec.manualSelector) generateSelector(metadata, spec, labels, taken);
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  },
  validate(job) {
    const report = new Report();
    checkJob(report, job);
    return report.causes;
  },
  warnings: ({ metadata, spec }, before) => [...(before ? [] : nameWarnings(metadata.name)), ...templateWarnings('spec.template', spec.template)],
  validateUpdate({ spec }, before) {
    const report = new Report();
    checkJobUpdate(report, spec, before);
    return report.causes;
  },
  validateStatus({ status }, before) {
    const report = new Report();
    checkStatus(report, status, before.status ?? {});
    return report.causes;
  },
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    text('Status', 'What has become of it.', statusText),
    text('Completions', 'Pods that succeeded, of those that must.', completionsText),
    text('Duration', 'How long it took, or takes so far.', durationText),
    ageColumn,
    ...workloadColumns<Job>(({ spec }) => spec.template?.spec?.containers ?? [], ({ spec }) => labelSelectorOf(spec.selector).toString()),
  ],
});

export function defaultJobSpec(spec: JobSpec): void {
  // Neither said: one Pod, once.
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  spec.completionMode ||= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= undefined;
  spec.podReplacementPolicy ||= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  defaultPodTemplate(spec.template);
}

/** Its Pods are those with its UID; the name stands beside it for people. */
function generateSelector({ name, uid }: Job['metadata'], spec: JobSpec, labels: Record<string, string>, taken: string | undefined): void {
  for (const key of jobNameLabels) if (labels[key] === undefined || labels[key] === taken) labels[key] = name;
  for (const key of jobUidLabels) labels[key] ??= uid;
  const selector = ((spec.selector ??= {}).matchLabels ??= {});
  selector[jobUidLabels[0]] ??= uid;
}

function checkStatus(report: Report, status: Status, old: Status): void {
  for (const count of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) report.notNegative(`status.${count}`, status[count]);
  const is = (type: string) => isTrue(status.conditions, type);
  const isFinished = is('Complete') || is('Failed');
  if (is('Complete') && is('Failed')) report.problem('status.conditions', 'cannot set Complete=True and Failed=true conditions');
  if (is('Complete') && is('FailureTarget')) report.problem('status.conditions', 'cannot set Complete=True and FailureTarget=true conditions');
  if (is('SuccessCriteriaMet') && is('FailureTarget')) report.problem('status.conditions', 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (is('Failed') && !is('FailureTarget')) report.problem('status.conditions', 'cannot set Failed=True condition without the FailureTarget=true condition');
  if (is('Complete') && !is('SuccessCriteriaMet')) report.problem('status.conditions', 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (isTrue(old.conditions, type) && !is(type)) report.problem('status.conditions', `cannot disable the terminal ${type}=True condition`);
  }
  if (isTrue(old.conditions, 'SuccessCriteriaMet') && !is('SuccessCriteriaMet')) report.problem('status.conditions', 'cannot disable the SuccessCriteriaMet=True condition');
  if (status.completionTime && !is('Complete')) report.invalid('status.completionTime', status.completionTime, 'cannot set completionTime when there is no Complete=True condition');
  if (!status.completionTime && is('Complete')) report.required('status.completionTime', 'completionTime is required for Complete jobs');
  if (isFinished && !status.startTime) report.required('status.startTime', 'startTime is required for finished job');
  for (const count of ['active', 'terminating'] as const) if (isFinished && (status[count] ?? 0) > 0) report.invalid(`status.${count}`, status[count], `${count}>0 is invalid for finished job`);
  for (const count of ['failed', 'succeeded'] as const) {
    // Indexes that were given up may take their successes with them.
    if ((status[count] ?? 0) < (old[count] ?? 0) && !(count === 'succeeded' && old.completedIndexes)) report.invalid(`status.${count}`, status[count] ?? 0, `cannot decrease the ${count} counter`);
  }
  if ((status.ready ?? 0) > (status.active ?? 0)) report.invalid('status.ready', status.ready, 'cannot set more ready pods than active');
}

function statusText(job: Job): string {
  const conditions = job.status?.conditions;
  for (const type of ['Complete', 'Failed']) if (isTrue(conditions, type)) return type;
  if (isBeingDeleted(job)) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) if (isTrue(conditions, type)) return type;
  return 'Running';
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec.completions !== undefined && spec.completions !== null) return `${done}/${spec.completions}`;
  return (spec.parallelism ?? 0) > 1 ? `${done}/1 of ${spec.parallelism}` : `${done}/1`;
}

function durationText({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return '';
  const endedAt = status.completionTime ?? (isTrue(status.conditions, 'Failed') ? conditionOf(status.conditions, 'Failed')?.lastTransitionTime : undefined);
  return endedAt ? formatAge(parseTime(endedAt) - parseTime(status.startTime)) : formatSince(status.startTime, nowMs);
}
