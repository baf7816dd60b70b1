// A revisioned key-value store of opaque text. Every write takes the next revision of one counter that all keys
// share; the only write is compare-and-swap. Model: etcd's key space; `sqlite/`, `memory/` and `etcd/` hold it.

/** A revision of the whole store: a positive integer that only grows. 0 stands for "absent". */
export type Revision = number;

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** The revision of the write that made this value. */
  readonly revision: Revision;
}

export interface Change {
  readonly key: string;
  /** null: the key was deleted. */
  readonly value: string | null;
  readonly revision: Revision;
}

export interface Page {
  /** List keys strictly after this one; undefined: from the start. */
  readonly after?: string;
  /** At most so many entries; undefined: all. */
  readonly limit?: number;
  /** Read the store as it was at this revision; undefined: now. Throws Compacted when it is gone. */
  readonly at?: Revision;
}

export interface Listing {
  readonly entries: readonly Entry[];
  /** The revision of the snapshot that was read. */
  readonly revision: Revision;
  /** True when the limit cut the list: more keys follow the last one. */
  readonly more: boolean;
  /** Keys under the prefix that follow the last entry; 0 unless `more`. */
  readonly remaining: number;
}

export interface Store {
  get(key: string, signal: AbortSignal): Promise<Entry | undefined>;
  /** Entries in key order (bytewise), all of one snapshot. */
  list(prefix: string, page: Page, signal: AbortSignal): Promise<Listing>;
  /**
   * Writes `value` (null: deletes) if the key's revision is `expected` (0: the key is absent), and resolves with the
   * new revision once it is durable. Swaps that arrive together share one durable commit. Watchers have been handed
   * the change before it resolves. Throws Conflict when the key has another revision.
   */
  swap(key: string, expected: Revision, value: string | null, signal: AbortSignal): Promise<Revision>;
  /**
   * Every change under `prefix` with a revision greater than `after`, in order, each batch one commit (or less).
   * Throws Compacted when changes after `after` have been compacted away, and Overflow when the reader is so slow that
   * its queue is full (it must list and watch anew).
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<readonly Change[]>;
  /**
   * As `watch`, but as a call within the process: `listener` gets each batch before its swaps resolve, so that a cache
   * fed here has every write by the time its writer hears of it. What happened since `after` comes first, before the
   * promise resolves. The listener must be quick and must not throw. Throws Compacted as `watch` does.
   */
  follow(prefix: string, after: Revision, listener: (changes: readonly Change[]) => void): Promise<Disposable>;
  /** Whether the key's value lies there in another form than it would be written in now: then a write that changes nothing is worth making. Absent: never. */
  isStale?(key: string): boolean;
  /** The newest revision; 0 for an empty store. */
  revision(signal: AbortSignal): Promise<Revision>;
  /** Forgets the history up to and including `before`: values that were replaced or deleted by then. Live values stay. */
  compact(before: Revision, signal: AbortSignal): Promise<void>;
  /** Resolves when what was acknowledged is durable and every resource is released. */
  close(): Promise<void>;
}

/** A compare-and-swap met another revision than expected; `actual` is 0 when the key is absent. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
  readonly key: string;
  readonly expected: Revision;
  readonly actual: Revision;
  constructor(key: string, expected: Revision, actual: Revision) {
    super(`${key} is at revision ${actual}, not ${expected}`);
    this.key = key;
    this.expected = expected;
    this.actual = actual;
  }
}

/** History up to and including `compacted` is gone. */
export class Compacted extends Error {
  override readonly name = 'Compacted';
  readonly compacted: Revision;
  constructor(compacted: Revision) {
    super(`the required revision has been compacted; the oldest kept is ${compacted + 1}`);
    this.compacted = compacted;
  }
}

/** Another process has the store open. */
export class Locked extends Error {
  override readonly name = 'Locked';
}

/** A watcher fell so far behind that its queue was full; it is ended and must start afresh. */
export class Overflow extends Error {
  override readonly name = 'Overflow';
  constructor(prefix: string) {
    super(`the watch of ${prefix} fell too far behind`);
  }
}
