// A bounded queue between one producer and one consumer, read with `for await`.

/**
 * `push` never waits. When `capacity` items are waiting, the next push closes the channel with `overflow()` as its
 * error: a slow consumer is dropped and must start afresh, the producer is never held up.
 */
export class Channel<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #head = 0;
  #ended: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #capacity: number;
  readonly #overflow: () => Error;

  constructor(capacity: number, overflow: () => Error = () => new Error('channel overflow')) {
    this.#capacity = capacity;
    this.#overflow = overflow;
  }

  get closed(): boolean {
    return this.#ended !== undefined;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#items.length - this.#head >= this.#capacity) return this.close(this.#overflow());
    this.#items.push(item);
    this.#wake?.();
  }

  /** What waits is still delivered; then the consumer's loop ends, or throws `error` when one is given. */
  close(error?: unknown): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** Iterates until closed or aborted. An abort ends the loop without error and drops what waits. */
  async *read(signal?: AbortSignal): AsyncGenerator<T> {
    const onAbort = () => this.#wake?.();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) return;
        if (this.#head < this.#items.length) {
          const item = this.#items[this.#head++]!;
          if (this.#head === this.#items.length) {
            this.#items = [];
            this.#head = 0;
          }
          yield item;
          continue;
        }
        if (this.#ended) {
          if (this.#ended.error !== undefined) throw this.#ended.error;
          return;
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#ended ??= {};
      this.#items = [];
      this.#head = 0;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<T> {
    return this.read();
  }
}
