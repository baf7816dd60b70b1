// The rules of where a Pod may go: affinity, tolerations, spreading, gates.
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName } from '../../names.ts';
import type { NodeSelector, PodSpec, Toleration } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLabels, checkLabelSelector } from '../validation/rules.ts';

type Affinity = NonNullable<PodSpec['affinity']>;
type NodeTerm = NonNullable<NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']>['nodeSelectorTerms'][number];
type NodeRequirement = NonNullable<NodeTerm['matchExpressions']>[number];
type PodTerm = NonNullable<NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']>[number];

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

export function checkScheduling(report: Report, field: string, spec: PodSpec): void {
  checkLabels(report, `${field}.nodeSelector`, spec.nodeSelector);
  checkAffinity(report, `${field}.affinity`, spec.affinity);
  spec.readinessGates?.forEach(({ conditionType }, index) => {
    report.follows(`${field}.readinessGates[${index}].conditionType`, conditionType ?? '', qualifiedName);
  });
  const gates = new Set<string>();
  spec.schedulingGates?.forEach(({ name }, index) => {
    const at = `${field}.schedulingGates[${index}]`;
    report.follows(at, name ?? '', qualifiedName);
    if (gates.has(name)) report.duplicate(at, name);
    gates.add(name);
  });
  checkSpread(report, `${field}.topologySpreadConstraints`, spec.topologySpreadConstraints);
  checkTolerations(report, `${field}.tolerations`, spec.tolerations);
}

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function checkTolerations(report: Report, field: string, tolerations: readonly Toleration[] | undefined): void {
  tolerations?.forEach(({ key, operator, value = '', effect, tolerationSeconds }, index) => {
    const at = `${field}[${index}]`;
    if (key) report.follows(`${at}.key`, key, qualifiedName);
    else if (operator !== 'Exists') {
      report.invalid(`${at}.operator`, operator ?? '', 'operator must be Exists when `key` is empty, which means "match all values and all keys"');
    }
    if (present(tolerationSeconds) && effect !== 'NoExecute') {
      report.invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (!operator || operator === 'Equal') {
      const wrong = labelValue(value);
      if (wrong.length > 0) report.invalid(`${at}.operator`, value, wrong.join(';'));
    } else if (operator === 'Exists') {
      if (value) report.invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else report.notSupported(`${at}.operator`, operator, ['Equal', 'Exists']);
    if (effect) report.word(`${at}.effect`, effect, taintEffects);
  });
}

function checkAffinity(report: Report, field: string, affinity: Affinity | undefined): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const needed = nodeAffinity?.[required];
  if (needed) {
    checkNodeSelector(report, `${field}.nodeAffinity.${required}`, needed);
  }
  nodeAffinity?.[preferred]?.forEach(({ weight, preference }, index) => {
    const at = `${field}.nodeAffinity.${preferred}[${index}]`;
    checkWeight(report, at, weight);
    checkNodeTerm(report, `${at}.preference`, preference ?? {}, false);
  });
  for (const [name, terms] of [['podAffinity', podAffinity], ['podAntiAffinity', podAntiAffinity]] as const) {
    terms?.[required]?.forEach((term, index) => checkPodTerm(report, `${field}.${name}.${required}[${index}]`, term));
    terms?.[preferred]?.forEach(({ weight, podAffinityTerm }, index) => {
      const at = `${field}.${name}.${preferred}[${index}]`;
      checkWeight(report, at, weight);
      checkPodTerm(report, `${at}.podAffinityTerm`, podAffinityTerm ?? ({} as PodTerm));
    });
  }
}

export function checkNodeSelector(report: Report, field: string, { nodeSelectorTerms }: NodeSelector): void {
  const at = `${field}.nodeSelectorTerms`;
  if (!nodeSelectorTerms?.length) report.required(at, 'must have at least one node selector term');
  nodeSelectorTerms?.forEach((term, index) => checkNodeTerm(report, `${at}[${index}]`, term, true));
}

function checkWeight(report: Report, field: string, weight: number | undefined): void {
  if (!weight || weight < 1 || weight > 100) report.invalid(`${field}.weight`, weight ?? 0, 'must be in the range 1-100');
}

function checkNodeTerm(report: Report, field: string, term: NodeTerm, checksValues: boolean): void {
  term.matchExpressions?.forEach((requirement, index) => {
    checkNodeRequirement(report, `${field}.matchExpressions[${index}]`, requirement, checksValues);
  });
  term.matchFields?.forEach(({ key, operator, values = [] }, index) => {
    const at = `${field}.matchFields[${index}]`;
    if (operator !== 'In' && operator !== 'NotIn') report.invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator');
    else if (values.length !== 1) {
      report.required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    }
    if (key !== 'metadata.name') report.invalid(`${at}.key`, key ?? '', 'not a valid field selector key');
    else values.forEach((value, valueIndex) => report.follows(`${at}.values[${valueIndex}]`, value, dnsSubdomain));
  });
}

function checkNodeRequirement(report: Report, field: string, { key, operator, values = [] }: NodeRequirement, checksValues: boolean): void {
  const at = `${field}.values`;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) report.required(at, "must be specified when `operator` is 'In' or 'NotIn'");
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) report.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) report.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      break;
    default:
      report.invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator');
  }
  report.follows(`${field}.key`, key ?? '', qualifiedName);
  if (checksValues) values.forEach((value, index) => report.follows(`${at}[${index}]`, value, labelValue));
}

