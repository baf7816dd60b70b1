// Whether the store works: it can be read, and where a write has failed, one has succeeded since.
import type { Clock } from '../base/clock.ts';
import { describe } from '../base/log.ts';
import { Conflict, type Store } from '../store/store.ts';

const probeKey = '/registry/health/store';
const patienceMs = 2000;

export class StoreHealth {
  readonly #store: Store;
  readonly #clock: Clock;
  #failure: string | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** For whoever writes: it went wrong. That another was faster is nothing wrong. */
  readonly failed = (error: unknown): void => {
    if (!(error instanceof Conflict)) this.#failure = error instanceof Error ? error.message : describe(error);
  };

  /** What is wrong; undefined: nothing. */
  readonly check = async (): Promise<string | undefined> => {
    const giveUp = new AbortController();
    using _timer = this.#clock.schedule(patienceMs, () => giveUp.abort(new Error('the store does not answer')));
    try {
      const present = await this.#store.get(probeKey, giveUp.signal);
      if (this.#failure === undefined) return undefined;
      await this.#store.swap(probeKey, present?.revision ?? 0, 'written to see whether it can be', giveUp.signal);
      this.#failure = undefined;
      return undefined;
    } catch (error) {
      if (error instanceof Conflict) return undefined;
      return error instanceof Error ? error.message : describe(error);
    }
  };
}
