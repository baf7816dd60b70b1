// The rules of a Job's spec, which a CronJob's template shares.
import { labelSelectorOf } from '../../selectors.ts';
import { draftOf, sameJson } from '../../meta.ts';
import { dnsLabel, dnsSubdomain } from '../../names.ts';
import type { Job, JobSpec } from '../../types.ts';
import { checkPodTemplate } from '../pod/validate.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLabelSelector } from '../validation/rules.ts';
import { checkFailurePolicy, checkSuccessPolicy } from './validate-policies.ts';

const most = { indexedParallelism: 100_000, failedIndexes: 100_000, softCompletions: 100_000, highParallelism: 10_000, highFailedIndexes: 10_000, managedBy: 63 };
const nonNegative = ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes'] as const;
export const jobNameLabels = ['batch.kubernetes.io/job-name', 'job-name'] as const;
export const jobUidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const;

export function checkJob(report: Report, job: Job): void {
  const { spec, metadata } = job;
  if (!spec.manualSelector) checkGenerated(report, job);
  checkJobSpec(report, 'spec', spec);
  if (!spec.selector) report.required('spec.selector');
  else checkLabelSelector(report, 'spec.selector', spec.selector);
  if (!labelSelectorOf(spec.selector).matches(spec.template?.metadata?.labels)) {
    report.invalid('spec.template.metadata.labels', spec.template?.metadata?.labels ?? {}, '`selector` does not match template `labels`');
  }
  if (spec.completionMode === 'Indexed' && spec.completions) {
    const host = `${metadata.name}-${spec.completions - 1}`;
    if (dnsLabel(host).length > 0) report.invalid('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${host}`);
  }
}

export function checkJobSpec(report: Report, field: string, spec: JobSpec): void {
  for (const name of nonNegative) report.notNegative(`${field}.${name}`, spec[name]);
  if (present(spec.maxFailedIndexes) && !present(spec.backoffLimitPerIndex)) report.required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (present(spec.managedBy)) checkManagedBy(report, `${field}.managedBy`, spec.managedBy);
  if (present(spec.completionMode)) report.word(`${field}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed']);
  if (spec.completionMode === 'Indexed') checkIndexed(report, field, spec);
  else {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (present(spec[name])) report.invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode');
    }
  }
  if (spec.podFailurePolicy) checkFailurePolicy(report, `${field}.podFailurePolicy`, spec);
  if (spec.successPolicy) {
    if (spec.completionMode !== 'Indexed') report.invalid(`${field}.successPolicy`, spec.successPolicy, 'requires indexed completion mode');
    else checkSuccessPolicy(report, `${field}.successPolicy`, spec);
  }
  report.word(`${field}.podReplacementPolicy`, spec.podReplacementPolicy, spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']);
  if (spec.template) checkPodTemplate(report, `${field}.template`, spec.template);
  const restart = spec.template?.spec?.restartPolicy;
  const at = `${field}.template.spec.restartPolicy`;
  if (!restart || restart === 'Always') report.required(at, 'valid values: "OnFailure", "Never"');
  else if (restart !== 'OnFailure' && restart !== 'Never') report.notSupported(at, restart, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy && restart !== 'Never') report.invalid(at, restart, 'only "Never" is supported when podFailurePolicy is specified');
}

export function checkJobUpdate(report: Report, spec: JobSpec, before: Job): void {
  const old = before.spec;
  if (spec.completionMode !== 'Indexed') report.immutable('spec.completions', spec.completions, old.completions);
  else if (spec.completions !== old.completions && spec.completions !== spec.parallelism) report.invalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism');
  report.immutable('spec.selector', spec.selector, old.selector);
  report.immutable('spec.template', spec.template, mayBePlacedAnew(before) ? placedAs(old.template, spec.template) : old.template);
  for (const name of ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const) report.immutable(`spec.${name}`, spec[name], old[name]);
}

/** Suspended and never started: queues may say where its Pods go. */
function mayBePlacedAnew({ spec, status }: Job): boolean {
  return spec.suspend === true && !status?.startTime;
}

function placedAs(old: JobSpec['template'], now: JobSpec['template']): JobSpec['template'] {
  const draft = draftOf(old);
  draft.metadata = { ...draft.metadata, labels: now.metadata?.labels, annotations: now.metadata?.annotations };
  const spec = { ...draft.spec!, nodeSelector: now.spec?.nodeSelector, tolerations: now.spec?.tolerations, schedulingGates: now.spec?.schedulingGates };
  const affinity = { ...spec.affinity, nodeAffinity: now.spec?.affinity?.nodeAffinity };
  draft.spec = { ...spec, affinity: sameJson(affinity, {}) ? now.spec?.affinity : affinity };
  return draft;
}

function checkGenerated(report: Report, { metadata, spec }: Job): void {
  const labels = spec.template?.metadata?.labels ?? {};
  const wanted = [...jobUidLabels.map((key) => [key, metadata.uid] as const), ...jobNameLabels.map((key) => [key, metadata.name] as const)];
  for (const [key, value] of wanted) {
    if (labels[key] === undefined) report.required('spec.template.metadata.labels', `must be '${value}'`);
    else if (labels[key] !== value) report.invalid('spec.template.metadata.labels', labels, `must be '${value}'`);
  }
  if (spec.selector && !labelSelectorOf(spec.selector).matches(Object.fromEntries(wanted))) report.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
}

function checkIndexed(report: Report, field: string, spec: JobSpec): void {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (!present(completions)) report.required(`${field}.completions`, 'when completion mode is Indexed');
  if (present(parallelism) && parallelism > most.indexedParallelism) report.invalid(`${field}.parallelism`, parallelism, `must be less than or equal to ${most.indexedParallelism} when completion mode is Indexed`);
  if (present(maxFailedIndexes)) {
    if (present(completions) && maxFailedIndexes > completions) report.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions');
    if (maxFailedIndexes > most.failedIndexes) report.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${most.failedIndexes}`);
  }
  if (!present(completions) || completions <= most.softCompletions || !present(backoffLimitPerIndex)) return;
  const when = `when completions are above ${most.softCompletions} and used with backoff limit per index`;
  if (!present(maxFailedIndexes)) report.required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${most.softCompletions}`);
  if (present(parallelism) && parallelism > most.highParallelism) report.invalid(`${field}.parallelism`, parallelism, `must be less than or equal to ${most.highParallelism} ${when}`);
  if (present(maxFailedIndexes) && maxFailedIndexes > most.highFailedIndexes) report.invalid(`${field}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${most.highFailedIndexes} ${when}`);
}

function checkManagedBy(report: Report, field: string, name: string): void {
  const slash = name.indexOf('/');
  const [domain, path] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
  if (slash < 0 || !domain || !path) report.invalid(field, name, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else report.follows(field, domain, dnsSubdomain);
  if (name.length > most.managedBy) report.tooLong(field, most.managedBy);
}
