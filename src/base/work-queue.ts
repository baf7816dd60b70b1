// A queue of keys to work on, as client-go's workqueue: a key waits at most once, and is never worked on twice at once.
//
//            add                    take                  done
//   (absent) ─────────▶ waiting ─────────▶ taken ─────────────────▶ (absent)
//                                            │ add
//                                            ▼            done
//                                       taken, again ─────────────▶ waiting
import type { Clock } from './clock.ts';

/**
 * `onReady` is called when a key starts to wait, so that the owner can take it. The queue is bounded by the number of
 * different keys: adding one that waits already changes nothing, and one timer per key stands for its delayed adds.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #waiting = new Set<string>();
  /** Keys being worked on; true: added again meanwhile. */
  readonly #taken = new Map<string, boolean>();
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly timer: Disposable }>();

  constructor(clock: Clock, onReady: () => void) {
    this.#clock = clock;
    this.#onReady = onReady;
  }

  /** Keys that wait to be taken. */
  get size(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#taken.has(key)) {
      this.#taken.set(key, true);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    this.#onReady();
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
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      this.#taken.set(key, false);
      return key;
    }
    return undefined;
  }

  /** Work on a taken key has ended; if it was added meanwhile it waits again. */
  done(key: string): void {
    const again = this.#taken.get(key);
    this.#taken.delete(key);
    if (again) this.add(key);
  }

  /** Drops all that waits, and all timers. */
  clear(): void {
    this.#waiting.clear();
    for (const { timer } of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    for (const key of this.#taken.keys()) this.#taken.set(key, false);
  }
}
