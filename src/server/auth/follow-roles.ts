// Keeps a RoleIndex at what the cache holds: within each commit, so that a decision is never older than the newest write.
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../api/kinds/index.ts';
import type { Resource } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Cache } from '../watch/cache.ts';
import type { RoleIndex } from './role-index.ts';

/** Of a kind that the cache does not have, nothing is followed. */
export function followRoles(cache: Cache, index: RoleIndex): void {
  follow(cache, clusterRoles, (role) => index.putRole(role), (role) => index.removeRole(role));
  follow(cache, roles, (role) => index.putRole(role), (role) => index.removeRole(role));
  follow(cache, clusterRoleBindings, (binding) => index.putBinding(binding), (binding) => index.removeBinding(binding));
  follow(cache, roleBindings, (binding) => index.putBinding(binding), (binding) => index.removeBinding(binding));
}

/** `put` and `remove` are told of what there is, and of each commit's changes within it. */
export function follow<T extends KubeObject>(cache: Cache, of: Resource<T>, put: (object: T) => void, remove: (object: T) => void): void {
  if (!cache.has(of)) return;
  const selection = { namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true };
  for (const object of cache.list(of)) put(object);
  cache.of(of).watch(
    {
      selection,
      deliver({ notes }) {
        for (const { type, item } of notes) (type === 'DELETED' ? remove : put)(item.object as T);
      },
    },
    cache.revision,
  );
}
