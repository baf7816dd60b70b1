// A request that is not answered in time is answered with a time-out; what was begun for it goes on to its end, which nobody waits for.
import type { Clock } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import { ApiError } from '../../api/error.ts';
import type { Filter } from './filters.ts';
import { isLongRunning } from './long-running.ts';
import { noQuery } from './query.ts';
import type { Route } from './route.ts';

interface Awaited {
  readonly dueMs: number;
  readonly giveUp: (error: ApiError) => void;
}

/** `longestMs` for all, less for those that ask for less (`?timeout=10s`). One timer, for those that take the longest. */
export function deadline(clock: Clock, longestMs: number): Filter {
  /** In the order of their arrival, so of their time-outs. */
  const awaited = new Set<Awaited>();
  let timer: Disposable | undefined;
  const look = () => {
    timer = undefined;
    const nowMs = clock.monotonicMs();
    for (const one of awaited) {
      if (one.dueMs > nowMs) return void (timer = clock.schedule(one.dueMs - nowMs, look));
      awaited.delete(one);
      one.giveUp(timedOut());
    }
  };

  return (passing, next) => {
    const { route } = passing;
    if (passing.upgrade || isLongRunning(route)) return next(passing);
    const ownMs = askedMs(route);
    const going = next(passing);
    if (going === undefined) return undefined;
    return new Promise<void>((resolve, reject) => {
      if (ownMs !== undefined && ownMs < longestMs) {
        const own = clock.schedule(ownMs, () => reject(timedOut()));
        going.then(resolve, reject).finally(() => own[Symbol.dispose]());
        return;
      }
      const one = { dueMs: clock.monotonicMs() + longestMs, giveUp: reject };
      awaited.add(one);
      timer ??= clock.schedule(longestMs, look);
      going.then(
        () => {
          awaited.delete(one);
          resolve();
        },
        (error: Error) => {
          awaited.delete(one);
          reject(error);
        },
      );
    });
  };
}

function timedOut(): ApiError {
  return ApiError.timeout('request did not complete within the allotted timeout', 0);
}

/** Undefined: none, or 0. Throws ApiError. */
function askedMs({ query }: Route): number | undefined {
  const text = query === noQuery ? undefined : query.parameters.get('timeout');
  if (!text) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) throw ApiError.badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  return ms > 0 ? ms : undefined;
}
