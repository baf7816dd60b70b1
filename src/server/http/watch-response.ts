// A watch over HTTP: one JSON document a line, written as each commit comes.
import type { Clock } from '../../base/clock.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf } from '../registry/receive.ts';
import type { Item } from '../watch/item.ts';
import type { Batch } from '../watch/notes.ts';
import type { Bookmark, WatchSink } from '../watch/watching.ts';
import type { Wanted } from './accept.ts';
import type { Outgoing } from './exchange.ts';
import type { Query } from './query.ts';
import { partialOf, tableOf } from './table.ts';

/** What may wait for a slow client beyond what was there at the start; then it is cut off, and will list anew. */
const queuedBytes = 16 * 1024 * 1024;

export function watchSink(outgoing: Outgoing, kind: Kind, wanted: Wanted, query: Query, clock: Clock): WatchSink {
  const lines = wanted.form === 'object' ? (batch: Batch) => batch.lines : transformed(kind, wanted, query, clock);
  let isStarted = false;
  const write = (bytes: Buffer) => {
    if (outgoing.destroyed || outgoing.writableEnded) return;
    if (isStarted && outgoing.writableLength > queuedBytes) outgoing.destroy();
    else (outgoing as { write(bytes: Buffer): boolean }).write(bytes);
  };
  // The first batches come before the watch is set up, whatever their size.
  queueMicrotask(() => (isStarted = true));
  return {
    batch: (batch) => write(lines(batch)),
    bookmark: (bookmark) => write(Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: bookmarkObject(kind, wanted, bookmark) })}\n`)),
    end: () => void outgoing.end(),
  };
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
