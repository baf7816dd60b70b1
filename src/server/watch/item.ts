// A stored object as the cache holds it: its text as the store has it, and the object for as long as someone has it.
//
// Those who follow a kind in process hold its objects themselves, so to hold them here too costs nothing; objects that nobody
// holds, though, are twice as large as their text, and most are never looked at again. So the cache refers to them weakly.
//
// The JSON of an object begins with a prefix that is the same for all of its kind and ends inside metadata:
//   {"kind":"Pod","apiVersion":"v1","metadata":{ | "name":"web", … }, … }
// At the bar the resourceVersion is spliced in as it goes out: it is known only once the object has been stored, and so text and
// store share one string. A string is one thing for the garbage collector and nothing to look into. A buffer would be four, and V8
// marks the whole heap whenever 64 MB of buffers have been made, however large the heap: with 150,000 Pods, half of all the time.
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
  /** As stored: JSON without resourceVersion. */
  readonly text: string;
  /** Of `text` in UTF-8; 0: nobody has asked. */
  #textBytes = 0;
  #encoded: Buffer | undefined;
  #message: Buffer | undefined;
  /** The value by which its kind files it, once someone has asked. */
  filedUnder: string | undefined;
  /** How it is written; its kind is the one, and of the version, in which it was stored. */
  readonly encoding: Encoding;
  /** The object while the item itself holds it: until `settle`, or always in what `opened` gives. */
  #held: KubeObject | undefined;
  #isShown = false;
  /** What was shown while it was held, or decoded since. */
  #shared: WeakRef<KubeObject> | undefined;

  constructor(encoding: Encoding, namespace: string, name: string, revision: Revision, text: string, object: KubeObject | undefined) {
    this.namespace = namespace;
    this.name = name;
    this.sortKey = `${namespace}/${name}`;
    this.revision = revision;
    this.text = text;
    this.encoding = encoding;
    this.#held = object;
  }

  /** The whole object as JSON, resourceVersion included. */
  get json(): string {
    const { prefix } = this.encoding;
    return prefix + spliceOf(this.revision) + this.text.slice(prefix.length);
  }

  /** Of `json` in UTF-8. */
  get jsonBytes(): number {
    return this.#bytes + spliceOf(this.revision).length;
  }

  /** `json` in UTF-8. */
  encode(): Buffer {
    const buffer = Buffer.allocUnsafe(this.jsonBytes);
    this.writeJson(buffer, 0);
    return buffer;
  }

  /** The same for one that may be asked for again soon: those asked for last are kept. */
  encoded(): Buffer {
    if (this.#encoded) return this.#encoded;
    const buffer = this.encode();
    if (buffer.length > largestKept) return buffer;
    const forgotten = this.encoding.served.put(this);
    if (forgotten) forgotten.#encoded = undefined;
    return (this.#encoded = buffer);
  }

  /** The object in protobuf, of which the cache knows nothing: `make` is the same for all who ask. Those asked for last are kept. */
  message(make: (object: KubeObject) => Buffer): Buffer {
    if (this.#message) return this.#message;
    const message = this.peek(make);
    if (message.length > largestKept) return message;
    const forgotten = this.encoding.told.put(this);
    if (forgotten) forgotten.#message = undefined;
    return (this.#message = message);
  }

  /** Writes `json` there, in UTF-8, and gives the place after it. There must be room for it. */
  writeJson(to: Buffer, at: number): number {
    const { text } = this;
    const splice = spliceOf(this.revision);
    const bytes = this.#bytes;
    // Text that is all ASCII, as nearly all is, need not be encoded. Its prefix comes too far back and is written over.
    to.write(text, at + splice.length, bytes === text.length ? 'latin1' : 'utf8');
    to.write(this.encoding.prefix + splice, at, 'latin1');
    return at + splice.length + bytes;
  }

  get #bytes(): number {
    return (this.#textBytes ||= Buffer.byteLength(this.text));
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

  /** It has been replaced: whoever still asks for the object, for history's sake, gets it decoded. What is referred to weakly is not collected while young. */
  supersede(): void {
    this.#shared = undefined;
  }

  /**
   * The same item for one write, which looks at the object and is done with it. Objects that are referred to weakly outlive
   * the collections of young garbage: those that nobody else needs had better not be.
   */
  opened(): Item {
    return new Item(this.encoding, this.namespace, this.name, this.revision, this.text, this.#held ?? this.#shared?.deref() ?? this.#decode());
  }

  #decode(): KubeObject {
    return this.encoding.share(JSON.parse(this.json) as KubeObject);
  }
}

/** Of each kind so many objects at most, none of them larger. */
const mostKept = 64;
const largestKept = 16 * 1024;

/** The last few that were put in. */
class Ring<T> {
  readonly #entries: (T | undefined)[] = [];
  #next = 0;

  /** Gives the one that has to go for it. */
  put(entry: T): T | undefined {
    const before = this.#entries[this.#next];
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % mostKept;
    return before;
  }
}

/** How the objects of one kind are written. */
export class Encoding {
  readonly kind: Kind;
  readonly served = new Ring<Item>();
  readonly told = new Ring<Item>();
  readonly #apiVersion: string;
  /** What the text of all its objects begins with; ASCII. */
  readonly prefix: string;
  readonly #freeze: boolean;

  /** `freeze`: shared objects are frozen through and through, so that a test sees a change to one where it is made. */
  constructor(kind: Kind, freeze: boolean) {
    this.kind = kind;
    this.#apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
    this.prefix = `{"kind":"${kind.kind}","apiVersion":"${this.#apiVersion}","metadata":{`;
    this.#freeze = freeze;
  }

  /** What the store gets: metadata right after kind and apiVersion, and no resourceVersion. */
  value(object: KubeObject): string {
    const metadata = { ...object.metadata, resourceVersion: undefined };
    // The first three decide the order; what the object itself says of them is overwritten.
    const ordered: object = Object.assign({ kind: '', apiVersion: '', metadata }, object, { kind: this.kind.kind, apiVersion: this.#apiVersion, metadata });
    const text = JSON.stringify(ordered);
    assert(text.startsWith(this.prefix), 'an object is stored as its kind');
    return text;
  }

  /** Whether a stored value is of this kind and version. */
  wrote(value: string): boolean {
    return value.startsWith(this.prefix);
  }

  /** The same stored object under another encoding of the same version. */
  again(item: Item): Item {
    return new Item(this, item.namespace, item.name, item.revision, item.text, undefined);
  }

  /** The item of a stored value. `object`, when it is at hand, is the value decoded; it is given its resourceVersion, unless it is shared already and has it. */
  item(namespace: string, name: string, value: string, revision: Revision, object?: KubeObject): Item {
    if (object && !Object.isFrozen(object)) {
      object.kind = this.kind.kind;
      object.apiVersion = this.#apiVersion;
      if (revision !== 0) object.metadata.resourceVersion = String(revision);
      this.share(object);
    }
    return new Item(this, namespace, name, revision, value, object);
  }

  /** The same object under another revision: that of its deletion, as a DELETED event shows it. */
  atRevision(item: Item, revision: Revision): Item {
    return new Item(this, item.namespace, item.name, revision, item.text, undefined);
  }

  share<T>(object: T): T {
    return this.#freeze ? deepFreeze(object) : object;
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
