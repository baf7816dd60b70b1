// metadata.managedFields: who owns which fields, as entries on the wire and as sets.
import { ApiError } from '../error.ts';
import { emptySet, fieldSet, fromFieldsV1, isEmpty, toFieldsV1, union, without, type FieldSet } from './field-set.ts';
import { plus, type FieldsV1 } from './fields-v1.ts';
import { isObject, type JsonObject } from './json.ts';

export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** RFC 3339; undefined: never known. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** The same as it stands in metadata.managedFields. */
export interface Entry {
  readonly manager?: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldsV1;
  readonly subresource?: string;
}

type Identity = Pick<Owner, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

export function isSameManager({ manager = '', operation, apiVersion, subresource = '' }: Entry, id: Identity): boolean {
  return isSameOwner({ manager, operation, apiVersion, subresource }, id);
}

/** Whether it can be read. */
export function isEntry(entry: unknown): entry is Entry {
  return readOwner(entry) !== undefined;
}

/** `managedFields: []` or `[{}]` is how a client says: forget them. */
export function isReset(entries: unknown): boolean {
  if (!Array.isArray(entries) || entries.length > 1) return false;
  return entries.length === 0 || (isObject(entries[0]) && Object.keys(entries[0]).length === 0);
}

/** An Apply entry is the manager's one and only; an Update entry is another for another apiVersion. */
export function isSameOwner(a: Identity, b: Identity): boolean {
  return a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource && (a.operation === 'Apply' || a.apiVersion === b.apiVersion);
}

/** Undefined when there are none, or one cannot be read. */
export function readOwners(metadata: unknown): Owner[] | undefined {
  const entries: unknown = isObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(entries) || entries.length === 0) return undefined;
  const owners = entries.map(readOwner);
  return owners.every((owner) => owner !== undefined) ? owners : undefined;
}

function readOwner(entry: unknown): Owner | undefined {
  if (!isObject(entry)) return undefined;
  const { manager = '', operation, apiVersion, subresource = '', time, fieldsType, fieldsV1 } = entry;
  const fields = fromFieldsV1(fieldsV1 ?? {});
  if (!fields || fieldsType !== 'FieldsV1' || (operation !== 'Apply' && operation !== 'Update')) return undefined;
  if (typeof manager !== 'string' || typeof apiVersion !== 'string' || typeof subresource !== 'string') return undefined;
  return { manager, operation, apiVersion, subresource, time: typeof time === 'string' ? time : undefined, fields };
}

/** Those who own nothing are left out; Apply before Update, then by time and name. */
export function writeOwners(owners: readonly Owner[]): JsonObject[] {
  const order = (owner: Owner) => [owner.operation, owner.time ?? '', owner.manager, owner.apiVersion, owner.subresource].join('\0');
  const kept = owners.filter(({ fields }) => !isEmpty(fields)).sort((a, b) => (order(a) < order(b) ? -1 : 1));
  return kept.map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
    manager,
    operation,
    apiVersion,
    ...(time ? { time } : {}),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(fields),
    ...(subresource ? { subresource } : {}),
  }));
}

/** So many Update entries at most. */
const mostUpdaters = 10;

/** The oldest Update entries beyond are gathered, those of a version into one. */
export function gatherAncient(entries: readonly Entry[]): readonly Entry[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update');
  let excess = updaters.length - mostUpdaters;
  if (excess <= 0) return entries;
  const left = new Set(entries);
  const first = new Map<string, Entry>();
  for (const entry of updaters.sort(byTimeAndName)) {
    if (excess === 0) break;
    const { apiVersion } = entry;
    const into = first.get(apiVersion);
    if (!into) {
      first.set(apiVersion, entry);
      continue;
    }
    const { subresource: _, ...rest } = into;
    const gathered: Entry = { ...rest, manager: 'ancient-changes', ...(entry.time ? { time: entry.time } : {}), fieldsV1: plus(into.fieldsV1, entry.fieldsV1) };
    left.delete(into);
    left.delete(entry);
    left.add(gathered);
    first.set(apiVersion, gathered);
    excess--;
  }
  return [...left];
}

function byTimeAndName(a: Entry, b: Entry): number {
  return compareText(a.time ?? '', b.time ?? '') || compareText(a.manager ?? '', b.manager ?? '') || compareText(a.apiVersion, b.apiVersion) || compareText(a.subresource ?? '', b.subresource ?? '');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Apply before Update, then by time and name. */
export function sortedEntries(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((a, b) => compareText(a.operation, b.operation) || byTimeAndName(a, b));
}

/** Replaces the entry of the owner, or adds it. */
export function withOwner(owners: readonly Owner[], owner: Owner): Owner[] {
  return [...owners.filter((other) => !isSameOwner(other, owner)), owner];
}

const path = (...steps: string[]): FieldSet => steps.reduceRight((below, step) => fieldSet(false, [[`f:${step}`, below]]), { member: true, below: new Map() } as FieldSet);

/** Nobody owns what names an object and what the server writes. */
const unowned = [
  path('apiVersion'), path('kind'),
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'resourceVersion', 'managedFields', 'deletionTimestamp', 'deletionGracePeriodSeconds'].map((field) => path('metadata', field)),
].reduce(union);
const unownedOrStatus = union(unowned, path('status'));

/** What of `fields` can be owned through an endpoint: an object's own does not reach its status, and the other way. */
export function ownable(fields: FieldSet, subresource: string): FieldSet {
  if (subresource === 'status') return fieldSet(false, [['f:status', fields.below.get('f:status') ?? emptySet]]);
  const kept = without(fields, subresource === '' ? unownedOrStatus : unowned);
  const metadata = kept.below.get('f:metadata');
  return fieldSet(false, [...kept.below].map(([step, set]) => [step, step === 'f:metadata' && metadata?.below.size === 0 ? emptySet : set]));
}

/** The manager's name for a client that gives none: what its User-Agent begins with. */
export function managerOf(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager) return fieldManager;
  const name = (userAgent ?? '').split('/')[0]!;
  return [...name].filter((character) => /[\x20-\x7e]/.test(character)).join('').slice(0, 128) || 'unknown';
}

/** Throws as the API server does for the options of a patch. */
export function checkManager(fieldManager: string | undefined): string {
  const of = { group: 'meta.k8s.io', kind: 'PatchOptions' };
  if (!fieldManager) throw ApiError.invalid(of, '', [{ reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' }]);
  if (fieldManager.length > 128) throw ApiError.invalid(of, '', [{ reason: 'FieldValueTooLong', message: 'Too long: may not be more than 128 bytes', field: 'fieldManager' }]);
  return fieldManager;
}
