// Sees to it that a moment of virtual time ends: something that goes on and on without time moving is stopped and named.
import { formatMicroTime, type Clock } from '../base/clock.ts';

/** How often one component may do the same thing to the same object, or set off timers, in one moment. */
export interface StepLimits {
  readonly calls: number;
  /** Of calls that name no object, such as creates and lists. */
  readonly namelessCalls: number;
  readonly timers: number;
}

export const stepLimits: StepLimits = { calls: 1_000, namelessCalls: 200_000, timers: 100_000 };

export class RestlessError extends Error {
  override readonly name = 'RestlessError';
}

export class RestGuard {
  /** Set once something was stopped. */
  error: RestlessError | undefined;
  readonly #clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  readonly #limits: StepLimits;
  readonly #isLimited: boolean;
  readonly #counts = new Map<string, number>();
  #atMs = -1;

  constructor(clock: Pick<Clock, 'wallMs' | 'monotonicMs'>, limits: Partial<StepLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...stepLimits, ...limits };
    this.#isLimited = Object.values(this.#limits).some((limit) => limit !== Infinity);
  }

  /** False: it has been too often, and must not go on. */
  call(who: string, verb: string, resource: string, name: string | undefined): boolean {
    if (!this.#isLimited) return true;
    return this.#count(name === undefined ? `${who}: ${verb} ${resource}` : `${who}: ${verb} ${resource} ${name}`, name === undefined ? this.#limits.namelessCalls : this.#limits.calls, 'calls');
  }

  timer(who: string): void {
    if (!this.#isLimited) return;
    this.#count(`${who}: timers that are due at once`, this.#limits.timers, 'timers');
  }

  #count(key: string, limit: number, what: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs !== this.#atMs) {
      this.#atMs = nowMs;
      this.#counts.clear();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    if (count <= limit) return true;
    this.error ??= new RestlessError(`a loop never rests: ${limit} ${what} and more at ${formatMicroTime(this.#clock.wallMs())} without time moving: ${key}; the most beside it:\n${this.#most(key)}`);
    return false;
  }

  #most(key: string): string {
    const others = [...this.#counts].filter(([other]) => other !== key).sort(([, a], [, b]) => b - a).slice(0, 5);
    return others.map(([other, count]) => `  ${count} × ${other}`).join('\n');
  }
}
