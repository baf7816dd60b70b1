// Keeps a compiled form at what the cache holds of a kind: within each commit.
import type { Resource } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Log } from '../../base/log.ts';
import type { Cache } from '../watch/cache.ts';

/** Where the cache does not have the kind, nothing is followed. */
export function followAll<T extends KubeObject>(cache: Cache, of: Resource<T>, log: Log, set: (objects: readonly T[]) => void): void {
  if (!cache.has(of)) return;
  const renew = () => {
    try {
      set(cache.list(of));
    } catch (error) {
      log.error('configurations cannot be understood', { kind: of.kind, error });
    }
  };
  renew();
  cache.of(of).watch({ selection: { namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true }, deliver: renew }, cache.revision);
}
