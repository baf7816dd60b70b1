// A call that makes something is not cut off at once when it is no longer wanted: only its answer tells what it has made, and
// containerd leaves parts of what it cannot finish. What hangs is cut off in the end.
import type { Clock } from '../../base/clock.ts';

const patienceMs = 10_000;

/** `call` gets a signal that aborts so much later than the given one. */
export async function patiently<T>(call: (signal: AbortSignal) => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const late = new AbortController();
  let timer: Disposable | undefined;
  const onAbort = () => (timer = clock.schedule(patienceMs, () => late.abort(signal.reason)));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await call(late.signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer?.[Symbol.dispose]();
  }
}
