// The only place that reads the machine's time or sets its timers. Everything else is given a Clock, so that a
// test can hand in one whose time is a number.

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the machine's clock is set. For timestamps that people read. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs` (≤ 0: on the next turn). Disposing it before then cancels it. */
  schedule(delayMs: number, run: () => void): Disposable;
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** Node.js' largest timer delay; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number) => {
      const partMs = Math.min(Math.max(leftMs, 0), longestTimerMs);
      timer = setTimeout(() => (leftMs > partMs ? arm(leftMs - partMs) : run()), partMs);
    };
    arm(delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
};

/** `sleep` in terms of `schedule`, for any clock. */
export function sleepOn(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer[Symbol.dispose]();
      reject(signal.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** RFC 3339 in UTC with whole seconds, as metav1.Time is written: `2026-01-02T03:04:05Z`. */
export function formatTime(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 19) + 'Z';
}

/** RFC 3339 in UTC with microseconds, as metav1.MicroTime is written. */
export function formatMicroTime(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 23) + '000Z';
}

/** Milliseconds since the Unix epoch of an RFC 3339 time (fractions beyond milliseconds are cut); NaN when it is none. */
export function parseTime(text: string): number {
  return Date.parse(text);
}

/** For the few interfaces of others that take a Date. */
export function dateOf(wallMs: number): Date {
  return new Date(wallMs);
}
