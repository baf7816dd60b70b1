// A binary heap: the first in order is found at once, and any item can be taken out.

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #at = new Map<T, number>();
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#at.set(item, this.#items.length - 1);
    this.#rise(this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: T): boolean {
    const index = this.#at.get(item);
    if (index === undefined) return false;
    this.#at.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return true;
    this.#items[index] = last;
    this.#at.set(last, index);
    this.#rise(index);
    this.#sink(this.#at.get(last)!);
    return true;
  }

  #rise(index: number): void {
    for (let parent = (index - 1) >> 1; index > 0 && this.#before(this.#items[index]!, this.#items[parent]!); parent = (index - 1) >> 1) {
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(index: number): void {
    for (;;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#items.length && this.#before(this.#items[child]!, this.#items[least]!)) least = child;
      }
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    const [left, right] = [this.#items[a]!, this.#items[b]!];
    this.#items[a] = right;
    this.#items[b] = left;
    this.#at.set(right, a);
    this.#at.set(left, b);
  }
}
