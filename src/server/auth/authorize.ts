// May this user do this? Members of system:masters may do all; the parts of this process, and nodes, what their work is
// (as upstream's node authorizer, no binding can take it from them); all others what roles and bindings give them.
import type { UserInfo } from '../../api/kind.ts';
import type { RoleRef } from '../../api/types.ts';
import type { Access, AccessRules, Authorize, Decision } from './access.ts';
import { nodeRefusal } from './node-authorizer.ts';
import { NodeGraph } from './node-graph.ts';
import { allows, everything, isPath, rbacVerb, resourceText, type PolicyRule } from './policy-rule.ts';
import { RoleIndex } from './role-index.ts';
import { ownGrants } from './rules.ts';

/** A role and its binding in one. */
export interface Grant {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** Absent: in all namespaces, at the cluster scope, and for paths. */
  readonly namespace?: string;
  readonly rules: readonly PolicyRule[];
}

const allowed: Decision = Object.freeze({ allowed: true });

export function createAuthorizer(grants: readonly Grant[] = ownGrants, roles: RoleIndex = new RoleIndex(), nodeGraph: NodeGraph = new NodeGraph()): Authorize {
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
    const ofNode = isPath(access) ? undefined : nodeRefusal(nodeGraph, access);
    if (ofNode === '') return allowed;
    if (byUser.get(user.username)?.some((grant) => covers(grant, access))) return allowed;
    for (const group of user.groups) {
      if (byGroup.get(group)?.some((grant) => covers(grant, access))) return allowed;
    }
    const missing = new MissingRoles();
    const bound = roles.allowing(access, missing.add);
    if (bound) return { allowed: true, reason: bound.reason };
    const { text } = missing;
    const reasons = [ofNode, text && `RBAC: ${text}`].filter((reason) => reason).join(', ');
    return { allowed: false, why: refusal(access) + (reasons && `: ${reasons}`), reason: reasons };
  };
  return Object.assign(authorize, {
    roles,
    nodeGraph,
    rulesFor: (user: UserInfo, namespace: string): AccessRules => {
      const granted = grantsOf(user).filter((grant) => grant.namespace === undefined || grant.namespace === namespace);
      const missing = new MissingRoles();
      const rules = [...granted.flatMap((grant) => grant.rules), ...roles.rulesFor(user, namespace, missing.add)].filter((rule, index, all) => all.indexOf(rule) === index);
      return { rules: user.groups.includes('system:masters') ? [...everything, ...rules] : rules, incomplete: false, error: missing.text || undefined };
    },
  });
}

/** Roles that are bound and not there, in upstream's words. */
class MissingRoles {
  readonly #told = new Set<string>();
  readonly add = ({ kind, name }: RoleRef): void => void this.#told.add(`${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`);

  get text(): string {
    return this.#told.size > 1 ? `[${[...this.#told].join(', ')}]` : [...this.#told].join('');
  }
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
  if (grant.namespace !== undefined && (isPath(access) || grant.namespace !== access.namespace)) return false;
  return grant.rules.some((rule) => allows(rule, access));
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
  ingress: identity('system:ingress-controller'),
  node: (name: string) => identity(`system:node:${name}`, 'system:nodes'),
} as const;

function identity(username: string, ...groups: string[]): UserInfo {
  return Object.freeze({ username, groups: Object.freeze([...groups, 'system:authenticated']) });
}
