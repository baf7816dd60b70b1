// The ConfigMaps, Secrets, claims and volumes that this node's Pods refer to: each is watched alone, for as long as a Pod needs it.
import { configMaps } from '../../api/kinds/config-map.ts';
import { persistentVolumeClaims } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes } from '../../api/kinds/persistent-volume.ts';
import { secrets } from '../../api/kinds/secret.ts';
import type { Resource } from '../../api/kind.ts';
import type { ConfigMap, KubeObject, PersistentVolume, PersistentVolumeClaim, Secret } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';
import { createInformer, type InformerDeps } from '../../client/create-informer.ts';
import type { Informer } from '../../client/informer.ts';

/** What one Pod holds on to; disposing it lets go of all. */
export interface PodReferences extends Disposable {
  /** The object as it is now, once it has first been looked for; undefined: there is none. */
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  persistentVolumeClaim(name: string): Promise<PersistentVolumeClaim | undefined>;
  persistentVolume(name: string): Promise<PersistentVolume | undefined>;
}

export interface References {
  /** `changed` is called whenever one of the objects asked for through the result has changed after it was first given. */
  forPod(namespace: string, changed: () => void): PodReferences;
  /** Ends all watches; resolves when they have ended. */
  close(): Promise<void>;
}

interface Shared {
  readonly informer: Informer<KubeObject>;
  readonly ended: Promise<void>;
  readonly stop: AbortController;
  holders: number;
}

export function createReferences(client: Client, deps: InformerDeps): References {
  const shared = new Map<string, Shared>();

  function hold(resource: Resource<KubeObject>, namespace: string, name: string): Disposable & { readonly informer: Informer<KubeObject> } {
    const key = `${resource.plural}/${namespace}/${name}`;
    let one = shared.get(key);
    if (!one) {
      const informer = createInformer(client, resource, { namespace, fieldSelector: `metadata.name=${name}` }, deps);
      const stop = new AbortController();
      const ended = informer.run(stop.signal).catch(() => {});
      one = { informer, ended, stop, holders: 0 };
      shared.set(key, one);
    }
    const held = one;
    held.holders++;
    let released = false;
    return {
      informer: held.informer,
      [Symbol.dispose]() {
        if (released) return;
        released = true;
        if (--held.holders > 0) return;
        shared.delete(key);
        held.stop.abort();
      },
    };
  }

  return {
    forPod(namespace, changed) {
      const held = new Map<string, { informer: Informer<KubeObject>; release: () => void }>();
      async function get<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T | undefined> {
        const key = `${resource.plural}/${name}`;
        const within = resource.namespaced ? namespace : '';
        let one = held.get(key);
        if (!one) {
          const shares = hold(resource as unknown as Resource<KubeObject>, within, name);
          let listener: Disposable | undefined;
          const { informer } = shares;
          one = { informer, release: () => (listener?.[Symbol.dispose](), shares[Symbol.dispose]()) };
          held.set(key, one);
          await informer.synced;
          let replaying = true;
          if (held.has(key)) listener = informer.onChange(() => replaying || changed());
          replaying = false;
        }
        await one.informer.synced;
        return one.informer.get({ namespace: within, name }) as T | undefined;
      }
      return {
        configMap: (name) => get(configMaps, name),
        secret: (name) => get(secrets, name),
        persistentVolumeClaim: (name) => get(persistentVolumeClaims, name),
        persistentVolume: (name) => get(persistentVolumes, name),
        [Symbol.dispose]() {
          for (const { release } of held.values()) release();
          held.clear();
        },
      };
    },
    async close() {
      const all = [...shared.values()];
      shared.clear();
      for (const { stop } of all) stop.abort();
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
}
