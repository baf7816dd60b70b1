// Those who watch a kind, filed by what they watch: a change is shown to those whom it may concern, however many the others.
import type { Happening } from './history.ts';
import type { Batch } from './notes.ts';
import type { Selection } from './selection.ts';

export interface Watcher {
  readonly selection: Selection;
  /** Called within the commit, so it must be quick and must not throw. */
  readonly deliver: (batch: Batch) => void;
  /** Called when there is nothing to watch any more. */
  readonly end?: () => void;
}

export class Watchers {
  /** Of many objects, or of what only a look can tell. */
  readonly #wide = new Set<Watcher>();
  readonly #byName = new Map<string, Set<Watcher>>();
  readonly #byValue = new Map<string, Set<Watcher>>();
  #count = 0;

  add(watcher: Watcher): Disposable {
    const [files, key] = this.#placeOf(watcher.selection);
    const file = files ? (files.get(key) ?? new Set()) : this.#wide;
    files?.set(key, file);
    file.add(watcher);
    this.#count++;
    return {
      [Symbol.dispose]: () => {
        if (file.delete(watcher)) this.#count--;
        if (files && file.size === 0 && files.get(key) === file) files.delete(key);
      },
    };
  }

  /** Tells all that it is over; they leave by themselves. */
  end(): void {
    const files = [this.#wide, ...this.#byName.values(), ...this.#byValue.values()];
    for (const watcher of files.flatMap((file) => [...file])) watcher.end?.();
  }

  get count(): number {
    return this.#count;
  }

  get wideCount(): number {
    return this.#wide.size;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get wide(): Iterable<Watcher> {
    return this.#wide;
  }

  /** True: some are filed by a value, so that `concerned` must be told the values. */
  get needsValues(): boolean {
    return this.#byValue.size > 0;
  }

  /** The others, each with the happenings that may concern it. */
  concerned(happenings: readonly Happening[], valueOf: (item: NonNullable<Happening['after']>) => string): ReadonlyMap<Watcher, readonly Happening[]> {
    const found = new Map<Watcher, Happening[]>();
    if (this.#byName.size + this.#byValue.size === 0) return found;
    const show = (file: Set<Watcher> | undefined, happening: Happening) => {
      for (const watcher of file ?? []) {
        const list = found.get(watcher);
        if (!list) found.set(watcher, [happening]);
        else if (list.at(-1) !== happening) list.push(happening);
      }
    };
    for (const happening of happenings) {
      const { before, after, shown } = happening;
      if (this.#byName.size > 0) show(this.#byName.get(shown.name), happening);
      if (this.#byValue.size === 0) continue;
      if (before) show(this.#byValue.get(valueOf(before)), happening);
      if (after) show(this.#byValue.get(valueOf(after)), happening);
    }
    return found;
  }

  #placeOf({ name, filed }: Selection): readonly [Map<string, Set<Watcher>> | undefined, string] {
    if (name !== undefined) return [this.#byName, name];
    return filed !== undefined ? [this.#byValue, filed] : [undefined, ''];
  }
}
