// Rules in the shape of rbac.authorization.k8s.io/v1: what they allow, and whether some of them hold all that others do.
import type { Access, PathAccess, ResourceAccess } from './access.ts';

/** `*` stands for all; `pods/log` names a subresource, `*` + `/scale` that of any resource. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** Absent or empty: any name. */
  readonly resourceNames?: readonly string[];
  /** Exact paths, or prefixes that end in `*`. */
  readonly nonResourceURLs?: readonly string[];
}

/** What `system:masters` and cluster-admin may do. */
export const everything: readonly PolicyRule[] = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }];

export function allows(rule: PolicyRule, access: Access): boolean {
  return isPath(access) ? allowsPath(rule, access) : allowsResource(rule, access);
}

export function isPath(access: Access): access is PathAccess {
  return 'path' in access;
}

/** RBAC knows no `connect`: opening exec, attach or port-forward is a create. */
export function rbacVerb(verb: string): string {
  return verb === 'connect' ? 'create' : verb;
}

export function resourceText({ resource, subresource }: ResourceAccess): string {
  return subresource ? `${resource.plural}/${subresource}` : resource.plural;
}

/** The parts of `wanted` that `held` lacks; none: whoever holds `held` gives away nothing more with `wanted`. */
export function lacking(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(parts).filter((part) => !held.some((rule) => holds(rule, part)));
}

/** Rules that differ only in their verbs as one, as upstream tells of them. */
export function compacted(rules: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify(rest);
    const known = merged.get(key);
    merged.set(key, known ? { ...rest, verbs: [...known.verbs, ...verbs.filter((verb) => !known.verbs.includes(verb))] } : rule);
  }
  return [...merged.values()];
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}` */
export function textOfRule({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const shown = [['APIGroups', apiGroups], ['Resources', resources], ['NonResourceURLs', nonResourceURLs], ['ResourceNames', resourceNames], ['Verbs', verbs]] as const;
  return `{${shown.filter(([, list]) => list?.length).map(([name, list]) => `${name}:${quoted(list!)}`).join(', ')}}`;
}

/** As Go prints a list of strings: `["a" "b"]`. */
export function quoted(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function allowsPath(rule: PolicyRule, { verb, path }: PathAccess): boolean {
  return rule.nonResourceURLs !== undefined && has(rule.verbs, verb) && rule.nonResourceURLs.some((url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))));
}

function allowsResource(rule: PolicyRule, access: ResourceAccess): boolean {
  return (
    has(rule.verbs, rbacVerb(access.verb)) &&
    has(rule.apiGroups, access.resource.group) &&
    (has(rule.resources, resourceText(access)) || (!!access.subresource && rule.resources!.includes(`*/${access.subresource}`))) &&
    (!rule.resourceNames?.length || (!!access.name && rule.resourceNames.includes(access.name)))
  );
}

/** One verb, one group, one resource, one name each. */
function parts({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): PolicyRule[] {
  const names = resourceNames.length > 0 ? resourceNames.map((name) => ({ resourceNames: [name] })) : [{}];
  const ofResources = apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.flatMap((verb) => names.map((name) => ({ apiGroups: [group], resources: [resource], ...name, verbs: [verb] })))));
  return [...ofResources, ...nonResourceURLs.flatMap((url) => verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })))];
}

function holds(rule: PolicyRule, part: PolicyRule): boolean {
  if (!has(rule.verbs, part.verbs[0]!)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((own) => own === url || (own.endsWith('*') && url.startsWith(own.slice(0, -1))));
  const resource = part.resources![0]!;
  const slash = resource.indexOf('/');
  const [name] = part.resourceNames ?? [];
  return (
    has(rule.apiGroups, part.apiGroups![0]!) &&
    (has(rule.resources, resource) || (slash >= 0 && !!rule.resources?.includes(`*${resource.slice(slash)}`))) &&
    (!rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes('*'));
}
