// A clock whose time is a number: it stands still until `advance` moves it, and then runs what is due, in order.
import { sleepOn, type Clock } from './clock.ts';
import { Heap } from './heap.ts';

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

export interface VirtualClockOptions {
  /** What the wall clock shows at the start. Default: the beginning of 2026. */
  readonly epochMs?: number;
  /** Lets all that can happen without time happen; called before the first timer and after each. Default: one turn of the event loop. */
  readonly settle?: () => Promise<void>;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  #epochMs: number;
  #sequence = 0;
  readonly #timers = new Heap<Timer>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence));
  readonly #settle: () => Promise<void>;

  constructor({ epochMs = 1_767_225_600_000 /* 2026-01-01T00:00:00Z */, settle = oneTurn }: VirtualClockOptions = {}) {
    this.#epochMs = epochMs;
    this.#settle = settle;
  }

  wallMs = () => this.#epochMs + this.#nowMs;
  monotonicMs = () => this.#nowMs;

  schedule(delayMs: number, run: () => void): Disposable {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run };
    this.#timers.push(timer);
    return { [Symbol.dispose]: () => void this.#timers.remove(timer) };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** When the next timer is due, in `monotonicMs`; undefined when nothing waits. */
  get nextMs(): number | undefined {
    return this.#timers.first?.atMs;
  }

  /** Moves time on by `byMs`, running each timer at its own time and letting promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.#settle();
    while (this.runNext(untilMs)) await this.#settle();
    this.#nowMs = untilMs;
  }

  /** Goes to the next timer that is due by `untilMs`, in `monotonicMs`, and runs it; false when there is none. */
  runNext(untilMs = Infinity): boolean {
    const next = this.#timers.first;
    if (!next || next.atMs > untilMs) return false;
    this.#timers.remove(next);
    this.#nowMs = next.atMs;
    next.run();
    return true;
  }
}

/** Lets all promise reactions that are ready run: one turn of the event loop's check phase comes after them. */
function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
