// A store before a store: what lies in the one behind it is encrypted, what comes out of this one is clear.
//
//   registry, cache ──clear──▶ EncryptedStore ──as chosen for the key──▶ store ──▶ log on disk
//
// Values of keys for which nothing is chosen pass through untouched. A value that was in the clear, or written by a key that is no
// longer the first, is written anew by the next write of its key; then what the store remembers of it is forgotten too, so that
// after `kubectl get secrets -A -o json | kubectl replace -f -` nothing of before is left on the disk.
import type { Change, Entry, Listing, Page, Revision, Store } from '../store.ts';
import { encryptedPrefix, firstOf, identity, type Transformer } from './transformer.ts';

/** Undefined: values of this key are written as they are. Asked for every write: it must cost next to nothing. */
export type ChooseTransformer = (key: string) => Transformer | undefined;

const never = new AbortController().signal;
/** For a key for which nothing is chosen: what is encrypted all the same is told of. */
const asItIs = firstOf([identity]);
/** Lies there as some other key wrote it. */
const byAnother = '?';

export class EncryptedStore implements Store {
  readonly #store: Store;
  #choose: ChooseTransformer;
  /** Of each key whose value lies there encrypted: the prefix of what wrote it. */
  readonly #writtenBy = new Map<string, string>();
  /** What swaps under way have made of their values, so that they need not be read again: by what the store is given. */
  readonly #underWay = new Map<string, string>();
  readonly #compactFailed: (error: unknown) => void;
  #compacting: Promise<void> | undefined;
  #mustCompact = false;

  /** `compactFailed` is told when old values could not be forgotten: they are until the next such write, or start. */
  constructor(store: Store, choose: ChooseTransformer, compactFailed: (error: unknown) => void) {
    this.#store = store;
    this.#choose = choose;
    this.#compactFailed = compactFailed;
  }

  /** From the next write on. Values that were written before are read when someone asks for them, so their keys must still be there then. */
  choose(choose: ChooseTransformer): void {
    this.#choose = choose;
  }

  isStale(key: string): boolean {
    const transformer = this.#choose(key);
    return (this.#writtenBy.get(key) ?? '') !== (transformer?.prefix ?? '');
  }

  async get(key: string, signal: AbortSignal): Promise<Entry | undefined> {
    const entry = await this.#store.get(key, signal);
    return entry && { ...entry, value: this.#read(key, entry.value) };
  }

  async list(prefix: string, page: Page, signal: AbortSignal): Promise<Listing> {
    const listing = await this.#store.list(prefix, page, signal);
    const isNow = page.at === undefined;
    return { ...listing, entries: listing.entries.map((entry) => {
      const value = this.#read(entry.key, entry.value);
      if (isNow) this.#note(entry.key, entry.value);
      return value === entry.value ? entry : { ...entry, value };
    }) };
  }

  async swap(key: string, expected: Revision, value: string | null, signal: AbortSignal): Promise<Revision> {
    const transformer = this.#choose(key);
    if (!transformer && !this.#writtenBy.has(key)) return this.#store.swap(key, expected, value, signal);
    const wasStale = this.isStale(key);
    const stored = value === null || !transformer ? value : transformer.write(value, key);
    if (stored !== null && stored !== value) this.#underWay.set(stored, value!);
    try {
      const revision = await this.#store.swap(key, expected, stored, signal);
      if (stored === null) this.#writtenBy.delete(key);
      else this.#note(key, stored);
      if (wasStale && expected !== 0) this.forgetHistory();
      return revision;
    } finally {
      if (stored !== null) this.#underWay.delete(stored);
    }
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<readonly Change[]> {
    for await (const changes of this.#store.watch(prefix, after, signal)) yield this.#clear(changes);
  }

  follow(prefix: string, after: Revision, listener: (changes: readonly Change[]) => void): Promise<Disposable> {
    return this.#store.follow(prefix, after, (changes) => listener(this.#clear(changes)));
  }

  revision(signal: AbortSignal): Promise<Revision> {
    return this.#store.revision(signal);
  }

  compact(before: Revision, signal: AbortSignal): Promise<void> {
    return this.#store.compact(before, signal);
  }

  async close(): Promise<void> {
    await this.#compacting;
    await this.#store.close();
  }

  #clear(changes: readonly Change[]): readonly Change[] {
    if (!changes.some(({ value }) => value?.startsWith(encryptedPrefix))) return changes;
    return changes.map((change) => (change.value === null ? change : { ...change, value: this.#read(change.key, change.value) }));
  }

  #read(key: string, stored: string): string {
    return this.#underWay.get(stored) ?? (this.#choose(key) ?? asItIs).read(stored, key);
  }

  #note(key: string, stored: string): void {
    const transformer = this.#choose(key);
    if (!stored.startsWith(encryptedPrefix)) this.#writtenBy.delete(key);
    else this.#writtenBy.set(key, transformer && stored.startsWith(transformer.prefix) ? transformer.prefix : byAnother);
  }

  /** What is no longer the present may lie there in the clear. At most once at a time, and once more for what came meanwhile. */
  forgetHistory(): void {
    this.#mustCompact = true;
    this.#compacting ??= this.#compact().catch(this.#compactFailed).finally(() => (this.#compacting = undefined));
  }

  async #compact(): Promise<void> {
    while (this.#mustCompact) {
      this.#mustCompact = false;
      await this.#store.compact(await this.#store.revision(never), never);
    }
  }
}
