// Who is given what by roles and bindings: kept as they are written, so that a request costs a look-up for its user and
// one for each of its groups. What it holds is as much as the bindings themselves say.
import type { UserInfo } from '../../api/kind.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject } from '../../api/types.ts';
import type { Access } from './access.ts';
import { allows, isPath, type PolicyRule } from './policy-rule.ts';

/** One binding, seen from one of its subjects. */
export interface Bound {
  /** '' for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly roleRef: RoleRef;
  /** `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"` */
  readonly reason: string;
}

type BySubject = Map<string, Set<Bound>>;
type AnyBinding = RoleBinding | ClusterRoleBinding;

export class RoleIndex {
  /** Rules by `NAMESPACE/NAME` of a Role, `/NAME` of a ClusterRole. */
  readonly #rules = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, readonly { readonly subject: string; readonly bound: Bound }[]>();
  /** By namespace, '' for all of them; then by subject, a user's name or `GROUP` and a group's. */
  readonly #bound = new Map<string, BySubject>();

  putRole({ metadata, rules }: Role | ClusterRole): void {
    this.#rules.set(`${metadata.namespace ?? ''}/${metadata.name}`, (rules ?? []) as readonly PolicyRule[]);
  }

  removeRole({ metadata }: Role | ClusterRole): void {
    this.#rules.delete(`${metadata.namespace ?? ''}/${metadata.name}`);
  }

  putBinding(binding: AnyBinding): void {
    this.removeBinding(binding);
    const { metadata, roleRef, subjects = [] } = binding;
    const namespace = metadata.namespace ?? '';
    const what = namespace ? `RoleBinding ${JSON.stringify(`${metadata.name}/${namespace}`)}` : `ClusterRoleBinding ${JSON.stringify(metadata.name)}`;
    const entries = subjects.flatMap((subject) => {
      const key = subjectKey(subject, namespace);
      if (key === undefined) return [];
      const reason = `RBAC: allowed by ${what} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subjectText(subject, namespace)}`;
      return [{ subject: key, bound: Object.freeze({ namespace, roleRef, reason }) }];
    });
    this.#bindings.set(`${namespace}/${metadata.name}`, entries);
    const within = this.#bound.get(namespace) ?? new Map<string, Set<Bound>>();
    this.#bound.set(namespace, within);
    for (const { subject, bound } of entries) {
      const known = within.get(subject);
      if (known) known.add(bound);
      else within.set(subject, new Set([bound]));
    }
  }

  removeBinding({ metadata }: AnyBinding): void {
    const namespace = metadata.namespace ?? '';
    const key = `${namespace}/${metadata.name}`;
    const within = this.#bound.get(namespace);
    for (const { subject, bound } of this.#bindings.get(key) ?? []) {
      const known = within?.get(subject);
      known?.delete(bound);
      if (known?.size === 0) within!.delete(subject);
    }
    if (within?.size === 0) this.#bound.delete(namespace);
    this.#bindings.delete(key);
  }

  /** The binding that allows it; `missed` is told of roles that are bound and not there. */
  allowing(access: Access, missed: (reference: RoleRef) => void): Bound | undefined {
    for (const bound of this.#boundTo(access.user, isPath(access) ? '' : (access.namespace ?? ''))) {
      const rules = this.rulesOf(bound.roleRef, bound.namespace);
      if (!rules) missed(bound.roleRef);
      else if (rules.some((rule) => allows(rule, access))) return bound;
    }
    return undefined;
  }

  /** All that the user is given in a namespace, what it is given everywhere first. */
  rulesFor(user: UserInfo, namespace: string, missed: (reference: RoleRef) => void): PolicyRule[] {
    return [...this.#boundTo(user, namespace)].flatMap(({ roleRef, namespace }) => {
      const rules = this.rulesOf(roleRef, namespace);
      if (!rules) missed(roleRef);
      return rules ?? [];
    });
  }

  /** Undefined: there is no such role. */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#rules.get(kind === 'ClusterRole' ? `/${name}` : `${namespace}/${name}`);
  }

  *#boundTo({ username, groups }: UserInfo, namespace: string): Generator<Bound> {
    for (const within of [this.#bound.get(''), namespace ? this.#bound.get(namespace) : undefined]) {
      if (!within) continue;
      yield* within.get(username) ?? none;
      for (const group of groups) yield* within.get(groupPrefix + group) ?? none;
    }
  }
}

const none: readonly Bound[] = [];
/** No user's name can begin so: it has a NUL in it, which neither certificates nor headers carry. */
const groupPrefix = '\0';

function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string | undefined {
  if (kind === 'User') return name;
  if (kind === 'Group') return groupPrefix + name;
  const within = namespace || bindingNamespace;
  return kind === 'ServiceAccount' && within ? `system:serviceaccount:${within}:${name}` : undefined;
}

function subjectText({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return `${kind} ${JSON.stringify(kind === 'ServiceAccount' ? `${name}/${namespace || bindingNamespace}` : name)}`;
}
