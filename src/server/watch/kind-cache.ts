// All objects of one kind as of the newest commit, in key order; reads and watches are served from here.
import type { Kind } from '../../api/kind.ts';
import type { Revision } from '../../store/store.ts';
import { History, type Happening } from './history.ts';
import { FiledItems } from './filed-items.ts';
import type { Encodings } from './encodings.ts';
import type { Encoding, Item } from './item.ts';
import { Batch, type NoteType } from './notes.ts';
import type { Selection } from './selection.ts';
import { SortedItems } from './sorted-items.ts';
import { Watchers, type Watcher } from './watchers.ts';

/** History no longer reaches back to the revision that was asked for. */
export class TooOld extends Error {
  override readonly name = 'TooOld';
  readonly floor: Revision;
  constructor(floor: Revision) {
    super(`the history begins after revision ${floor}`);
    this.floor = floor;
  }
}

export class KindCache {
  readonly #encodings: Encodings;
  readonly #items = new SortedItems();
  readonly #history: History;
  readonly #watchers = new Watchers();
  #filed: FiledItems | undefined;

  constructor(encodings: Encodings, revision: Revision) {
    this.#encodings = encodings;
    this.#history = new History(revision);
  }

  /** In the version that is stored. */
  get kind(): Kind {
    return this.encoding.kind;
  }

  get encoding(): Encoding {
    return this.#encodings.stored;
  }

  get encodings(): Encodings {
    return this.#encodings;
  }

  /** What is served of it is no longer what they asked for: they must ask anew. */
  endWatchers(): void {
    this.#watchers.end();
  }

  all(): readonly Item[] {
    return this.#items.all();
  }

  get(namespace: string, name: string): Item | undefined {
    return this.#items.get(`${namespace}/${name}`);
  }

  get size(): number {
    return this.#items.size;
  }

  /** How many there are in a namespace; undefined: in all. */
  sizeIn(namespace: string | undefined): number {
    return namespace === undefined ? this.#items.size : this.#items.countBetween(`${namespace}/`, `${namespace}0`);
  }

  /** How many are told of each change, if it is theirs. */
  get wideWatchers(): number {
    return this.#watchers.wideCount;
  }

  /** How many follow it. */
  get watchers(): number {
    return this.#watchers.count;
  }

  /** The items that are selected, in key order. */
  list(selection: Selection): readonly Item[] {
    if (selection.name !== undefined && (selection.namespace !== undefined || !this.kind.namespaced)) {
      const item = this.get(selection.namespace ?? '', selection.name);
      return item && selection.matches(item) ? [item] : [];
    }
    const range = selection.filed === undefined ? this.#range(selection.namespace) : this.#files.list(selection.filed);
    return selection.isWhole ? range : range.filter((item) => selection.matches(item));
  }

  /** A page of a selection that is whole, and how many follow it. */
  page({ namespace }: Selection, after: string | undefined, limit: number): { readonly items: readonly Item[]; readonly remaining: number } {
    return namespace === undefined ? this.#items.page('', undefined, after, limit) : this.#items.page(`${namespace}/`, `${namespace}0`, after, limit);
  }

  /** The same as it was at an earlier revision. Throws TooOld when history does not reach back so far. */
  listAt(selection: Selection, revision: Revision): readonly Item[] {
    const undone = new Map<string, Item | undefined>();
    for (const { before, shown } of this.#happeningsAfter(revision)) {
      const key = shown.sortKey;
      if (!undone.has(key)) undone.set(key, before);
    }
    if (undone.size === 0) return this.list(selection);
    const items = this.#range(selection.namespace).filter((item) => !undone.has(item.sortKey));
    for (const before of undone.values()) if (before) items.push(before);
    items.sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
    return items.filter((item) => selection.matches(item));
  }

  /**
   * From now on `watcher` is told of every commit. What happened between `after` and now is returned, to be sent first.
   * Throws TooOld.
   */
  watch(watcher: Watcher, after: Revision): { readonly missed: Batch | undefined; readonly watching: Disposable } {
    const missed = this.#batchFor(watcher.selection, this.#happeningsAfter(after), undefined);
    return { missed, watching: this.#watchers.add(watcher) };
  }

  /** Puts an item in before anyone reads or watches. */
  load(item: Item): void {
    this.#items.put(item);
  }

  /** One commit's changes of this kind: each an item, or the key of one that is gone. */
  apply(changes: readonly CacheChange[]): void {
    const happenings: Happening[] = [];
    for (const change of changes) {
      const before = this.get(change.namespace, change.name);
      if (change.item) {
        happenings.push({ revision: change.revision, before, after: change.item, shown: change.item });
        this.#items.put(change.item);
        this.#filed?.put(before, change.item);
      } else if (before) {
        happenings.push({ revision: change.revision, before, after: undefined, shown: before.encoding.atRevision(before, change.revision) });
        this.#items.remove(before);
        this.#filed?.put(before, undefined);
      }
    }
    for (const happening of happenings) this.#history.add(happening);
    this.#tell(happenings);
    for (const { before, after } of happenings) {
      before?.supersede();
      after?.settle();
    }
  }

  #tell(happenings: readonly Happening[]): void {
    if (this.#watchers.isEmpty) return;
    const whole = new Batch(happenings.map((happening) => ({ type: typeOf(happening), item: happening.shown })));
    for (const { selection, deliver } of this.#watchers.wide) {
      const batch = this.#batchFor(selection, happenings, whole);
      if (batch) deliver(batch);
    }
    const files = this.#watchers.needsValues ? this.#files : undefined;
    for (const [{ selection, deliver }, concerning] of this.#watchers.concerned(happenings, (item) => files!.valueOf(item))) {
      const batch = this.#batchFor(selection, concerning, undefined);
      if (batch) deliver(batch);
    }
  }

  get #files(): FiledItems {
    return (this.#filed ??= new FiledItems(this.kind, this.#items.all()));
  }

  /**
   * What a watcher of a selection is told: an object that begins to match was added for it, one that no longer does was
   * deleted. `whole` is what a watcher of everything is told, to be shared where it fits. Undefined: nothing.
   */
  #batchFor(selection: Selection, happenings: readonly Happening[], whole: Batch | undefined): Batch | undefined {
    if (happenings.length === 0) return undefined;
    if (whole && selection.isWhole && (selection.namespace === undefined || happenings.every(({ shown }) => shown.namespace === selection.namespace))) return whole;
    const notes: { type: NoteType; item: Item }[] = [];
    for (const happening of happenings) {
      const { before, after, shown, revision } = happening;
      const was = before !== undefined && selection.matches(before);
      const is = after !== undefined && selection.matches(after);
      if (is) notes.push({ type: was ? 'MODIFIED' : 'ADDED', item: shown });
      else if (was) notes.push({ type: 'DELETED', item: after === undefined ? shown : before.encoding.atRevision(before, revision) });
    }
    return notes.length > 0 ? new Batch(notes) : undefined;
  }

  #happeningsAfter(revision: Revision): readonly Happening[] {
    if (revision < this.#history.floor) throw new TooOld(this.#history.floor);
    return this.#history.after(revision);
  }

  #range(namespace: string | undefined): Item[] {
    return namespace === undefined ? this.#items.all() : this.#items.between(`${namespace}/`, `${namespace}0`); // '0' follows '/'
  }
}

export interface CacheChange {
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  /** Absent: it is gone. */
  readonly item: Item | undefined;
}

function typeOf({ before, after }: Happening): NoteType {
  return after === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED';
}
