// At start: the default roles and bindings are there, and have what this version says they must have. Rules and subjects
// that someone added stay; what is annotated with autoupdate "false" is left alone.
import type { Kind, UserInfo } from '../api/kind.ts';
import { clusterRoleBindings, clusterRoles } from '../api/kinds/index.ts';
import { draftOf, sameJson } from '../api/meta.ts';
import type { ClusterRole, ClusterRoleBinding, KubeObject, RoleRef } from '../api/types.ts';
import { controllerRoles } from './auth/controller-roles.ts';
import { defaultBindings, defaultRoles, type DefaultBinding, type DefaultRole } from './auth/default-roles.ts';
import { lacking, type PolicyRule } from './auth/policy-rule.ts';
import { create } from './registry/create.ts';
import { deleteOne } from './registry/delete.ts';
import type { Registry, WriteRequest } from './registry/registry.ts';
import { update } from './registry/update.ts';

const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';
const apiServer: UserInfo = Object.freeze({ username: 'system:apiserver', groups: Object.freeze(['system:masters', 'system:authenticated']) });

const allRoles: readonly DefaultRole[] = [...defaultRoles, ...controllerRoles];
const allBindings: readonly DefaultBinding[] = [...defaultBindings, ...controllerRoles.map(({ name, account }) => ({ name, subjects: [account] }))];

/** Idempotent; resolves once all are as they must be. */
export async function reconcileRoles(registry: Registry): Promise<void> {
  const { cache } = registry;
  if (!cache.has(clusterRoles) || !cache.has(clusterRoleBindings)) return;
  await Promise.all([
    ...allRoles.map(({ name, labels, rules, aggregates }) => {
      const wanted = { metadata: metadataOf(name, labels), ...(aggregates ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: 'true' } }] } } : {}), ...(rules ? { rules } : {}) };
      return reconcile<ClusterRole>(registry, clusterRoles, wanted, (draft) => {
        if (rules) draft.rules = [...(draft.rules ?? []), ...(lacking((draft.rules ?? []) as PolicyRule[], rules) as NonNullable<ClusterRole['rules']>)];
        // Selectors that someone added stay too.
        const selectors = wanted.aggregationRule?.clusterRoleSelectors ?? [];
        const known = draft.aggregationRule?.clusterRoleSelectors ?? [];
        const missing = selectors.filter((selector) => !known.some((one) => sameJson(one, selector)));
        if (missing.length > 0) draft.aggregationRule = { clusterRoleSelectors: [...known, ...missing] };
      });
    }),
    ...allBindings.map(async ({ name, role = name, subjects }) => {
      const roleRef: RoleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
      const wanted = { metadata: metadataOf(name), roleRef, ...(subjects.length > 0 ? { subjects } : {}) };
      const present = cache.get(clusterRoleBindings, { namespace: '', name });
      // A role reference cannot be changed: such a binding is made anew.
      if (present && !isProtected(present) && !sameJson(present.roleRef, roleRef)) await deleteOne(registry, requestOf(clusterRoleBindings, name, {}));
      await reconcile<ClusterRoleBinding>(registry, clusterRoleBindings, wanted, (draft) => {
        const missing = subjects.filter((subject) => !draft.subjects?.some((one) => one.kind === subject.kind && one.name === subject.name && (one.namespace ?? '') === (subject.namespace ?? '')));
        if (missing.length > 0) draft.subjects = [...(draft.subjects ?? []), ...missing];
      });
    }),
  ]);
}

function metadataOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { name, annotations: { [autoupdate]: 'true' }, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels } };
}

async function reconcile<T extends KubeObject>(registry: Registry, kind: Kind<T>, wanted: { metadata: ReturnType<typeof metadataOf> }, complete: (draft: T) => void): Promise<void> {
  const { name, labels, annotations } = wanted.metadata;
  const present = registry.cache.get(kind, { namespace: '', name });
  if (!present) return void (await create(registry, requestOf(kind, '', draftOf(wanted))));
  if (isProtected(present)) return;
  const draft = draftOf(present);
  draft.metadata.labels = { ...labels, ...draft.metadata.labels };
  draft.metadata.annotations = { ...annotations, ...draft.metadata.annotations };
  complete(draft);
  if (!sameJson(draft, present)) await update(registry, requestOf(kind, name, draft));
}

function isProtected({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[autoupdate] === 'false';
}

function requestOf<T extends KubeObject>(kind: Kind<T>, name: string, value: object): WriteRequest {
  return { kind: kind as unknown as Kind, namespace: '', name, subresource: undefined, options: {}, body: { value, isOwn: true, duplicates: [] }, patchType: undefined, user: apiServer, warnings: [] };
}
