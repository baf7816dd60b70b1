// The audit policy: how much is written down of a request. The first rule that a request fits decides. Pure.
import type { FieldCause } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import { dnsSubdomain } from '../../api/names.ts';
import { Report } from '../../api/kinds/validation/report.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

export interface PolicyRule {
  readonly level?: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** audit.k8s.io/v1, kind Policy. */
export interface AuditPolicy {
  readonly rules?: readonly PolicyRule[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

/** What rules look at. */
export interface Audited {
  /** Undefined: nobody knows. */
  readonly user: UserInfo | undefined;
  readonly verb: string;
  /** Undefined: a path that is no resource. */
  readonly resource: { readonly group: string; readonly plural: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string } | undefined;
  readonly path: string;
}

export interface Decided {
  readonly level: Exclude<Level, 'None'>;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

/** Undefined: nothing is written of it. */
export type DecideLevel = (audited: Audited) => Decided | undefined;

export function compilePolicy({ rules = [], omitStages = [], omitManagedFields = false }: AuditPolicy): DecideLevel {
  const compiled = rules.map((rule) => ({
    rule,
    decided: rule.level === 'None' ? undefined : { level: rule.level!, omitStages: new Set([...omitStages, ...(rule.omitStages ?? [])]), omitManagedFields: rule.omitManagedFields ?? omitManagedFields } satisfies Decided,
  }));
  return (audited) => compiled.find(({ rule }) => fits(rule, audited))?.decided;
}

function fits({ users, userGroups, verbs, namespaces, resources, nonResourceURLs }: PolicyRule, audited: Audited): boolean {
  const { user, verb, resource, path } = audited;
  if (users?.length && !(user && users.includes(user.username))) return false;
  if (userGroups?.length && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs?.length && !verbs.includes(verb)) return false;
  if (namespaces?.length || resources?.length) {
    if (!resource) return false;
    if (namespaces?.length && !namespaces.includes(resource.namespace ?? '')) return false;
    return !resources?.length || resources.some((one) => names(one, resource));
  }
  if (!nonResourceURLs?.length) return true;
  return !resource && nonResourceURLs.some((url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))));
}

function names({ group = '', resources = [], resourceNames = [] }: GroupResources, { group: ofGroup, plural, subresource, name = '' }: NonNullable<Audited['resource']>): boolean {
  if (group !== ofGroup) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const whole = subresource ? `${plural}/${subresource}` : plural;
  return resources.some((one) => one === '*' || one === whole || (subresource !== undefined && one === `*/${subresource}`) || one === `${plural}/*`);
}

export function validatePolicy({ rules = [], omitStages = [] }: AuditPolicy): readonly FieldCause[] {
  const report = new Report();
  if (rules.length === 0) report.required('rules', 'a policy without rules would write nothing');
  checkStages(report, 'omitStages', omitStages);
  rules.forEach((rule, index) => {
    const at = `rules[${index}]`;
    report.requiredWord(`${at}.level`, rule.level, levels);
    rule.nonResourceURLs?.forEach((url, place) => {
      if (url === '*') return;
      if (!url.startsWith('/')) report.invalid(`${at}.nonResourceURLs[${place}]`, url, "non-resource URL rules must begin with a '/' character");
      if (url.slice(0, -1).includes('*')) report.invalid(`${at}.nonResourceURLs[${place}]`, url, "non-resource URL wildcards '*' must be the final character of the rule");
    });
    for (const { group, resources, resourceNames } of rule.resources ?? []) {
      if (group) report.follows(`${at}.resources.group`, group, dnsSubdomain);
      if (resourceNames?.length && !resources?.length) report.invalid(`${at}.resources.resourceNames`, resourceNames, 'using resourceNames requires at least one resource');
    }
    checkStages(report, `${at}.omitStages`, rule.omitStages ?? []);
    if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length)) report.invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
  });
  return report.causes;
}

function checkStages(report: Report, field: string, given: readonly string[]): void {
  given.forEach((stage, index) => {
    if (!(stages as readonly string[]).includes(stage)) report.invalid(`${field}[${index}]`, stage, `allowed stages are ${stages.join(',')}`);
  });
}
