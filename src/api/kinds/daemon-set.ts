// The DaemonSet: one Pod on every node that its template may be on.
import { sameJson } from '../meta.ts';
import { labelSelectorOf } from '../selectors.ts';
import type { DaemonSet } from '../types.ts';
import { ageColumn, integer, nameColumn, text, workloadColumns } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { templateWarnings } from './pod/warnings.ts';
import { Report } from './validation/report.ts';
import { checkNumberOrPercent } from './validation/rules.ts';
import { checkSelector, checkTemplate } from './validation/workload.ts';

type Spec = DaemonSet['spec'];

/** How often the template changed, as old clients read it. */
export const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';

export const daemonSets = defineKind<DaemonSet>({
  kind: 'DaemonSet',
  group: 'apps',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= {} as Spec;
    draft.status ??= noPods();
    const { spec } = draft;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1 as never;
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0 as never;
    }
    spec.revisionHistoryLimit ??= 10;
    defaultPodTemplate(spec.template);
  },
  prepareCreate(draft) {
    draft.status = noPods();
    setTemplateGeneration(draft, 1);
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
    const generation = templateGenerationOf(before);
    setTemplateGeneration(draft, sameJson(draft.spec.template, before.spec.template) ? generation : generation + 1);
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  validate({ spec }) {
    const report = new Report();
    checkSelector(report, 'spec.selector', spec.selector, 'daemonset');
    checkTemplate(report, 'spec.template', spec.template, spec.selector, 'DaemonSet');
    checkStrategy(report, 'spec.updateStrategy', spec.updateStrategy ?? {});
    report.notNegative('spec.minReadySeconds', spec.minReadySeconds);
    report.notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec.selector', spec.selector, before.spec.selector);
    return report.causes;
  },
  warnings: ({ spec }) => templateWarnings('spec.template', spec.template),
  validateStatus({ status }, before) {
    const report = new Report();
    for (const count of counts) report.notNegative(`status.${count}`, status[count]);
    report.notNegative('status.collisionCount', status.collisionCount);
    if ((status.collisionCount ?? 0) < (before.status?.collisionCount ?? 0)) report.invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented');
    return report.causes;
  },
  columns: [
    nameColumn,
    integer('Desired', 'Nodes that should have a Pod.', ({ status }) => status.desiredNumberScheduled ?? 0),
    integer('Current', 'Of those, nodes that have one.', ({ status }) => status.currentNumberScheduled ?? 0),
    integer('Ready', 'Of those, nodes whose Pod is ready.', ({ status }) => status.numberReady ?? 0),
    integer('Up-to-date', 'Of those, nodes whose Pod is of the newest template.', ({ status }) => status.updatedNumberScheduled ?? 0),
    integer('Available', 'Of those, nodes whose Pod has been ready for long enough.', ({ status }) => status.numberAvailable ?? 0),
    text('Node Selector', 'The labels that a node must have.', ({ spec }) => labelSelectorOf({ matchLabels: spec.template?.spec?.nodeSelector ?? {} }).toString() || '<none>'),
    ageColumn,
    ...workloadColumns<DaemonSet>(({ spec }) => spec.template?.spec?.containers ?? [], ({ spec }) => labelSelectorOf(spec.selector).toString() || '<none>'),
  ],
});

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const;

function noPods(): DaemonSet['status'] {
  return { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
}

/** At least 1, whatever a client wrote there. */
export function templateGenerationOf({ metadata }: DaemonSet): number {
  const number = Number(metadata.annotations?.[templateGenerationAnnotation]);
  return Number.isInteger(number) && number > 0 ? number : 1;
}

function setTemplateGeneration(draft: DaemonSet, generation: number): void {
  draft.metadata.annotations = { ...draft.metadata.annotations, [templateGenerationAnnotation]: String(generation) };
}

function checkStrategy(report: Report, field: string, { type, rollingUpdate }: NonNullable<Spec['updateStrategy']>): void {
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') return report.notSupported(`${field}.type`, type ?? '', ['RollingUpdate', 'OnDelete']);
  const at = `${field}.rollingUpdate`;
  if (!rollingUpdate) return report.required(at);
  const unavailable = (rollingUpdate.maxUnavailable ?? 0) as number | string;
  const surge = (rollingUpdate.maxSurge ?? 0) as number | string;
  for (const [name, value] of [['maxUnavailable', unavailable], ['maxSurge', surge]] as const) {
    checkNumberOrPercent(report, `${at}.${name}`, value);
    if (typeof value === 'string' && Number.parseInt(value, 10) > 100) report.invalid(`${at}.${name}`, value, 'must not be greater than 100%');
  }
  const someUnavailable = Number.parseInt(String(unavailable), 10) !== 0;
  const someSurge = Number.parseInt(String(surge), 10) !== 0;
  if (someUnavailable && someSurge) report.invalid(`${at}.maxSurge`, surge, 'may not be set when maxUnavailable is non-zero');
  if (!someUnavailable && !someSurge) report.required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
}
