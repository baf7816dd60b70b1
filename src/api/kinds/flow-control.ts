// FlowSchema and PriorityLevelConfiguration: which requests wait for which. What the server makes of them is in server/flow-control.
import { sameJson } from '../meta.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { defaultLevels, defaultSchemas, exemptName } from './flow-control-defaults.ts';
import { ownStatus } from './own-status.ts';
import { Report } from './validation/report.ts';

const group = 'flowcontrol.apiserver.k8s.io';
const lowestPrecedence = 10_000;

export const flowSchemas = defineKind<FlowSchema>({
  ...ownStatus,
  group,
  namespaced: false,
  hasGeneration: true,
  kind: 'FlowSchema',
  defaults(draft) {
    draft.spec ??= {} as FlowSchema['spec'];
    draft.status ??= {};
    draft.spec.matchingPrecedence ||= 1000;
  },
  validate({ metadata, spec }) {
    const report = new Report();
    const fixed = defaultSchemas.find(({ name, isMandatory }) => isMandatory && name === metadata.name);
    if (fixed && !sameJson(spec, fixed.spec)) report.invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`);
    const { matchingPrecedence = 0, priorityLevelConfiguration, distinguisherMethod, rules = [] } = spec;
    if (matchingPrecedence <= 0) report.invalid('spec.matchingPrecedence', matchingPrecedence, 'must be a positive value');
    if (matchingPrecedence > lowestPrecedence) report.invalid('spec.matchingPrecedence', matchingPrecedence, `must not be greater than ${lowestPrecedence}`);
    if (!priorityLevelConfiguration?.name) report.required('spec.priorityLevelConfiguration.name', 'must reference a priority level');
    report.word('spec.distinguisherMethod.type', distinguisherMethod?.type, ['ByNamespace', 'ByUser']);
    rules.forEach(({ subjects = [], resourceRules = [], nonResourceRules = [] }, index) => {
      if (subjects.length === 0) report.required(`spec.rules[${index}].subjects`, 'subjects must contain at least one value');
      if (resourceRules.length + nonResourceRules.length === 0) report.required(`spec.rules[${index}]`, 'at least one of resourceRules and nonResourceRules has to be non-empty');
      subjects.forEach(({ kind }, at) => report.requiredWord(`spec.rules[${index}].subjects[${at}].kind`, kind, ['Group', 'ServiceAccount', 'User']));
    });
    return report.causes;
  },
  columns: [
    nameColumn,
    text('PriorityLevel', 'Where its requests wait.', ({ spec }) => spec.priorityLevelConfiguration?.name ?? ''),
    integer('MatchingPrecedence', 'Those with lower numbers are asked first.', ({ spec }) => spec.matchingPrecedence ?? 0),
    text('DistinguisherMethod', 'By what requests are told apart.', ({ spec }) => spec.distinguisherMethod?.type ?? '<none>'),
    ageColumn,
    text('MissingPL', 'Whether its priority level is missing.', ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'),
  ],
});

export const priorityLevelConfigurations = defineKind<PriorityLevelConfiguration>({
  ...ownStatus,
  group,
  namespaced: false,
  hasGeneration: true,
  kind: 'PriorityLevelConfiguration',
  defaults(draft) {
    draft.spec ??= {} as PriorityLevelConfiguration['spec'];
    draft.status ??= {};
    const { limited, exempt } = draft.spec;
    if (exempt) {
      exempt.nominalConcurrencyShares ??= 0;
      exempt.lendablePercent ??= 0;
    }
    if (!limited) return;
    limited.nominalConcurrencyShares ??= 30;
    limited.lendablePercent ??= 0;
    const { queuing } = limited.limitResponse ?? {};
    if (!queuing) return;
    queuing.queues ||= 64;
    queuing.handSize ||= 8;
    queuing.queueLengthLimit ||= 50;
  },
  validate({ metadata, spec }) {
    const report = new Report();
    const { type, limited, exempt } = spec;
    const fixed = defaultLevels.find(({ name, isMandatory }) => isMandatory && name === metadata.name);
    if (metadata.name === exemptName) {
      if (type !== 'Exempt') report.invalid('spec', spec, `spec of '${exemptName}' except the 'spec.exempt' field must equal the fixed value`);
    } else if (fixed && !sameJson(spec, fixed.spec)) report.invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`);
    else if (type === 'Exempt') report.invalid('spec.type', type, "must be 'Limited' unless the name is 'exempt'");
    if (type === 'Limited') {
      if (exempt) report.forbidden('spec.exempt', 'must be nil if the type is Limited');
      if (!limited) report.required('spec.limited', 'must not be empty when type is Limited');
      report.notNegative('spec.limited.nominalConcurrencyShares', limited?.nominalConcurrencyShares);
      report.between('spec.limited.lendablePercent', limited?.lendablePercent, 0, 100);
      if (limited) report.requiredWord('spec.limited.limitResponse.type', limited.limitResponse?.type, ['Queue', 'Reject']);
      if (limited?.limitResponse?.type === 'Reject' && limited.limitResponse.queuing) report.forbidden('spec.limited.limitResponse.queuing', 'must be nil if limited.limitResponse.type is not Limited');
    } else if (type === 'Exempt') {
      if (limited) report.forbidden('spec.limited', 'must be nil if the type is not Limited');
    } else report.notSupported('spec.type', type ?? '', ['Exempt', 'Limited']);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Type', 'Whether its requests are limited.', ({ spec }) => spec.type),
    text('NominalConcurrencyShares', 'Its share of what the server does at once.', ({ spec }) => String(spec.limited?.nominalConcurrencyShares ?? spec.exempt?.nominalConcurrencyShares ?? '<none>')),
    text('Queues', 'Its queues.', ({ spec }) => String(spec.limited?.limitResponse?.queuing?.queues ?? '<none>')),
    text('HandSize', 'In how many of them one flow may wait.', ({ spec }) => String(spec.limited?.limitResponse?.queuing?.handSize ?? '<none>')),
    text('QueueLengthLimit', 'How many may wait in one.', ({ spec }) => String(spec.limited?.limitResponse?.queuing?.queueLengthLimit ?? '<none>')),
    ageColumn,
  ],
});
