// Turns of one worker: one at a time, as long as something has happened since the last one began.
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

/** After a turn that failed. */
const retry = { initialMs: 200, longestMs: 10_000 };

export class Turns {
  readonly #take: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #timer: Disposable | undefined;

  /** `failed` is told what `take` throws; then it is taken again after a while. */
  constructor(take: () => Promise<void>, failed: (error: unknown) => void, clock: Clock, signal: AbortSignal) {
    this.#take = take;
    this.#failed = failed;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Until the one that is being taken, if any, is over. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  wake(): void {
    if (this.#signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Instead of when it was last said; undefined: not by itself. */
  wakeAfter(delayMs: number | undefined): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = delayMs === undefined ? undefined : this.#clock.schedule(delayMs, () => this.wake());
  }

  async #run(): Promise<void> {
    // So that `#running` is set before it is cleared; and what happens in one moment is one turn.
    await Promise.resolve();
    while (this.#again && !this.#signal.aborted) {
      this.#again = false;
      try {
        await this.#take();
        this.#failures = 0;
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#failed(error);
        this.wakeAfter(backoffMs(++this.#failures, retry));
      }
    }
    this.#running = undefined;
  }
}
