// One watch as the API has it: where it begins, what it is told first, bookmarks, and its end.
import type { Clock } from '../../base/clock.ts';
import { ApiError, type FieldCause } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import type { RequestOptions } from '../../api/request.ts';
import type { Revision } from '../../store/store.ts';
import type { Cache } from './cache.ts';
import { TooOld } from './kind-cache.ts';
import { Batch } from './notes.ts';
import { forbidden, invalidListOptions, revisionOf } from './resource-version.ts';
import { selectionOf } from './selection.ts';

/** Who is told. A sink that falls behind ends the watch itself. */
export interface WatchSink {
  batch(batch: Batch): void;
  bookmark(bookmark: Bookmark): void;
  /** The time is up. */
  end(): void;
}

export interface Bookmark {
  readonly revision: Revision;
  /** The first, which says that all that was there at the start has been sent. */
  readonly initialEventsEnd: boolean;
}

const bookmarkEveryMs = 60_000;

/** Tells `sink` from now on, beginning within this call, until disposed. Throws ApiError. */
export function watch(cache: Cache, clock: Clock, kind: Kind, namespace: string | undefined, name: string | undefined, options: RequestOptions, sink: WatchSink): Disposable {
  const of = cache.of(kind);
  const selection = selectionOf(kind, namespace, name, options);
  const after = startOf(options, cache.revision);
  const stop = new DisposableStack();
  const begin = (revision: Revision) => {
    const { missed, watching } = of.watch({ selection, deliver: (batch) => sink.batch(batch), end: () => sink.end() }, revision);
    stop.use(watching);
    return missed;
  };
  if (after === 'now') {
    const present = of.list(selection);
    begin(cache.revision);
    for (let at = 0; at < present.length; at += initialBatch) {
      sink.batch(new Batch(present.slice(at, at + initialBatch).map((item) => ({ type: 'ADDED', item }))));
    }
    if (options.sendInitialEvents && options.allowWatchBookmarks) sink.bookmark({ revision: cache.revision, initialEventsEnd: true });
  } else {
    let missed: Batch | undefined;
    try {
      missed = begin(after);
    } catch (error) {
      if (error instanceof TooOld) throw ApiError.expired(`too old resource version: ${after} (${error.floor + 1})`);
      throw error;
    }
    if (missed) sink.batch(missed);
  }
  if (options.allowWatchBookmarks) stop.use(every(clock, bookmarkEveryMs, () => sink.bookmark({ revision: cache.revision, initialEventsEnd: false })));
  if (options.timeoutSeconds) stop.use(clock.schedule(options.timeoutSeconds * 1000, () => sink.end()));
  return stop;
}

/** Items in one batch of what is there at the start, so that no batch is larger than need be. */
const initialBatch = 500;

/** The revision after which to begin; `now`: with all that is there, as added. */
function startOf(options: RequestOptions, newest: Revision): Revision | 'now' {
  checkWatchOptions(options);
  const { resourceVersion, sendInitialEvents } = options;
  const revision = revisionOf(resourceVersion, newest);
  return sendInitialEvents ? 'now' : (revision ?? (sendInitialEvents === false ? newest : 'now'));
}

/** Throws ApiError as the API server does for combinations that make no sense. */
function checkWatchOptions({ sendInitialEvents, resourceVersionMatch, continue: token }: RequestOptions): void {
  if (sendInitialEvents === undefined && !resourceVersionMatch) return;
  const causes: FieldCause[] = [];
  if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan') causes.push(forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (resourceVersionMatch) {
    if (sendInitialEvents === undefined) causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    if (resourceVersionMatch !== 'NotOlderThan') causes.push({ reason: 'FieldValueNotSupported', field: 'resourceVersionMatch', message: `Unsupported value: ${JSON.stringify(resourceVersionMatch)}: supported values: "NotOlderThan"` });
    if (token) causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
  }
  if (causes.length > 0) throw invalidListOptions(causes);
}

function every(clock: Clock, everyMs: number, run: () => void): Disposable {
  let timer: Disposable;
  const arm = () => {
    timer = clock.schedule(everyMs, () => {
      run();
      arm();
    });
  };
  arm();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

