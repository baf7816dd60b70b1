// Items by key, and in key order. Writes cost nothing for the order: it is put right when someone next asks for it.
import type { Item } from './item.ts';

/** The place of a key; it stays while the item in it changes, and is empty once the item is gone. */
interface Slot {
  readonly key: string;
  item: Item | undefined;
}

export class SortedItems {
  readonly #slots = new Map<string, Slot>();
  /** In order, but for `#added`; with empty slots in it when `#hasGone`. */
  #sorted: Slot[] = [];
  #added: Slot[] = [];
  #hasGone = false;

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): Item | undefined {
    return this.#slots.get(key)?.item;
  }

  put(item: Item): void {
    const known = this.#slots.get(item.sortKey);
    if (known) {
      known.item = item;
      return;
    }
    const slot = { key: item.sortKey, item };
    this.#slots.set(slot.key, slot);
    this.#added.push(slot);
  }

  remove(item: Item): void {
    const slot = this.#slots.get(item.sortKey);
    if (!slot) return;
    slot.item = undefined;
    this.#slots.delete(slot.key);
    this.#hasGone = true;
  }

  all(): Item[] {
    this.#settle();
    return this.#sorted.map(itemOf);
  }

  /** From the first key to before the second. */
  between(from: string, to: string): Item[] {
    this.#settle();
    return this.#sorted.slice(this.#position(from), this.#position(to)).map(itemOf);
  }

  /** How many lie between. */
  countBetween(from: string, to: string): number {
    this.#settle();
    return this.#position(to) - this.#position(from);
  }

  /** The first `limit` of those after the key `after`, from the first key to before the second, and how many follow. Costs no more than the page, if the order stands. */
  page(from: string, to: string | undefined, after: string | undefined, limit: number): { readonly items: Item[]; readonly remaining: number } {
    this.#settle();
    let start = this.#position(from);
    if (after !== undefined) {
      const next = this.#position(after);
      start = Math.max(start, this.#sorted[next]?.key === after ? next + 1 : next);
    }
    const end = to === undefined ? this.#sorted.length : this.#position(to);
    return { items: this.#sorted.slice(start, Math.min(end, start + limit)).map(itemOf), remaining: Math.max(0, end - start - limit) };
  }

  #settle(): void {
    if (this.#hasGone) {
      this.#sorted = this.#sorted.filter(isFull);
      this.#added = this.#added.filter(isFull);
      this.#hasGone = false;
    }
    if (this.#added.length === 0) return;
    this.#added.sort(byKey);
    this.#sorted = merged(this.#sorted, this.#added);
    this.#added = [];
  }

  #position(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function itemOf(slot: Slot): Item {
  return slot.item!;
}

function isFull(slot: Slot): boolean {
  return slot.item !== undefined;
}

function byKey(a: Slot, b: Slot): number {
  return a.key < b.key ? -1 : 1;
}

function merged(a: Slot[], b: readonly Slot[]): Slot[] {
  if (a.length === 0 || a.at(-1)!.key < b[0]!.key) return a.concat(b);
  const all: Slot[] = [];
  let i = 0;
  for (const slot of b) {
    while (i < a.length && a[i]!.key < slot.key) all.push(a[i++]!);
    all.push(slot);
  }
  while (i < a.length) all.push(a[i++]!);
  return all;
}
