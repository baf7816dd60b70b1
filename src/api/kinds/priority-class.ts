// The PriorityClass: a name for how important Pods are, and whether they may push out others.
import type { PriorityClass } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';

/** The classes that every cluster has, and no one may change. Priorities above those of users are theirs alone. */
export const systemPriorityClasses = [
  { name: 'system-node-critical', value: 2_000_001_000, description: 'Used for system critical pods that must not be moved from their current node.' },
  { name: 'system-cluster-critical', value: 2_000_000_000, description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.' },
] as const;
const systemPrefix = 'system-';
const highestOfUsers = 1_000_000_000;
const policies = ['Never', 'PreemptLowerPriority'];

export const priorityClasses = defineKind<PriorityClass>({
  kind: 'PriorityClass',
  group: 'scheduling.k8s.io',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  hasGeneration: true,
  defaults(draft) {
    draft.value ??= 0;
    draft.preemptionPolicy ||= 'PreemptLowerPriority';
  },
  validate(priorityClass) {
    const report = new Report();
    const { value = 0, preemptionPolicy, metadata } = priorityClass;
    if (metadata.name?.startsWith(systemPrefix)) {
      const wrong = systemClassMismatch(priorityClass);
      if (wrong) report.forbidden('metadata.name', `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${wrong}`);
    } else if (value > highestOfUsers) report.forbidden('value', `maximum allowed value of a user defined priority is ${highestOfUsers}`);
    report.word('preemptionPolicy', preemptionPolicy, policies);
    return report.causes;
  },
  validateUpdate({ value, preemptionPolicy }, before) {
    const report = new Report();
    if (value !== before.value) report.forbidden('value', 'may not be changed in an update.');
    report.immutable('preemptionPolicy', preemptionPolicy, before.preemptionPolicy);
    return report.causes;
  },
  columns: [
    nameColumn,
    integer('Value', 'The priority that its Pods get.', ({ value }) => value ?? 0),
    { name: 'Global-Default', type: 'boolean', description: 'Whether Pods that name no class are of this one.', priority: 0, cell: ({ globalDefault }) => globalDefault ?? false },
    ageColumn,
    text('PreemptionPolicy', 'Whether its Pods may push out those of lower priority.', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
});

/** Why a class with a name of the system is not one of its own; undefined when it is. */
function systemClassMismatch({ metadata, value, globalDefault }: PriorityClass): string | undefined {
  const known = systemPriorityClasses.find(({ name }) => name === metadata.name);
  if (!known) return `${metadata.name} is not a known system priority class`;
  if (present(value) && value !== known.value) return `value of ${known.name} PriorityClass must be ${known.value}`;
  return globalDefault ? `globalDefault of ${known.name} PriorityClass must be false` : undefined;
}
