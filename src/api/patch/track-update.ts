// Who owns which fields after a write that is no apply: what it added or gave another value belongs to its manager, and to
// nobody else; what is gone is nobody's. Semantics: apimachinery pkg/util/managedfields.
//
// An object that nobody keeps book of stays so under updates, as upstream: its book begins with the write that makes it, or
// with the first apply. Entries of which nothing has changed are taken over as they are.
import { formatTime } from '../../base/clock.ts';
import { sameJson } from '../meta.ts';
import { apiVersionOf, turnedDifferences, type Of, type TrackOptions } from './differences-by-version.ts';
import { gatherAncient, isEntry, isReset, isSameManager, sortedEntries, type Entry } from './managed-fields.ts';
import { minus, plus } from './fields-v1.ts';
import { isObject, type JsonObject } from './json.ts';

/** Sets `draft`'s managedFields, in place, to what they are after the write. `live` is undefined when the write creates. */
export function trackUpdate(of: Of, live: object | undefined, draft: object, options: TrackOptions): void {
  const metadata = (draft as JsonObject)['metadata'];
  if (!isObject(metadata)) return;
  const entries = entriesBefore(metadata['managedFields'], liveEntries(live), live === undefined, options.subresource);
  const after = entries && entriesAfter(of, live, draft, entries, options);
  if (after && after.length > 0) metadata['managedFields'] = after;
  else if ('managedFields' in metadata) delete metadata['managedFields'];
}

function entriesAfter(of: Of, live: object | undefined, draft: object, entries: readonly Entry[], options: TrackOptions): readonly Entry[] {
  const { fieldManager: manager = 'unknown', subresource = '', nowMs } = options;
  const ownVersion = apiVersionOf(of);
  const differencesIn = turnedDifferences(of, live, draft, options);
  const own = differencesIn(ownVersion);
  if (!own) return entries;
  const id = { manager, operation: 'Update', apiVersion: ownVersion, subresource } as const;
  let before: Entry | undefined;
  const left: Entry[] = [];
  for (const entry of entries) {
    const isOwn = isSameManager(entry, id);
    const differences = differencesIn(entry.apiVersion);
    const kept = isOwn ? entry.fieldsV1 : minus(entry.fieldsV1, differences?.changed);
    const fieldsV1 = kept && minus(kept, differences?.removed);
    const same = fieldsV1 === entry.fieldsV1 ? entry : fieldsV1 && { ...entry, fieldsV1 };
    if (isOwn && own.changed) before = same;
    else if (same) left.push(same);
  }
  if (!own.changed) return left;
  const time = nowMs === undefined ? undefined : formatTime(nowMs);
  left.push({ manager, operation: 'Update', apiVersion: ownVersion, ...(time ? { time } : {}), fieldsType: 'FieldsV1', fieldsV1: plus(before?.fieldsV1, own.changed), ...(subresource ? { subresource } : {}) });
  return left.length === 1 ? left : sortedEntries(gatherAncient(left));
}

/** What the write begins with; undefined: no book is kept. A client may write the book itself, but for a subresource's. */
function entriesBefore(given: unknown, live: readonly Entry[], isNew: boolean, subresource: string | undefined): readonly Entry[] | undefined {
  const nothing = isNew ? none : undefined;
  if (subresource) return live.length > 0 ? live : nothing;
  if (isReset(given)) return nothing;
  // The live ones are taken where they are the same: they share, and are known to be readable.
  const isOther = Array.isArray(given) && given.length > 0 && given !== live && !sameJson(given, live);
  if (isOther && given.every(isEntry)) return withoutDoubles(given);
  return live.length > 0 ? live : nothing;
}

const none: readonly Entry[] = [];

function liveEntries(live: object | undefined): readonly Entry[] {
  const metadata = (live as JsonObject | undefined)?.['metadata'];
  const entries = isObject(metadata) ? metadata['managedFields'] : undefined;
  return Array.isArray(entries) ? (entries as Entry[]) : none;
}

/** Of a manager's entries the last one counts; one without fields says nothing. */
function withoutDoubles(entries: readonly Entry[]): readonly Entry[] {
  const isSuperseded = ({ manager = '', operation, apiVersion, subresource = '' }: Entry, at: number) =>
    entries.slice(at + 1).some((later) => isSameManager(later, { manager, operation, apiVersion, subresource }));
  return entries.filter((entry, at) => (entry.fieldsV1 as unknown) && !isSuperseded(entry, at));
}