function checkPodTerm(report: Report, field: string, term: PodTerm): void {
  checkLabelSelector(report, `${field}.labelSelector`, term.labelSelector);
  checkLabelSelector(report, `${field}.namespaceSelector`, term.namespaceSelector);
  for (const namespace of term.namespaces ?? []) report.follows(`${field}.namespace`, namespace, dnsLabel);
  for (const keys of ['matchLabelKeys', 'mismatchLabelKeys'] as const) {
    const listed = term[keys] ?? [];
    if (listed.length > 0 && !term.labelSelector) report.forbidden(`${field}.${keys}`, 'must not be specified when labelSelector is not set');
    else listed.forEach((key, index) => report.follows(`${field}.${keys}[${index}]`, key, qualifiedName));
  }
  const selected = new Set([...Object.keys(term.labelSelector?.matchLabels ?? {}), ...(term.labelSelector?.matchExpressions ?? []).map(({ key }) => key)]);
  term.matchLabelKeys?.forEach((key, index) => {
    // Upstream's path leaves the name of the list out.
    if (selected.has(key)) report.invalid(`${field}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector');
    if (term.mismatchLabelKeys?.includes(key)) report.invalid(`${field}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  });
  if (!term.topologyKey) report.required(`${field}.topologyKey`, 'can not be empty');
  report.follows(`${field}.topologyKey`, term.topologyKey ?? '', qualifiedName);
}

function checkSpread(report: Report, field: string, constraints: PodSpec['topologySpreadConstraints']): void {
  constraints?.forEach((constraint, index) => {
    const at = `${field}[${index}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector, matchLabelKeys } = constraint;
    if (!maxSkew || maxSkew < 1) report.invalid(`${at}.maxSkew`, maxSkew ?? 0, 'must be greater than zero');
    if (!topologyKey) report.required(`${at}.topologyKey`, 'can not be empty');
    if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway') {
      report.notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway']);
    }
    if (constraints.slice(index + 1).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable)) {
      report.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    }
    if (present(minDomains)) {
      if (minDomains < 1) report.invalid(`${at}.minDomains`, minDomains, 'must be greater than zero');
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        report.invalid(`${at}.minDomains`, minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`);
      }
    }
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) report.word(`${at}.${policy}`, constraint[policy], ['Honor', 'Ignore']);
    if (matchLabelKeys?.length && !labelSelector) report.forbidden(`${at}.matchLabelKeys`, 'must not be specified when labelSelector is not set');
    matchLabelKeys?.forEach((key, keyIndex) => {
      report.follows(`${at}.matchLabelKeys[${keyIndex}]`, key, qualifiedName);
      const isSelected = Object.hasOwn(labelSelector?.matchLabels ?? {}, key) || labelSelector?.matchExpressions?.some((expression) => expression.key === key);
      if (isSelected) report.invalid(`${at}.matchLabelKeys[${keyIndex}]`, key, 'exists in both matchLabelKeys and labelSelector');
    });
    checkLabelSelector(report, `${at}.labelSelector`, labelSelector);
  });
}
