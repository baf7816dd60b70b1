// Items filed by one field of their kind: Pods by their node. Made when someone first asks for it, then kept up.
import type { Kind } from '../../api/kind.ts';
import type { Item } from './item.ts';

export class FiledItems {
  readonly #read: (item: Item) => string;
  /** By value, then by key. */
  readonly #files = new Map<string, Map<string, Item>>();

  constructor(kind: Kind, items: readonly Item[]) {
    const field = kind.selectableFields![kind.filedBy!]!;
    this.#read = (item) => item.peek(field);
    for (const item of items) this.put(undefined, item);
  }

  valueOf(item: Item): string {
    return (item.filedUnder ??= this.#read(item));
  }

  /** `item` has come in the place of `before`; absent: it is gone. */
  put(before: Item | undefined, item: Item | undefined): void {
    if (before) this.#take(before);
    if (!item) return;
    const value = this.valueOf(item);
    const file = this.#files.get(value);
    if (file) file.set(item.sortKey, item);
    else this.#files.set(value, new Map([[item.sortKey, item]]));
  }

  /** In key order. */
  list(value: string): readonly Item[] {
    return [...(this.#files.get(value)?.values() ?? [])].sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
  }

  #take(item: Item): void {
    const value = this.valueOf(item);
    const file = this.#files.get(value);
    file?.delete(item.sortKey);
    if (file?.size === 0) this.#files.delete(value);
  }
}
