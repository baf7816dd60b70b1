// The whole store, decoded, by kinds: loaded once, then fed by the store in the same breath as each commit.
import { assert } from '../../base/assert.ts';
import type { Kind, Resource } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import type { ObjectKey, ResourceName } from '../../api/request.ts';
import { encryptedPrefix, Unreadable } from '../../store/encryption/transformer.ts';
import type { Change, Revision, Store } from '../../store/store.ts';
import { OneEncoding, type Encodings } from './encodings.ts';
import { Encoding } from './item.ts';
import { KindCache, type CacheChange } from './kind-cache.ts';

interface Writing {
  readonly value: string;
  readonly object: KubeObject;
}

const root = '/registry/';

interface Unserved {
  readonly value: string;
  readonly revision: Revision;
}

export class Cache implements Disposable {
  readonly #byName = new Map<string, KindCache>();
  readonly #byPrefix = new Map<string, KindCache>();
  /** Objects that are being written here, by their key: they need not be decoded again. */
  readonly #writing = new Map<string, Writing>();
  #revision: Revision;
  #following: Disposable | undefined;

  /** What is stored of kinds that are not served, by prefix and key: they may yet be declared. */
  readonly #unserved = new Map<string, Map<string, Unserved>>();

  private constructor(kinds: readonly Kind[], revision: Revision, freeze: boolean) {
    this.#revision = revision;
    for (const kind of kinds) {
      this.#put(new KindCache(new OneEncoding(new Encoding(kind, freeze)), revision));
    }
  }

  static async load(store: Store, kinds: readonly Kind[], freeze: boolean, signal: AbortSignal): Promise<Cache> {
    const { entries, revision } = await store.list(root, {}, signal);
    const cache = new Cache(kinds, revision, freeze);
    for (const { key, value, revision } of entries) {
      if (value.startsWith(encryptedPrefix)) throw new Unreadable(key, value, new Error('identity transformer tried to read encrypted data'));
      const place = cache.#placeOf(key);
      if (place) place.of.load(place.of.encoding.item(place.namespace, place.name, value, revision));
      else cache.#keep(key, value, revision);
    }
    cache.#following = await store.follow(root, revision, (changes) => cache.#apply(changes));
    return cache;
  }

  /** The newest revision that all kinds are at. */
  get revision(): Revision {
    return this.#revision;
  }

  of(kind: ResourceName): KindCache {
    const cache = this.#byName.get(nameOf(kind));
    assert(cache, `${kind.plural} are served`);
    return cache;
  }

  /** From now on a kind is served, stored in any of `encodings`; what is there of it already is loaded. */
  add(encodings: Encodings): void {
    const cache = new KindCache(encodings, this.#revision);
    this.#put(cache);
    const prefix = prefixOf(cache.kind);
    for (const [key, { value, revision }] of this.#unserved.get(prefix) ?? []) {
      const { namespace, name } = this.#placeOf(key)!;
      cache.load(encodings.of(value, false).item(namespace, name, value, revision));
    }
    this.#unserved.delete(prefix);
  }

  /** The kind is no longer served; those who watch it are told. */
  remove(kind: Resource): void {
    const cache = this.of(kind);
    const prefix = prefixOf(kind);
    this.#byName.delete(nameOf(kind));
    this.#byPrefix.delete(prefix);
    cache.endWatchers();
    for (const item of cache.all()) this.#keep(storeKey(kind, item.namespace, item.name), item.encoding.value(item.object), item.revision);
  }

  /** All that is stored, by kinds. */
  get all(): Iterable<KindCache> {
    return this.#byName.values();
  }

  /** The stored kind of that name, whatever the version. */
  kindNamed(group: string, name: string): Kind | undefined {
    for (const { kind } of this.#byName.values()) if (kind.kind === name && kind.group === group) return kind;
    return undefined;
  }

  has(kind: ResourceName): boolean {
    return this.#byName.has(nameOf(kind));
  }

  get<T extends KubeObject>(of: Resource<T>, { namespace, name }: ObjectKey): T | undefined {
    return this.of(of).get(namespace, name)?.object as T | undefined;
  }

  list<T extends KubeObject>(of: Resource<T>, namespace?: string): readonly T[] {
    const selection = { namespace, name: undefined, filed: undefined, isWhole: true, matches: () => true };
    return this.of(of).list(selection).map((item) => item.object as T);
  }

  /**
   * While `write` gives `value` to the store, `object` is known to be what it encodes; it is from then on shared. Of two that write
   * the same key at once the second is known: what the first has written is decoded.
   */
  async writing<T>(key: string, value: string, object: KubeObject, write: () => Promise<T>): Promise<T> {
    const writing = { value, object };
    this.#writing.set(key, writing);
    try {
      return await write();
    } finally {
      if (this.#writing.get(key) === writing) this.#writing.delete(key);
    }
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]();
  }

  #apply(changes: readonly Change[]): void {
    const byKind = new Map<KindCache, CacheChange[]>();
    for (const { key, value, revision } of changes) {
      const place = this.#placeOf(key);
      if (!place) {
        this.#keep(key, value, revision);
        continue;
      }
      const { of, namespace, name } = place;
      const writing = this.#writing.get(key);
      const object = value !== null && writing?.value === value ? writing.object : undefined;
      const item = value === null ? undefined : of.encodings.of(value, object !== undefined).item(namespace, name, value, revision, object);
      const known = byKind.get(of);
      if (known) known.push({ namespace, name, revision, item });
      else byKind.set(of, [{ namespace, name, revision, item }]);
    }
    this.#revision = changes.at(-1)!.revision;
    for (const [of, ofKind] of byKind) of.apply(ofKind);
  }

  #put(cache: KindCache): void {
    this.#byName.set(nameOf(cache.kind), cache);
    this.#byPrefix.set(prefixOf(cache.kind), cache);
  }

  #keep(key: string, value: string | null, revision: Revision): void {
    const prefix = storePrefix(key);
    const kept = this.#unserved.get(prefix) ?? new Map<string, Unserved>();
    if (value !== null) this.#unserved.set(prefix, kept.set(key, { value, revision }));
    else if (kept.delete(key) && kept.size === 0) this.#unserved.delete(prefix);
  }

  #placeOf(key: string): { of: KindCache; namespace: string; name: string } | undefined {
    const prefix = storePrefix(key);
    const of = this.#byPrefix.get(prefix);
    if (!of) return undefined;
    const rest = key.slice(prefix.length);
    const slash = of.kind.namespaced ? rest.indexOf('/') : -1;
    return slash < 0 ? { of, namespace: '', name: rest } : { of, namespace: rest.slice(0, slash), name: rest.slice(slash + 1) };
  }
}

/** Where the store keeps an object. */
export function storeKey(kind: Resource, namespace: string, name: string): string {
  return namespace ? `${prefixOf(kind)}${namespace}/${name}` : `${prefixOf(kind)}${name}`;
}

function prefixOf(kind: Resource): string {
  return `${root}${kind.group || 'core'}/${kind.plural}/`;
}

/** Of what kind an object is that lies under a key: `/registry/GROUP/PLURAL/`, of core for the group without a name. */
export function storePrefix(key: string): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/', root.length) + 1) + 1);
}

function nameOf(kind: ResourceName): string {
  return `${kind.group}/${kind.plural}`;
}
