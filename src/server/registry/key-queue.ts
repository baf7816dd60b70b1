// Runs work on the same key one after the other, and on different keys side by side.

export class KeyQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** As long as callers wait for their answers, at most one piece of work per open request waits here. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const tail = this.#tails.get(key);
    const mine = tail ? tail.then(work, work) : work();
    this.#tails.set(key, mine);
    const leave = () => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    };
    mine.then(leave, leave);
    return mine;
  }
}
