// What the cache knows of how much a request is about. Costs nothing that the request would not cost anyway.
import type { Cache } from '../watch/cache.ts';
import type { Amounts } from './work.ts';

/** Of what is not stored here (views of elsewhere, other servers' APIs) nothing is known: such a request is taken for a small one, as upstream. */
export function amountsIn(cache: Cache): Amounts {
  return {
    objects({ resource, namespace, options: { fieldSelector } }) {
      if (!cache.has(resource)) return 0;
      const of = cache.of(resource);
      const { filedBy } = of.kind;
      // By the field under which they are filed only those are looked at that are wanted: a node's Pods.
      if (filedBy !== undefined && fieldSelector?.includes(`${filedBy}=`)) return 0;
      return of.sizeIn(namespace || undefined);
    },
    watchers: ({ resource }) => (cache.has(resource) ? cache.of(resource).wideWatchers : 0),
  };
}
