// The store: compare-and-swaps gathered into commits of a log.
//
//   swap ─▶ queue ──(next turn of the event loop)──▶ check against the index ─▶ log.commit ─▶ index ─▶ followers ─▶ resolve
//             ▲                                                                  (durable)                             │
//             └──────────────── what arrives meanwhile shares the next commit ◀────────────────────────────────────────┘
import { assert } from '../base/assert.ts';
import { ChangeFeed, watchBy } from './change-feed.ts';
import { KeyIndex } from './key-index.ts';
import { CommitRefused, type Log } from './log.ts';
import { Compacted, Conflict, type Change, type Entry, type Listing, type Page, type Revision, type Store } from './store.ts';

interface Swap {
  readonly key: string;
  readonly expected: Revision;
  readonly value: string | null;
  readonly resolve: (revision: Revision) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows of history that are kept; beyond that, each commit forgets twice as many as it adds. */
const keptHistory = 10_000;
/** Swaps in one commit, so that a flood of them cannot hold up the first. */
const largestCommit = 512;

export class LogStore implements Store {
  readonly #log: Log;
  readonly #index = new KeyIndex();
  readonly #feed = new ChangeFeed();
  #revision: Revision = 0;
  #compacted: Revision;
  #queue: Swap[] = [];
  #committing: Promise<void> | undefined;
  /** Set when the store is closed or its log can no longer be trusted: every call is answered with it. */
  #over: Error | undefined;

  constructor(log: Log) {
    this.#log = log;
    this.#compacted = log.compacted;
    for (const { revision, key, deleted } of log.rows()) {
      this.#index.apply(key, revision, deleted);
      this.#revision = revision;
    }
  }

  async get(key: string, signal: AbortSignal): Promise<Entry | undefined> {
    this.#check(signal);
    const revision = this.#index.revisionOf(key);
    return revision === 0 ? undefined : { key, value: this.#log.read(revision)!, revision };
  }

  async list(prefix: string, page: Page, signal: AbortSignal): Promise<Listing> {
    this.#check(signal);
    const { after, limit = Infinity, at = this.#revision } = page;
    if (at < this.#compacted) throw new Compacted(this.#compacted);
    const all = at >= this.#revision ? this.#index.range(prefix) : this.#index.rangeAt(prefix, at);
    const rest = after === undefined ? all : all.filter(([key]) => key > after);
    const shown = rest.length > limit ? rest.slice(0, limit) : rest;
    return {
      entries: shown.map(([key, revision]) => ({ key, value: this.#log.read(revision)!, revision })),
      revision: Math.min(at, this.#revision),
      more: rest.length > shown.length,
      remaining: rest.length - shown.length,
    };
  }

  swap(key: string, expected: Revision, value: string | null, signal: AbortSignal): Promise<Revision> {
    return new Promise((resolve, reject) => {
      this.#check(signal);
      assert(value !== null || expected !== 0, `deleting ${key}, which is to be absent`);
      this.#queue.push({ key, expected, value, resolve, reject });
      this.#committing ??= new Promise((done) => setImmediate(() => void this.#commitAll().then(done)));
    });
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<readonly Change[]> {
    return watchBy(prefix, (listener) => this.follow(prefix, after, listener), signal);
  }

  async follow(prefix: string, after: Revision, listener: (changes: readonly Change[]) => void): Promise<Disposable> {
    if (this.#over) throw this.#over;
    if (after < this.#compacted) throw new Compacted(this.#compacted);
    if (after < this.#revision) {
      const missed = [...this.#log.readAfter(after)].filter((change) => change.key.startsWith(prefix) && change.revision <= this.#revision);
      if (missed.length > 0) listener(missed);
    }
    return this.#feed.follow(prefix, listener);
  }

  async revision(signal: AbortSignal): Promise<Revision> {
    this.#check(signal);
    return this.#revision;
  }

  async compact(before: Revision, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    const until = Math.min(before, this.#revision);
    this.#compacted = Math.max(this.#compacted, until);
    while (!this.#over) {
      await this.#committing;
      const forget = this.#takeHistory(largestCommit, until);
      if (forget.length === 0) return this.#log.afterCompaction?.();
      this.#committing = this.#log.commit({ append: [], forget, compacted: this.#compacted }).then(
        () => this.#commitAll(),
        (error) => this.#fail(error),
      );
    }
    throw this.#over;
  }

  async close(): Promise<void> {
    while (this.#committing) await this.#committing;
    if (this.#over instanceof Closed) return;
    this.#over = new Closed('the store is closed');
    await this.#log.close();
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#over) throw this.#over;
  }

  async #commitAll(): Promise<void> {
    while (this.#queue.length > 0 && !this.#over) {
      const swaps = this.#queue.length <= largestCommit ? this.#queue : this.#queue.slice(0, largestCommit);
      this.#queue = this.#queue.length <= largestCommit ? [] : this.#queue.slice(largestCommit);
      await this.#commit(swaps);
    }
    this.#committing = undefined;
    if (this.#over) for (const swap of this.#queue.splice(0)) swap.reject(this.#over);
  }

  /** Promises settle only after the followers have been called: those of lost races too, so that their retry sees the winner. */
  async #commit(swaps: readonly Swap[]): Promise<void> {
    const { won, lost } = decide(swaps, this.#revision, (key) => this.#index.revisionOf(key));
    if (won.length > 0) {
      const append = won.map(({ swap, revision }): Change => ({ key: swap.key, value: swap.value, revision }));
      const surplus = this.#index.historyLength - keptHistory;
      const forget = surplus > 0 ? this.#takeHistory(Math.min(surplus, 2 * won.length), this.#revision) : [];
      try {
        await this.#log.commit({ append, forget, compacted: this.#compacted });
      } catch (error) {
        for (const swap of swaps) swap.reject(error);
        return this.#fail(error);
      }
      for (const { key, revision, value } of append) this.#index.apply(key, revision, value === null);
      this.#revision = append.at(-1)!.revision;
      this.#feed.deliver(append);
    }
    for (const { swap, revision } of won) swap.resolve(revision);
    for (const { swap, actual } of lost) swap.reject(new Conflict(swap.key, swap.expected, actual));
  }

  /** The newest row always stays: it tells the revision to a later start. */
  #takeHistory(count: number, before: Revision): Revision[] {
    const taken = this.#index.takeHistory(count, before);
    const last = taken.at(-1);
    if (last) this.#compacted = Math.max(this.#compacted, last.until);
    return taken.map((row) => row.revision).filter((revision) => revision !== this.#revision);
  }

  #fail(error: unknown): void {
    if (error instanceof CommitRefused) return;
    this.#over ??= new Error('the store has failed and takes no more requests', { cause: error });
  }
}

class Closed extends Error {
  override readonly name = 'Closed';
}

/** Which of the swaps win, in order of arrival, and with which revisions; a key's second swap sees the first's. */
function decide(swaps: readonly Swap[], newest: Revision, revisionOf: (key: string) => Revision) {
  const won: { swap: Swap; revision: Revision }[] = [];
  const lost: { swap: Swap; actual: Revision }[] = [];
  const here = new Map<string, Revision>();
  for (const swap of swaps) {
    const actual = here.get(swap.key) ?? revisionOf(swap.key);
    if (actual !== swap.expected) {
      lost.push({ swap, actual });
    } else {
      newest++;
      here.set(swap.key, swap.value === null ? 0 : newest);
      won.push({ swap, revision: newest });
    }
  }
  return { won, lost };
}
