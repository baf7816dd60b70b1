// The CronJob: a Job for each time of a schedule.
import { isTimeZone, parseSchedule } from '../batch/cron.ts';
import { formatSince } from '../time.ts';
import type { CronJob } from '../types.ts';
import { ageColumn, integer, nameColumn, text, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { defaultJobSpec } from './job.ts';
import { checkJobSpec } from './job/validate.ts';
import { ownStatus } from './own-status.ts';
import { present, Report } from './validation/report.ts';
import { nameWarnings } from './validation/warnings.ts';
import { templateWarnings } from './pod/warnings.ts';

type Spec = CronJob['spec'];

/** A Job's name is 11 characters longer. */
const longestName = 52;

export const cronJobs = defineKind<CronJob>({
  kind: 'CronJob',
  group: 'batch',
  shortNames: ['cj'],
  categories: ['all'],
  ...ownStatus,
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= {} as Spec;
    draft.status ??= {};
    const { spec } = draft;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    if (spec.jobTemplate?.spec) defaultTemplate(spec.jobTemplate.spec);
  },
  warnings: ({ metadata, spec }, before) => [...(before ? [] : nameWarnings(metadata.name)), ...templateWarnings('spec.jobTemplate.spec.template', spec.jobTemplate?.spec?.template)],
  validate({ metadata, spec }) {
    const report = new Report();
    if (!spec.schedule) report.required('spec.schedule');
    else checkSchedule(report, 'spec.schedule', spec.schedule);
    report.notNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
    if (present(spec.timeZone)) checkTimeZone(report, 'spec.timeZone', spec.timeZone);
    report.requiredWord('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']);
    const job = spec.jobTemplate?.spec;
    checkJobSpec(report, 'spec.jobTemplate.spec', job ?? ({} as never));
    if (job?.selector) report.invalid('spec.jobTemplate.spec.selector', job.selector, '`selector` will be auto-generated');
    if (job?.manualSelector) report.notSupported('spec.jobTemplate.spec.manualSelector', job.manualSelector, ['nil', 'false']);
    report.notNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
    report.notNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
    if ((metadata.name?.length ?? 0) > longestName) report.invalid('metadata.name', metadata.name, `must be no more than ${longestName} characters`);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Schedule', 'When it runs, in cron format.', ({ spec }) => spec.schedule),
    text('Timezone', 'In whose time.', ({ spec }) => spec.timeZone ?? '<none>'),
    text('Suspend', 'Whether it rests.', ({ spec }) => (spec.suspend ? 'True' : 'False')),
    integer('Active', 'Jobs that run now.', ({ status }) => status?.active?.length ?? 0),
    text('Last Schedule', 'Since the last Job was due.', ({ status }, nowMs) => (status?.lastScheduleTime ? formatSince(status.lastScheduleTime, nowMs) : '<none>')),
    ageColumn,
    ...workloadColumns<CronJob>(({ spec }) => spec.jobTemplate?.spec?.template?.spec?.containers ?? [], () => '<none>'),
  ],
});

/** What each Job decides for itself stays open. */
function defaultTemplate(spec: NonNullable<Spec['jobTemplate']['spec']>): void {
  const { completions, parallelism, backoffLimit, completionMode, suspend, podReplacementPolicy } = spec;
  defaultJobSpec(spec);
  const open = { completions, parallelism, backoffLimit, completionMode, suspend, podReplacementPolicy };
  for (const [name, value] of Object.entries(open)) if (value === undefined) delete (spec as unknown as Record<string, unknown>)[name];
}

function checkSchedule(report: Report, field: string, schedule: string): void {
  try {
    parseSchedule(schedule);
  } catch (error) {
    report.invalid(field, schedule, (error as Error).message);
  }
  if (schedule.includes('TZ')) report.invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
}

function checkTimeZone(report: Report, field: string, name: string): void {
  if (name === '') return report.invalid(field, name, 'timeZone must be nil or non-empty string');
  const isNamed = name.split('/').every((part) => part !== '.' && part !== '..' && /^[A-Za-z._0-9+][A-Za-z._0-9+-]{0,13}$/.test(part));
  if (!isNamed) return report.invalid(field, name, `unknown time zone ${name}`);
  if (name.toLowerCase() === 'local') report.invalid(field, name, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  if (!isTimeZone(name)) report.invalid(field, name, `unknown time zone ${name}`);
}
