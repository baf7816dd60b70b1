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
  /** The API has it. */
  isSent: boolean;
}

/** What is told of one object for one reason. */
interface Group {
  lastMs: number;
  /** Its windows are numbered; a message stands alone in those in which it came early enough. */
  window: number;
  standing: number;
  /** One for each message, oldest first. */
  readonly alone: { readonly record: Record; window: number }[];
  combined: Record | undefined;
}

/** At most this many of each kind of memory are kept; the one used longest ago is forgotten first. */
const memory = 4096;
/** So many different messages for one object and reason stand alone within the window; those that follow are combined. */
const standAlone = 9;
const combineWindowMs = 600_000;
/** Of one group: those of windows past are forgotten first. */
const mostAlone = 4 * standAlone;
/** Events of one source about one object: a burst of 25, then one in five minutes. */
const burst = 25;
const refillMs = 300_000;

export class EventCorrelator {
  readonly #groups = new Recent<Group>(memory);
  readonly #buckets = new Recent<{ tokens: number; atMs: number }>(memory);
  #made = 0;

  /** The record that this occurrence is counted on; undefined: silenced. */
  observe(occurrence: Occurrence, nowMs: number): Record | undefined {
    const object = objectKey(occurrence.about);
    if (!this.#admit(object, nowMs)) return undefined;
    const group = this.#groupOf(object, occurrence, nowMs);
    const { message } = occurrence;
    let one = group.alone.find(({ record }) => record.message === message);
    if (!one || one.window !== group.window) {
      if (group.standing === standAlone) return this.#combine(group, occurrence, nowMs);
      group.standing++;
      if (one) one.window = group.window;
    }
    if (one) return again(one.record, nowMs);
    one = { record: this.#record(occurrence, message, nowMs), window: group.window };
    group.alone.push(one);
    if (group.alone.length > mostAlone) group.alone.shift();
    return one.record;
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

  #groupOf(object: string, { about, type, reason }: Occurrence, nowMs: number): Group {
    const key = [object, about.fieldPath, type, reason].join('|');
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = { lastMs: nowMs, window: 0, standing: 0, alone: [], combined: undefined }));
    if (nowMs - group.lastMs > combineWindowMs) {
      group.window++;
      group.standing = 0;
    }
    group.lastMs = nowMs;
    return group;
  }

  #combine(group: Group, occurrence: Occurrence, nowMs: number): Record {
    const message = `(combined from similar events): ${occurrence.message}`;
    if (!group.combined) return (group.combined = this.#record(occurrence, message, nowMs));
    group.combined.message = message;
    return again(group.combined, nowMs);
  }

  #record(occurrence: Occurrence, message: string, nowMs: number): Record {
    return { name: eventName(occurrence.about, nowMs, this.#made++), occurrence, message, firstMs: nowMs, lastMs: nowMs, count: 1, isSent: false };
  }
}

function again(record: Record, nowMs: number): Record {
  record.count++;
  record.lastMs = nowMs;
  return record;
}

/** Joined, not added up: that would keep all the parts of it too. */
function objectKey({ apiVersion, kind, namespace, name, uid }: Reference): string {
  return [apiVersion, kind, namespace, name, uid].join('|');
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
