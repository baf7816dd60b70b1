// A queue of keys to work on, as client-go's workqueue: a key waits at most once, and is never worked on twice at once.
//
//            add                    take                  done
//   (absent) ─────────▶ waiting ─────────▶ taken ─────────────────▶ (absent)
//                                            │ add
//                                            ▼            done
//                                       taken, again ─────────────▶ waiting
import type { Clock } from './clock.ts';
import type { Histogram } from './histogram.ts';

/**
 * `onReady` is called when a key starts to wait, so that the owner can take it. The queue is bounded by the number of
 * different keys: adding one that waits already changes nothing, and one timer per key stands for its delayed adds.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #waits: Histogram | undefined;
  /** And since when, where someone asks how long. */
  readonly #waiting = new Map<string, number>();
  /** Keys being worked on; true: added again meanwhile. */
  readonly #taken = new Map<string, boolean>();
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly timer: Disposable }>();

  /** Keys that were added and did not wait already. */
  adds = 0;

  /** `waits` is told how long keys wait, in seconds. */
  constructor(clock: Clock, onReady: () => void, waits?: Histogram) {
    this.#clock = clock;
    this.#onReady = onReady;
    this.#waits = waits;
  }

  /** Keys that wait to be taken. */
  get size(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    const again = this.#taken.get(key);
    if (again !== undefined) {
      if (!again) this.adds++;
      this.#taken.set(key, true);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.adds++;
    this.#wait(key);
  }

  /** Adds `key` once `delayMs` is over; of several delays for a key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key);
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const before = this.#delayed.get(key);
    if (before && before.dueMs <= dueMs) return;
    before?.timer[Symbol.dispose]();
    const timer = this.#clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  /** The key that waits longest, now taken until `done`; undefined when none waits. */
  take(): string | undefined {
    for (const [key, sinceMs] of this.#waiting) {
      this.#waiting.delete(key);
      this.#waits?.observe((this.#clock.monotonicMs() - sinceMs) / 1000);
      this.#taken.set(key, false);
      return key;
    }
    return undefined;
  }

  /** Work on a taken key has ended; if it was added meanwhile it waits again. */
  done(key: string): void {
    const again = this.#taken.get(key);
    this.#taken.delete(key);
    if (again) this.#wait(key);
  }

  #wait(key: string): void {
    this.#waiting.set(key, this.#waits ? this.#clock.monotonicMs() : 0);
    this.#onReady();
  }

  /** Drops all that waits, and all timers. */
  clear(): void {
    this.#waiting.clear();
    for (const { timer } of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    for (const key of this.#taken.keys()) this.#taken.set(key, false);
  }
}
