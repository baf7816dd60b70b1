// May this user do this? Decided by rules of RBAC's shape, granted to users and groups.
import type { UserInfo } from '../../api/kind.ts';
import type { Access, AccessRules, Authorize, Decision, PathAccess, ResourceAccess } from './access.ts';
import { builtInGrants } from './rules.ts';

/** As rbac.authorization.k8s.io/v1 has it: `*` stands for all; `pods/log` names a subresource, `*` + `/scale` that of any resource. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** Absent or empty: any name. */
  readonly resourceNames?: readonly string[];
  /** Exact paths, or prefixes that end in `*`. */
  readonly nonResourceURLs?: readonly string[];
}

/** A role and its binding in one. */
export interface Grant {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** Absent: in all namespaces, at the cluster scope, and for paths. */
  readonly namespace?: string;
  readonly rules: readonly PolicyRule[];
}

/** What `system:masters` may do. */
const everything: readonly PolicyRule[] = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }];

const allowed: Decision = Object.freeze({ allowed: true });

export function createAuthorizer(grants: readonly Grant[] = builtInGrants): Authorize {
  const byUser = new Map<string, Grant[]>();
  const byGroup = new Map<string, Grant[]>();
  for (const grant of grants) {
    for (const user of grant.users ?? []) file(byUser, user, grant);
    for (const group of grant.groups ?? []) file(byGroup, group, grant);
  }
  const grantsOf = (user: UserInfo) => [...(byUser.get(user.username) ?? []), ...user.groups.flatMap((group) => byGroup.get(group) ?? [])];
  const authorize = (access: Access): Decision => {
    const { user } = access;
    if (user.groups.includes('system:masters')) return allowed;
    if (byUser.get(user.username)?.some((grant) => covers(grant, access))) return allowed;
    for (const group of user.groups) {
      if (byGroup.get(group)?.some((grant) => covers(grant, access))) return allowed;
    }
    return { allowed: false, why: refusal(access) };
  };
  return Object.assign(authorize, {
    rulesFor: (user: UserInfo, namespace: string): AccessRules => {
      const granted = grantsOf(user).filter((grant) => grant.namespace === undefined || grant.namespace === namespace);
      const rules = granted.flatMap((grant) => grant.rules).filter((rule, index, all) => all.indexOf(rule) === index);
      return { rules: user.groups.includes('system:masters') ? [...everything, ...rules] : rules, incomplete: false };
    },
  });
}

/** Kubernetes' words: `User "x" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function refusal(access: Access): string {
  const user = `User ${JSON.stringify(access.user.username)}`;
  if (isPath(access)) return `${user} cannot ${access.verb} path ${JSON.stringify(access.path)}`;
  const { group } = access.resource;
  const where = access.namespace ? `in the namespace ${JSON.stringify(access.namespace)}` : 'at the cluster scope';
  return `${user} cannot ${rbacVerb(access.verb)} resource ${JSON.stringify(resourceText(access))} in API group ${JSON.stringify(group)} ${where}`;
}

function covers(grant: Grant, access: Access): boolean {
  if (isPath(access)) return grant.namespace === undefined && grant.rules.some((rule) => coversPath(rule, access));
  if (grant.namespace !== undefined && grant.namespace !== access.namespace) return false;
  return grant.rules.some((rule) => coversResource(rule, access));
}

function coversPath(rule: PolicyRule, access: PathAccess): boolean {
  return (
    has(rule.verbs, access.verb) &&
    (rule.nonResourceURLs ?? []).some((url) => url === access.path || (url.endsWith('*') && access.path.startsWith(url.slice(0, -1))))
  );
}

function coversResource(rule: PolicyRule, access: ResourceAccess): boolean {
  return (
    has(rule.verbs, rbacVerb(access.verb)) &&
    has(rule.apiGroups, access.resource.group) &&
    (has(rule.resources, resourceText(access)) || (!!access.subresource && (rule.resources ?? []).includes(`*/${access.subresource}`))) &&
    (!rule.resourceNames?.length || (!!access.name && rule.resourceNames.includes(access.name)))
  );
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes('*'));
}

/** RBAC knows no `connect`: opening exec, attach or port-forward is a create. */
function rbacVerb(verb: string): string {
  return verb === 'connect' ? 'create' : verb;
}

function resourceText({ resource, subresource }: ResourceAccess): string {
  return subresource ? `${resource.plural}/${subresource}` : resource.plural;
}

function isPath(access: Access): access is PathAccess {
  return 'path' in access;
}

function file(index: Map<string, Grant[]>, key: string, grant: Grant): void {
  const filed = index.get(key);
  if (filed) filed.push(grant);
  else index.set(key, [grant]);
}

/** The identities of Peapod's own parts, for LocalTransport. */
export const identities = {
  apiServer: identity('system:apiserver', 'system:masters'),
  scheduler: identity('system:kube-scheduler'),
  controllerManager: identity('system:kube-controller-manager'),
  proxy: identity('system:kube-proxy'),
  dns: identity('system:coredns'),
  node: (name: string) => identity(`system:node:${name}`, 'system:nodes'),
} as const;

function identity(username: string, ...groups: string[]): UserInfo {
  return Object.freeze({ username, groups: Object.freeze([...groups, 'system:authenticated']) });
}
