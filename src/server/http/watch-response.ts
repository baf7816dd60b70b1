// A watch over HTTP: one JSON document a line, or one frame of protobuf, written as each commit comes.
import type { Clock } from '../../base/clock.ts';
import type { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf } from '../registry/receive.ts';
import type { Item } from '../watch/item.ts';
import type { Batch } from '../watch/notes.ts';
import type { Bookmark, WatchSink } from '../watch/watching.ts';
import type { Wanted } from './accept.ts';
import type { Outgoing } from './exchange.ts';
import type { EventCounts } from './metrics.ts';
import type { Frames } from './protobuf.ts';
import type { Query } from './query.ts';
import { partialOf, tableOf } from './table.ts';

/** What may wait for a slow client beyond what was there at the start; then it is cut off, and will list anew. */
const queuedBytes = 16 * 1024 * 1024;

/** `counted`: how many events it was told. `frames`: for a client that wants protobuf. */
export function watchSink(outgoing: Outgoing, kind: Kind, wanted: Wanted, query: Query, clock: Clock, counted: EventCounts, frames?: Frames): WatchSink & { error(error: ApiError): void } {
  const told = frames ? framed(wanted, frames) : wanted.form === 'object' ? (batch: Batch) => batch.lines : transformed(kind, wanted, query, clock);
  const marked = (type: 'BOOKMARK' | 'ERROR', object: object) => (frames ? frames.event(type, object) : Buffer.from(`${JSON.stringify({ type, object })}\n`));
  let isStarted = false;
  const write = (bytes: Buffer) => {
    if (outgoing.destroyed || outgoing.writableEnded) return;
    if (isStarted && outgoing.writableLength > queuedBytes) outgoing.destroy();
    else (outgoing as { write(bytes: Buffer): boolean }).write(bytes);
  };
  // The first batches come before the watch is set up, whatever their size.
  queueMicrotask(() => (isStarted = true));
  return {
    batch(batch) {
      const { length } = batch.notes;
      const bytes = told(batch);
      counted.events += length;
      if (length > 0) counted.sizes.observe(bytes.length / length, length);
      write(bytes);
    },
    bookmark: (bookmark) => write(marked('BOOKMARK', bookmarkObject(kind, wanted, bookmark))),
    end: () => void outgoing.end(),
    /** Told as an event, and the last. */
    error(error) {
      write(marked('ERROR', error.toStatus()));
      outgoing.end();
    },
  };
}

/** All who watch objects as they are share their frames. */
function framed({ form }: Wanted, frames: Frames): (batch: Batch) => Buffer {
  return (batch) => (form === 'object' ? batch.frames(frames.batch) : frames.batch(batch.notes));
}

function transformed(kind: Kind, { form, version }: Wanted, { includeObject }: Query, clock: Clock): (batch: Batch) => Buffer {
  let withColumns = true;
  const objectOf = (item: Item): object => {
    if (form === 'partial') return partialOf(item.object, version);
    const table = tableOf(kind, [item], { resourceVersion: String(item.revision) }, { includeObject, version, nowMs: clock.wallMs(), withColumns });
    withColumns = false;
    return table;
  };
  return ({ notes }) => Buffer.from(notes.map(({ type, item }) => `${JSON.stringify({ type, object: objectOf(item) })}\n`).join(''));
}

function bookmarkObject(kind: Kind, { form, version }: Wanted, { revision, initialEventsEnd }: Bookmark): object {
  const annotations = initialEventsEnd ? { 'k8s.io/initial-events-end': 'true' } : undefined;
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, annotations };
  if (form === 'table') return { kind: 'Table', apiVersion: `meta.k8s.io/${version}`, metadata: { resourceVersion: String(revision) }, columnDefinitions: [], rows: [{ cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata } }] };
  if (form === 'partial') return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata };
}
