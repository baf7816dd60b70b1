// How long to wait after failures: doubling up to a longest wait, with a random share on top so that many who fail
// together do not come back together.
import type { Random } from './random.ts';

export interface BackoffLimits {
  readonly initialMs: number;
  readonly longestMs: number;
}

/** The wait after `failures` failures in a row (1: the first): initial, twice that, four times … the longest. */
export function backoffMs(failures: number, limits: BackoffLimits): number {
  return Math.min(limits.initialMs * 2 ** Math.max(0, failures - 1), limits.longestMs);
}

/** `delayMs` made longer by a random part of up to `share` of it. */
export function jitterMs(delayMs: number, share: number, random: Random): number {
  return delayMs * (1 + share * random.next());
}

/** Counts the failures in a row of each key. One count is kept for each key that failed and was not forgotten since. */
export class KeyedBackoff {
  readonly #failures = new Map<string, number>();
  readonly #limits: BackoffLimits;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  /** Counts one more failure of `key` and gives the wait that follows it. */
  fail(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    return backoffMs(failures, this.#limits);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
