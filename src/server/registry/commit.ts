// The only place that writes to the store.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { draftOf } from '../../api/meta.ts';
import type { KubeObject } from '../../api/types.ts';
import { Conflict, type Revision } from '../../store/store.ts';
import { storeKey } from '../watch/cache.ts';
import type { Item } from '../watch/item.ts';
import type { Registry } from './registry.ts';
import { storedForm } from './versions.ts';

/** A write that was accepted is not called back when its client goes away. */
const never = new AbortController().signal;

/**
 * Stores `draft`, which from then on belongs to the cache, in the place of `before`. Throws store Conflict when another
 * write came first. A dry run only gives the item that would have been.
 */
export async function put(registry: Registry, kind: Kind, before: Item | undefined, draft: KubeObject, dryRun: boolean): Promise<Item> {
  const { namespace = '', name } = draft.metadata;
  if (kind.custom) return putVersion(registry, kind, before, draft, dryRun);
  const cache = registry.cache.of(kind);
  const value = cache.encoding.value(draft);
  if (isTooLarge(value)) throw ApiError.tooLarge(largestObjectBytes);
  if (dryRun) return cache.encoding.item(namespace, name, value, before?.revision ?? 0, draft);
  const key = storeKey(kind, namespace, name);
  const revision = await registry.cache.writing(key, value, draft, () => swap(registry, key, before?.revision ?? 0, value));
  // Not the cache's own item, which lets go of the object: whoever asked for the write is about to look at it.
  return cache.encoding.item(namespace, name, value, revision, draft);
}

/** The same for a custom object, which is stored in one version, whichever it is written in. */
async function putVersion(registry: Registry, kind: Kind, before: Item | undefined, draft: KubeObject, dryRun: boolean): Promise<Item> {
  const { namespace = '', name } = draft.metadata;
  const cache = registry.cache.of(kind);
  const shown = cache.encodings.shown(kind);
  const { stored } = cache.encodings;
  const form = await storedForm(registry, kind, stored.kind, draft);
  const value = stored.value(form);
  if (isTooLarge(value)) throw ApiError.tooLarge(largestObjectBytes);
  if (dryRun) return shown.item(namespace, name, shown.value(draft), before?.revision ?? 0, draft);
  const key = storeKey(kind, namespace, name);
  const revision = await registry.cache.writing(key, value, form, () => swap(registry, key, before?.revision ?? 0, value));
  if (form === draft) return stored.item(namespace, name, value, revision, form);
  return shown.item(namespace, name, shown.value(draft), revision, draftOf(draft));
}

/** Counts bytes only where there may be too many. */
function isTooLarge(value: string): boolean {
  return value.length * 3 > largestObjectBytes && Buffer.byteLength(value) > largestObjectBytes;
}

/** Removes an object, and gives the revision of its end. Throws store Conflict. */
export async function remove(registry: Registry, kind: Kind, item: Item, dryRun: boolean): Promise<Revision> {
  if (dryRun) return item.revision;
  return swap(registry, storeKey(kind, item.namespace, item.name), item.revision, null);
}

async function swap({ store, writeFailed }: Registry, key: string, expected: Revision, value: string | null): Promise<Revision> {
  try {
    return await store.swap(key, expected, value, never);
  } catch (error) {
    writeFailed?.(error);
    throw error;
  }
}

/** An object may come to more than a request's body did, through patches. */
const largestObjectBytes = 3 * 1024 * 1024;

const attempts = 5;

/**
 * Does `write` on the key when no other write to it is under way, and again (from reading on) when another server was
 * faster. A write that insists on a revision throws ApiError itself and is not repeated.
 */
export function exclusively<T>(registry: Registry, kind: Kind, namespace: string, name: string, write: () => Promise<T>): Promise<T> {
  return registry.keyQueue.run(storeKey(kind, namespace, name), async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        if (attempt === attempts) throw ApiError.modified(kind, name);
      }
    }
  });
}
