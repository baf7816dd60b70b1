// Limits one piece of work in time.
import type { Clock } from '../../base/clock.ts';

export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

/** Runs `work` with a signal that ends with `signal`, or after `timeoutMs` with a TimedOut. */
export async function within<T>(timeoutMs: number, clock: Clock, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  const onAbort = () => over.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  using _timer = clock.schedule(timeoutMs, () => over.abort(new TimedOut(`after ${timeoutMs} ms`)));
  try {
    return await Promise.race([work(over.signal), rejection(over.signal)]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** As Go prints whole seconds and parts of them: `1s`, `1m0s`. */
export function secondsText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${ms / 1000}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
