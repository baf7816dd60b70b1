// A clock whose time is a number: it stands still until `advance` moves it, and then runs what is due, in order.
import { sleepOn, type Clock } from './clock.ts';

export class VirtualClock implements Clock {
  #nowMs = 0;
  #epochMs: number;
  #sequence = 0;
  #timers: { atMs: number; sequence: number; run: () => void }[] = [];

  constructor(epochMs = 1_767_225_600_000 /* 2026-01-01T00:00:00Z */) {
    this.#epochMs = epochMs;
  }

  wallMs = () => this.#epochMs + this.#nowMs;
  monotonicMs = () => this.#nowMs;

  schedule(delayMs: number, run: () => void): Disposable {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run };
    const after = this.#timers.findIndex((other) => other.atMs > timer.atMs);
    this.#timers.splice(after < 0 ? this.#timers.length : after, 0, timer);
    return {
      [Symbol.dispose]: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** When the next timer is due, in `monotonicMs`; undefined when nothing waits. */
  get nextMs(): number | undefined {
    return this.#timers[0]?.atMs;
  }

  /** Moves time on by `byMs`, running each timer at its own time and letting promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#timers[0]; next && next.atMs <= untilMs; next = this.#timers[0]) {
      this.#timers.shift();
      this.#nowMs = next.atMs;
      next.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets all promise reactions that are ready run: one turn of the event loop's check phase comes after them. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
