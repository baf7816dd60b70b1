// Follows the objects of all kinds that are not this server's own, whichever there are: an informer for each definition that is
// established, which ends with it, and for each kind that another server serves. Only for those who must know of every object, as the garbage collector must.
import { resourceOf } from '../api/custom/definition.ts';
import type { Resource } from '../api/kind.ts';
import type { CustomResourceDefinition, KubeObject } from '../api/types.ts';
import type { Runnable } from '../base/runnable.ts';
import type { Client } from '../client/client.ts';
import { createInformer, type InformerDeps } from '../client/create-informer.ts';
import type { AggregatedResources } from './aggregated-resources.ts';
import type { Informer } from '../client/informer.ts';

/** Marks the names of those that other servers serve. */
const elsewhere = ' elsewhere';

type Listener = (resource: Resource, before: KubeObject | undefined, after: KubeObject | undefined) => void;

export interface CustomInformers extends Runnable {
  /** Resolves once all objects of the kinds that were there at the start are in. */
  readonly synced: Promise<void>;
  all(): readonly Resource[];
  find(group: string, kind: string): Resource | undefined;
  /** What is known of a kind's objects in a namespace. */
  list(resource: Resource, namespace: string): readonly KubeObject[];
  /** Of objects of all custom kinds; one that comes late is told of all that are there. */
  onChange(listener: Listener): Disposable;
}

interface Followed {
  readonly resource: Resource;
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export function createCustomInformers(definitions: Informer<CustomResourceDefinition>, aggregated: AggregatedResources, client: Client, deps: InformerDeps): CustomInformers {
  const followed = new Map<string, Followed>();
  const listeners = new Set<Listener>();

  function follow(resource: Resource, signal: AbortSignal): Followed {
    const stop = new AbortController();
    const informer = createInformer(client, resource, {}, deps);
    informer.onChange((before, after) => {
      for (const listener of listeners) listener(resource, before, after);
    });
    return { resource, informer, stop, ended: informer.run(AbortSignal.any([stop.signal, signal])) };
  }

  /** What it knew of is told to be gone: whoever wants to be sure asks the API. */
  function end(name: string): void {
    const { informer, resource, stop } = followed.get(name)!;
    followed.delete(name);
    stop.abort();
    for (const object of informer.list()) for (const listener of listeners) listener(resource, object, undefined);
  }

  function changed(name: string, resource: Resource | undefined, signal: AbortSignal): void {
    const before = followed.get(name);
    if (before && (!resource || before.resource.version !== resource.version || before.resource.namespaced !== resource.namespaced)) end(name);
    if (resource && !followed.has(name)) followed.set(name, follow(resource, signal));
  }

  function followAggregated(signal: AbortSignal): void {
    const now = new Map(aggregated.all.map((resource) => [`${resource.plural}.${resource.version}.${resource.group}${elsewhere}`, resource]));
    for (const name of followed.keys()) if (name.endsWith(elsewhere) && !now.has(name)) end(name);
    for (const [name, resource] of now) changed(name, resource, signal);
  }

  let isReady: () => void;
  const started = new Promise<void>((resolve) => (isReady = resolve));
  return {
    name: 'custom-informers',
    synced: started.then(() => Promise.all([...followed.values()].map(({ informer, ended }) => Promise.race([informer.synced, ended])))).then(() => undefined),
    all: () => [...followed.values()].map(({ resource }) => resource),
    find: (group, kind) => [...followed.values()].find(({ resource }) => resource.group === group && resource.kind === kind)?.resource,
    list: ({ plural, version, group }, namespace) => (followed.get(`${plural}.${group}`) ?? followed.get(`${plural}.${version}.${group}${elsewhere}`))?.informer.list(namespace) ?? [],
    onChange(listener) {
      listeners.add(listener);
      for (const { resource, informer } of followed.values()) for (const object of informer.list()) listener(resource, undefined, object);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async run(signal) {
      const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
      await Promise.race([definitions.synced, aborted]);
      if (!signal.aborted) {
        using _following = definitions.onChange((before, after) => changed((after ?? before)!.metadata.name, after && resourceOf(after), signal));
        using _aggregated = aggregated.onChange(() => followAggregated(signal));
        followAggregated(signal);
        isReady();
        await aborted;
      }
      await Promise.all([...followed.values()].map(({ ended }) => ended));
    },
  };
}
