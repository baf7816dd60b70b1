// The pulls of this node: so many at once, the others in turn; who wants an image that is being pulled with the same
// credentials joins that pull instead of beginning another. A pull that nobody wants any more is ended.
//
//   waiting ──a place is free──▶ pulling ──▶ done (told to all who joined)
//      └── the last who wanted it has left ──▶ ended
import type { Clock } from '../../base/clock.ts';
import type { ImageAuth, Runtime } from '../../runtime/runtime.ts';

export interface Pulled {
  /** How long the runtime took, without the wait for a place. */
  readonly pullMs: number;
}

export interface PullsOptions {
  readonly runtime: Pick<Runtime, 'pullImage'>;
  readonly clock: Clock;
  /** 1: one after the other. What waits is bounded by the node's Pods and their containers. */
  readonly mostAtOnce: number;
}

interface Pull {
  readonly done: Promise<Pulled>;
  readonly ending: AbortController;
  wanted: number;
}

export class Pulls {
  readonly #options: PullsOptions;
  readonly #running = new Map<string, Pull>();
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(options: PullsOptions) {
    this.#options = options;
    this.#free = options.mostAtOnce;
  }

  /** Rejects as the runtime does, or when the signal ends: then the pull goes on only if another wants it. */
  async pull(image: string, auth: ImageAuth | undefined, signal: AbortSignal): Promise<Pulled> {
    signal.throwIfAborted();
    const key = JSON.stringify([image, auth ?? null]);
    const pull = this.#running.get(key) ?? this.#begin(key, image, auth);
    pull.wanted++;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([pull.done, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--pull.wanted === 0) {
        // One that comes now begins anew.
        if (this.#running.get(key) === pull) this.#running.delete(key);
        pull.ending.abort(new Error('nobody wants this image any more'));
      }
    }
  }

  #begin(key: string, image: string, auth: ImageAuth | undefined): Pull {
    const ending = new AbortController();
    const done = this.#inTurn(image, auth, ending.signal);
    const pull: Pull = { done, ending, wanted: 0 };
    this.#running.set(key, pull);
    const over = () => {
      if (this.#running.get(key) === pull) this.#running.delete(key);
    };
    done.then(over, over);
    return pull;
  }

  async #inTurn(image: string, auth: ImageAuth | undefined, signal: AbortSignal): Promise<Pulled> {
    const { runtime, clock } = this.#options;
    await this.#place(signal);
    try {
      const beganMs = clock.monotonicMs();
      await runtime.pullImage(image, auth, signal);
      return { pullMs: clock.monotonicMs() - beganMs };
    } finally {
      this.#leavePlace();
    }
  }

  async #place(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    const leave = () => {
      const at = this.#waiting.indexOf(turn.resolve);
      // Not there: the place was given a moment before, and is given on by who waits for the promise.
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      turn.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    await turn.promise.finally(() => signal.removeEventListener('abort', leave));
  }

  #leavePlace(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
