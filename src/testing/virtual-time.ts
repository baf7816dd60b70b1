// Virtual time for a whole cluster: nothing happens but what was asked for, and each moment is over before the next.
//
// What runs in the cluster waits for promises, for the store, and for timers, and for nothing else. So a moment is over when
// the store owes no answer and a turn of the event loop has let all promises run.
import { systemClock } from '../base/clock.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { RestGuard } from './rest-guard.ts';

export interface VirtualTimeOptions {
  readonly epochMs?: number;
  /** Answers that are still owed by what is not a timer: the store, say. */
  readonly owed: () => number;
  /** Changes with what comes and goes over real connections; absent: there are none. */
  readonly activity?: () => number;
  readonly guard: () => RestGuard;
}

/** How long real connections must be silent until a moment counts as over. */
const quietMs = 8;
/** What is written to a connection is on its way after so many turns of the event loop. */
const turnsToWrite = 4;

export class VirtualTime {
  readonly clock: VirtualClock;
  readonly #options: VirtualTimeOptions;
  #quietAt = -1;

  constructor(options: VirtualTimeOptions) {
    this.#options = options;
    this.clock = new VirtualClock({ epochMs: options.epochMs, settle: () => this.settle() });
  }

  /** Resolves when nothing more happens without time moving. Throws RestlessError when that would never be. */
  async settle(): Promise<void> {
    const { activity, guard } = this.#options;
    for (;;) {
      await this.#drain();
      if (guard().error) throw guard().error;
      if (!activity) return;
      for (let turn = 0; turn < turnsToWrite; turn++) await oneTurn();
      const now = activity();
      // Whoever is at the other end has nothing new to act on.
      if (now === this.#quietAt) return;
      this.#quietAt = now;
      await new Promise<void>((resolve) => void systemClock.schedule(quietMs, resolve));
    }
  }

  /** One timer, at its time, and all that follows from it at once; false when none is due by then. */
  async step(untilMs = Infinity): Promise<boolean> {
    await this.settle();
    if (!this.clock.runNext(untilMs)) return false;
    await this.settle();
    return true;
  }

  async #drain(): Promise<void> {
    const { owed, guard } = this.#options;
    do await oneTurn();
    while (owed() > 0 && !guard().error);
  }
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
