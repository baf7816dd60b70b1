// A stored object as the cache holds it: its bytes as they go over the wire, and the object for as long as someone has it.
//
// Those who follow a kind in process hold its objects themselves, so to hold them here too costs nothing; objects that nobody
// holds, though, are twice as large as their bytes, and most are never looked at again. So the cache refers to them weakly.
//
// In the store the JSON of an object begins with a prefix that is the same for all of its kind and ends inside metadata:
//   {"kind":"Pod","apiVersion":"v1","metadata":{ | "name":"web", … }, … }
// At the bar the resourceVersion is spliced in, which is known only once the object has been stored.
import { assert } from '../../base/assert.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Revision } from '../../store/store.ts';

export class Item {
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`: the order of lists. */
  readonly sortKey: string;
  /** 0: it was never stored (the answer to a dry run). */
  readonly revision: Revision;
  /** The whole object as JSON, resourceVersion included. */
  readonly bytes: Buffer;
  /** The value by which its kind files it, once someone has asked. */
  filedUnder: string | undefined;
  /** How it is written; its kind is the one, and of the version, in which it was stored. */
  readonly encoding: Encoding;
  /** The object while the item itself holds it: until `settle`, or always in what `opened` gives. */
  #held: KubeObject | undefined;
  #isShown = false;
  /** What was shown while it was held, or decoded since. */
  #shared: WeakRef<KubeObject> | undefined;

  constructor(encoding: Encoding, namespace: string, name: string, revision: Revision, bytes: Buffer, object: KubeObject | undefined) {
    this.namespace = namespace;
    this.name = name;
    this.sortKey = `${namespace}/${name}`;
    this.revision = revision;
    this.bytes = bytes;
    this.encoding = encoding;
    this.#held = object;
  }

  /** Shared, so not to be changed; the same one for all who hold it at the same time. */
  get object(): KubeObject {
    this.#isShown = true;
    if (this.#held) return this.#held;
    let object = this.#shared?.deref();
    if (!object) this.#shared = new WeakRef((object = this.#decode()));
    return object;
  }

  /** What `read` finds in the object; it is not thereby held any longer. */
  peek<T>(read: (object: KubeObject) => T): T {
    return read(this.#held ?? this.#shared?.deref() ?? this.#decode());
  }

  /** Everyone who is told of the write has been told: from now on the object lives as long as one of them holds it. */
  settle(): void {
    if (this.#held && this.#isShown) this.#shared = new WeakRef(this.#held);
    this.#held = undefined;
  }

  /**
   * The same item for one write, which looks at the object and is done with it. Objects that are referred to weakly outlive
   * the collections of young garbage: those that nobody else needs had better not be.
   */
  opened(): Item {
    return new Item(this.encoding, this.namespace, this.name, this.revision, this.bytes, this.#held ?? this.#shared?.deref() ?? this.#decode());
  }

  #decode(): KubeObject {
    return this.encoding.share(JSON.parse(this.bytes.toString()) as KubeObject);
  }
}

/** How the objects of one kind are written. */
export class Encoding {
  readonly kind: Kind;
  readonly #apiVersion: string;
  readonly #prefix: string;
  readonly #prefixBytes: number;
  readonly #prefixBuffer: Buffer;
  readonly #freeze: boolean;

  /** `freeze`: shared objects are frozen through and through, so that a test sees a change to one where it is made. */
  constructor(kind: Kind, freeze: boolean) {
    this.kind = kind;
    this.#apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
    this.#prefix = `{"kind":"${kind.kind}","apiVersion":"${this.#apiVersion}","metadata":{`;
    this.#prefixBuffer = Buffer.from(this.#prefix);
    this.#prefixBytes = this.#prefixBuffer.length;
    this.#freeze = freeze;
  }

  /** What the store gets: metadata right after kind and apiVersion, and no resourceVersion. */
  value(object: KubeObject): Buffer {
    const metadata = { ...object.metadata, resourceVersion: undefined };
    // The first three decide the order; what the object itself says of them is overwritten.
    const ordered: object = Object.assign({ kind: '', apiVersion: '', metadata }, object, { kind: this.kind.kind, apiVersion: this.#apiVersion, metadata });
    const text = JSON.stringify(ordered);
    assert(text.startsWith(this.#prefix), 'an object is stored as its kind');
    return Buffer.from(text);
  }

  /** Whether a stored value is of this kind and version. */
  wrote(value: Uint8Array): boolean {
    return value.byteLength >= this.#prefixBytes && Buffer.from(value.buffer, value.byteOffset, this.#prefixBytes).equals(this.#prefixBuffer);
  }

  /** The same stored object under another encoding of the same version. */
  again(item: Item): Item {
    return new Item(this, item.namespace, item.name, item.revision, item.bytes, undefined);
  }

  /** The item of a stored value. `object`, when it is at hand, is the value decoded; it is given its resourceVersion. */
  item(namespace: string, name: string, value: Uint8Array, revision: Revision, object?: KubeObject): Item {
    if (object) {
      object.kind = this.kind.kind;
      object.apiVersion = this.#apiVersion;
      if (revision !== 0) object.metadata.resourceVersion = String(revision);
      this.share(object);
    }
    return new Item(this, namespace, name, revision, this.#spliced(value, this.#prefixBytes, revision), object);
  }

  /** The same object under another revision: that of its deletion, as a DELETED event shows it. */
  atRevision(item: Item, revision: Revision): Item {
    const end = this.#prefixBytes + spliceOf(item.revision).length;
    return new Item(this, item.namespace, item.name, revision, this.#spliced(item.bytes, end, revision), undefined);
  }

  share<T>(object: T): T {
    return this.#freeze ? deepFreeze(object) : object;
  }

  /** The prefix, the resourceVersion, and what follows `from` in `source`. */
  #spliced(source: Uint8Array, from: number, revision: Revision): Buffer {
    const splice = spliceOf(revision);
    const start = this.#prefixBytes + splice.length;
    const bytes = Buffer.allocUnsafeSlow(start + source.byteLength - from);
    bytes.set(source.subarray(0, this.#prefixBytes));
    bytes.write(splice, this.#prefixBytes, 'latin1');
    bytes.set(source.subarray(from), start);
    return bytes;
  }
}

function spliceOf(revision: Revision): string {
  return revision === 0 ? '' : `"resourceVersion":"${revision}",`;
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
