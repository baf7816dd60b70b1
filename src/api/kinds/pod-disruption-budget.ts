// The PodDisruptionBudget: how many of a group of Pods must stay when others are moved on purpose.
import { withCondition } from '../meta.ts';
import type { PodDisruptionBudget } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';
import { checkLabelSelector, checkNumberOrPercent } from './validation/rules.ts';

type Count = number | string;
type Status = PodDisruptionBudget['status'];

/** The status with the condition that tells whether any Pod may go now; only the controller and the eviction change it. */
export function withDisruptionAllowed(status: Status, nowMs: number): Status {
  const isAllowed = status.disruptionsAllowed > 0;
  const condition = { type: 'DisruptionAllowed', status: isAllowed ? 'True' : 'False', reason: isAllowed ? 'SufficientPods' : 'InsufficientPods', message: '', observedGeneration: status.observedGeneration };
  return { ...status, conditions: [...withCondition(status.conditions, condition as Condition, nowMs)] };
}

type Condition = NonNullable<Status['conditions']>[number];

export const podDisruptionBudgets = defineKind<PodDisruptionBudget>({
  kind: 'PodDisruptionBudget',
  group: 'policy',
  shortNames: ['pdb'],
  hasStatus: true,
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {} as Status;
    for (const count of counts) draft.status[count] ??= 0;
  },
  prepareCreate(draft) {
    draft.status = {} as Status;
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  validate({ spec }) {
    const report = new Report();
    const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
    if (present(minAvailable) && present(maxUnavailable)) report.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set');
    checkCount(report, 'spec.minAvailable', minAvailable as Count | undefined);
    checkCount(report, 'spec.maxUnavailable', maxUnavailable as Count | undefined);
    checkLabelSelector(report, 'spec.selector', selector);
    report.word('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget']);
    return report.causes;
  },
  validateStatus({ status }) {
    const report = new Report();
    for (const count of counts) report.notNegative(`status.${count}`, status[count]);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Min Available', 'How many Pods must stay.', ({ spec }) => countText(spec.minAvailable)),
    text('Max Unavailable', 'How many Pods may be missing.', ({ spec }) => countText(spec.maxUnavailable)),
    integer('Allowed Disruptions', 'How many Pods may go now.', ({ status }) => status.disruptionsAllowed ?? 0),
    ageColumn,
  ],
});

const counts = ['currentHealthy', 'desiredHealthy', 'disruptionsAllowed', 'expectedPods'] as const;

function checkCount(report: Report, field: string, count: Count | undefined): void {
  if (!present(count)) return;
  checkNumberOrPercent(report, field, count);
  if (typeof count === 'string' && Number.parseInt(count, 10) > 100) report.invalid(field, count, 'must not be greater than 100%');
}

function countText(count: unknown): string {
  return present(count) ? String(count) : 'N/A';
}
