// A list as JSON, from its items' text. It is never put together but for a client that wants it compressed: all of it at
// once takes as much memory again for as long as the slowest client reads, and twice the CPU, since nothing of it is
// still in the processor's caches when it is encrypted.
import type { Item } from '../watch/item.ts';
import type { Pieces } from './exchange.ts';

const pieceBytes = 64 * 1024;
const closing = Buffer.from(']}');

export class ListBody implements Pieces {
  readonly length: number;
  readonly #head: Buffer;
  readonly #items: readonly Item[];
  /** In bytes. */
  readonly #lengths: readonly number[];

  /** `head` is the JSON up to the first item. */
  constructor(head: string, items: readonly Item[]) {
    this.#head = Buffer.from(head);
    this.#items = items;
    this.#lengths = items.map(({ jsonBytes }) => jsonBytes);
    this.length = this.#lengths.reduce((sum, length) => sum + length, this.#head.length + Math.max(0, items.length - 1) + closing.length);
  }

  whole(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.length);
    let at = 0;
    for (const piece of this.pieces()) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** Each piece is to be used before the next is asked for: they share their memory. */
  *pieces(): Generator<Buffer> {
    let piece = Buffer.allocUnsafeSlow(Math.min(this.length, pieceBytes));
    let filled = this.#head.copy(piece);
    let isFirst = true;
    for (const [index, item] of this.#items.entries()) {
      const needed = this.#lengths[index]! + (isFirst ? 0 : 1);
      if (needed > piece.length - filled) {
        yield piece.subarray(0, filled);
        filled = 0;
        if (needed > piece.length) piece = Buffer.allocUnsafeSlow(needed);
      }
      if (!isFirst) piece[filled++] = comma;
      isFirst = false;
      filled = item.writeJson(piece, filled);
    }
    if (closing.length > piece.length - filled) {
      yield piece.subarray(0, filled);
      filled = 0;
    }
    filled += closing.copy(piece, filled);
    yield piece.subarray(0, filled);
  }
}

const comma = 0x2c;
