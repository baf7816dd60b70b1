// Decides what becomes of an Event, as Kubernetes' event correlator: the same one again only counts up, very many alike
// become one "combined" Event, and an object that floods is silenced.

export interface Reference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}

export interface Occurrence {
  readonly about: Reference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** One Event object of the API and how often it happened. */
export interface Record {
  name: string;
  readonly occurrence: Occurrence;
  readonly firstMs: number;
  /** The newest, where several were combined. */
  message: string;
  lastMs: number;
  count: number;
}

/** At most this many of each kind of memory are kept; the one used longest ago is forgotten first. */
const memory = 4096;
/** So many different messages for one object and reason stand alone within the window; those that follow are combined. */
const standAlone = 9;
const combineWindowMs = 600_000;
/** Events of one source about one object: a burst of 25, then one in five minutes. */
const burst = 25;
const refillMs = 300_000;

export class EventCorrelator {
  readonly #records = new Recent<Record>(memory);
  readonly #groups = new Recent<{ messages: Set<string>; lastMs: number }>(memory);
  readonly #buckets = new Recent<{ tokens: number; atMs: number }>(memory);

  /** The record that this occurrence is counted on; undefined: silenced. */
  observe(occurrence: Occurrence, nowMs: number): Record | undefined {
    if (!this.#admit(objectKey(occurrence.about), nowMs)) return undefined;
    const { key, message } = this.#combine(occurrence, nowMs);
    const before = this.#records.get(key);
    if (before) {
      before.count++;
      before.lastMs = nowMs;
      before.message = message;
      return before;
    }
    const record = { name: eventName(occurrence.about, nowMs, this.#records.made), occurrence, message, firstMs: nowMs, lastMs: nowMs, count: 1 };
    this.#records.set(key, record);
    return record;
  }

  #admit(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    if (!bucket) {
      this.#buckets.set(key, { tokens: burst - 1, atMs: nowMs });
      return true;
    }
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) / refillMs);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #combine(occurrence: Occurrence, nowMs: number): { key: string; message: string } {
    const { about, type, reason, message } = occurrence;
    const groupKey = `${objectKey(about)}|${about.fieldPath ?? ''}|${type}|${reason}`;
    let group = this.#groups.get(groupKey);
    if (!group || nowMs - group.lastMs > combineWindowMs) this.#groups.set(groupKey, (group = { messages: new Set(), lastMs: nowMs }));
    group.lastMs = nowMs;
    if (group.messages.size < standAlone) group.messages.add(message);
    if (group.messages.has(message)) return { key: `${groupKey}|${message}`, message };
    return { key: groupKey, message: `(combined from similar events): ${message}` };
  }
}

function objectKey({ apiVersion, kind, namespace, name, uid }: Reference): string {
  return `${apiVersion}|${kind}|${namespace}|${name}|${uid}`;
}

/** The object's name, a dot, and the time in nanoseconds in hexadecimal; a counter takes the place of what a millisecond hides. */
function eventName({ name }: Reference, nowMs: number, made: number): string {
  const nanoseconds = BigInt(Math.floor(nowMs)) * 1_000_000n + BigInt(made % 1_000_000);
  return `${name}.${nanoseconds.toString(16)}`;
}

/** A map that forgets the entry used longest ago when it is full. */
class Recent<V> {
  readonly #entries = new Map<string, V>();
  readonly #capacity: number;
  /** How many entries were ever made. */
  made = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.made++;
    this.#entries.delete(key);
    if (this.#entries.size >= this.#capacity) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(key, value);
  }
}

/** A nanosecond later. */
export function nameAfter(name: string): string {
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}.${(BigInt(`0x${name.slice(dot + 1)}`) + 1n).toString(16)}`;
}
