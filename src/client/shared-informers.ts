// One informer for each collection and selector, however many parts of the process look at it.
import { assert } from '../base/assert.ts';
import type { Resource } from '../api/kind.ts';
import type { KubeObject } from '../api/types.ts';
import type { Runnable } from '../base/runnable.ts';
import type { Client } from './client.ts';
import { createInformer, type InformerDeps, type InformerOptions } from './create-informer.ts';
import type { Informer } from './informer.ts';

export interface SharedInformers extends Runnable {
  /** The same informer for the same resource and selectors, run by `run`; may be asked for before and after that. */
  of<T extends KubeObject>(resource: Resource<T>, options?: InformerOptions<T>): Informer<T>;
  /** The collections whose first list has not come yet. */
  readonly unsynced: readonly string[];
}

export function createSharedInformers(deps: InformerDeps & { readonly client: Client }): SharedInformers {
  const informers = new Map<string, Informer<KubeObject>>();
  let start: ((informer: Informer<KubeObject>) => void) | undefined;

  return {
    name: 'informers',
    of<T extends KubeObject>(resource: Resource<T>, options: InformerOptions<T> = {}): Informer<T> {
      const { namespace = '', labelSelector = '', fieldSelector = '' } = options;
      const key = [resource.group, resource.version, resource.plural, namespace, labelSelector, fieldSelector].join('|');
      let informer = informers.get(key) as Informer<T> | undefined;
      if (!informer) {
        informer = createInformer(deps.client, resource, options, deps);
        informers.set(key, informer as unknown as Informer<KubeObject>);
        start?.(informer as unknown as Informer<KubeObject>);
      } else if (options.indexes) {
        informer.addIndexes(options.indexes);
      }
      return informer;
    },
    get unsynced() {
      return [...informers].filter(([, { hasSynced }]) => !hasSynced).map(([key]) => key.split('|').slice(0, 3).filter(Boolean).join('/'));
    },
    async run(signal) {
      assert(!start, 'shared informers run once');
      const running: Promise<void>[] = [];
      start = (informer) => void running.push(informer.run(signal));
      for (const informer of informers.values()) start(informer);
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.all(running);
    },
  };
}
