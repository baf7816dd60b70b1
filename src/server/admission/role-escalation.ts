// Nobody gives away what they do not have: a role may hold only what its writer may do, and only such a role may be bound,
// unless its writer may `escalate` or `bind` it. Upstream has this in the storage of these kinds: it cannot be turned off.
import { ApiError } from '../../api/error.ts';
import { sameJson } from '../../api/meta.ts';
import type { ClusterRole, KubeObject, RoleBinding } from '../../api/types.ts';
import type { Authorize } from '../auth/access.ts';
import { compacted, everything, lacking, quoted, textOfRule, type PolicyRule } from '../auth/policy-rule.ts';
import type { Admission, AdmissionRequest } from './admission.ts';

const group = 'rbac.authorization.k8s.io';

export function roleEscalation(authorize: Authorize): Admission {
  return {
    name: 'RoleEscalation',
    handles: ({ kind, verb, user }) => kind.group === group && (verb === 'create' || verb === 'update') && !user.groups.includes('system:masters'),
    validate(request) {
      const { kind, draft, before } = request;
      if (before && isOnlyForCollection(draft!, before)) return;
      if (kind.plural.endsWith('rolebindings')) checkBinding(authorize, request, draft as RoleBinding);
      else checkRole(authorize, request, draft as ClusterRole, before as ClusterRole | undefined);
    },
  };
}

function checkRole(authorize: Authorize, request: AdmissionRequest, role: ClusterRole, before: ClusterRole | undefined): void {
  const { kind, user, namespace, name } = request;
  if (authorize({ user, verb: 'escalate', resource: kind, namespace: namespace || undefined, name: name || undefined }).allowed) return;
  if (before && sameJson(role.rules, before.rules) && sameJson(role.aggregationRule, before.aggregationRule)) return;
  confirm(authorize, request, (role.rules ?? []) as PolicyRule[]);
  if (!role.aggregationRule && !before?.aggregationRule) return;
  const { rules = [] } = authorize.rulesFor?.(user, namespace) ?? {};
  if (lacking(rules, everything).length > 0) throw ApiError.forbidden(kind, name, 'must have cluster-admin privileges to use the aggregationRule');
}

function checkBinding(authorize: Authorize, request: AdmissionRequest, { roleRef }: RoleBinding): void {
  const { user, namespace } = request;
  const plural = `${roleRef.kind.toLowerCase()}s`;
  if (authorize({ user, verb: 'bind', resource: { group: roleRef.apiGroup ?? group, plural }, namespace: namespace || undefined, name: roleRef.name }).allowed) return;
  const rules = authorize.roles?.rulesOf(roleRef, namespace);
  if (!rules) throw ApiError.notFound({ group, plural }, roleRef.name);
  confirm(authorize, request, rules);
}

/** Throws ApiError Forbidden when the user lacks some of the rules. */
function confirm(authorize: Authorize, { kind, name, user, namespace }: AdmissionRequest, wanted: readonly PolicyRule[]): void {
  const { rules = [], error } = authorize.rulesFor?.(user, namespace) ?? {};
  const missing = lacking(rules, wanted);
  if (missing.length === 0) return;
  const lines = compacted(missing).map(textOfRule).sort().join('\n');
  throw ApiError.forbidden(kind, name, `user ${JSON.stringify(user.username)} (groups=${quoted(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines}${error ? `; resolution errors: [${error}]` : ''}`);
}

/** Only owners and finalizers change: the garbage collector must be able to do its work. */
function isOnlyForCollection(object: KubeObject, before: KubeObject): boolean {
  const without = ({ metadata, ...rest }: KubeObject) => ({ ...rest, metadata: { ...metadata, ownerReferences: undefined, finalizers: undefined, managedFields: undefined, resourceVersion: undefined } });
  return sameJson(without(object), without(before)) && !sameJson(ownersAndFinalizers(object), ownersAndFinalizers(before));
}

function ownersAndFinalizers({ metadata }: KubeObject) {
  return [metadata.ownerReferences ?? [], metadata.finalizers ?? []];
}
