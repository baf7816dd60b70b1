// A list as JSON, from its items' bytes. It is never put together but for a client that wants it compressed: all of it at
// once takes as much memory again for as long as the slowest client reads, and twice the CPU, since nothing of it is
// still in the processor's caches when it is encrypted.
import type { Item } from '../watch/item.ts';

const pieceBytes = 64 * 1024;
const comma = Buffer.from(',');
const closing = Buffer.from(']}');

export class ListBody {
  readonly length: number;
  readonly #head: Buffer;
  readonly #items: readonly Item[];

  /** `head` is the JSON up to the first item. */
  constructor(head: string, items: readonly Item[]) {
    this.#head = Buffer.from(head);
    this.#items = items;
    let length = this.#head.length + Math.max(0, items.length - 1) + closing.length;
    for (const item of items) length += item.bytes.length;
    this.length = length;
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
    const piece = Buffer.allocUnsafeSlow(Math.min(this.length, pieceBytes));
    let filled = 0;
    for (const part of this.#parts()) {
      if (part.length > piece.length - filled) {
        if (filled > 0) yield piece.subarray(0, filled);
        filled = 0;
      }
      if (part.length > piece.length) {
        yield part;
        continue;
      }
      piece.set(part, filled);
      filled += part.length;
    }
    if (filled > 0) yield piece.subarray(0, filled);
  }

  *#parts(): Generator<Buffer> {
    yield this.#head;
    let isFirst = true;
    for (const { bytes } of this.#items) {
      if (!isFirst) yield comma;
      isFirst = false;
      yield bytes;
    }
    yield closing;
  }
}
