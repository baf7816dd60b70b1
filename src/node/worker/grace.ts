// The time that a Pod has to end. It may be shortened while it runs, never lengthened; only where those who were told of it
// have been lost it begins anew.
import type { Clock } from '../../base/clock.ts';

export class Grace {
  #endMs: number;
  #wholeMs: number;
  #listeners = new Set<() => void>();
  readonly #clock: Clock;

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#wholeMs = graceMs;
    this.#endMs = clock.monotonicMs() + graceMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endMs - this.#clock.monotonicMs());
  }

  shorten(graceMs: number): void {
    const endMs = this.#clock.monotonicMs() + graceMs;
    if (endMs >= this.#endMs) return;
    this.#endMs = endMs;
    this.#wholeMs = graceMs;
    for (const listener of this.#listeners) listener();
  }

  /** All of it again, as it was last granted. */
  beginAnew(): void {
    this.#endMs = this.#clock.monotonicMs() + this.#wholeMs;
  }

  onShortened(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Runs `work` until it is done or the grace is over; true when it was done in time. `work`'s errors are its own. */
  async spend(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const onAbort = () => over.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let timer = this.#clock.schedule(this.remainingMs, () => over.abort());
    const shortened = this.onShortened(() => {
      timer[Symbol.dispose]();
      timer = this.#clock.schedule(this.remainingMs, () => over.abort());
    });
    try {
      const ended = new Promise<'over'>((resolve) => over.signal.addEventListener('abort', () => resolve('over'), { once: true }));
      return (await Promise.race([work(over.signal).then(() => 'done' as const), ended])) === 'done';
    } finally {
      timer[Symbol.dispose]();
      shortened[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
    }
  }
}
