// PUT: an object, or its status, in the place of what is there.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { validateMetadataUpdate } from '../../api/kinds/validation/metadata.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import type { KubeObject } from '../../api/types.ts';
import { storeKey } from '../watch/cache.ts';
import type { Item } from '../watch/item.ts';
import { exclusively, put, remove } from './commit.ts';
import { createUnlessThere, nameMismatch } from './create.ts';
import { fillStructs } from './fill-structs.ts';
import { receive } from './receive.ts';
import { admit, itemAnswer, mutate, open, writeContext, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { charge } from './resource-quotas.ts';
import { draftSharingOwners, track } from './track.ts';

export async function update(registry: Registry, request: WriteRequest): Promise<Answer> {
  const { kind, namespace, name, subresource } = request;
  const { draft: received, warnings } = receive(request);
  received.metadata.name ||= name;
  if (received.metadata.name !== name) throw nameMismatch(received.metadata.name, name);
  return exclusively(registry, kind, namespace, name, async () => {
    if (kind.allowCreateOnUpdate && !subresource && !registry.cache.of(kind).get(namespace, name)) {
      if (received.metadata.resourceVersion) throw ApiError.notFound(kind, name);
      return createUnlessThere(registry, request, draftOf(received), warnings);
    }
    const before = await open(registry, kind, namespace, name);
    checkRevision(kind, received, before);
    const item = await replace(registry, request, before, draftSharingOwners(received));
    return itemAnswer(kind, item, 200, warnings);
  });
}

/**
 * Brings `draft` into the place of `before`: what only the server may set stays, admission and validation have their
 * say, and nothing is written when nothing has changed. An object that was only held by a finalizer is gone afterwards.
 */
export async function replace(registry: Registry, request: WriteRequest, before: Item, draft: KubeObject): Promise<Item> {
  const { kind, namespace, name, subresource, options, user } = request;
  const dryRun = options.dryRun === true;
  const ofStatus = subresource === 'status';
  const old = before.object;
  const context = writeContext(registry, user);
  keepSystemFields(draft, old);
  registry.serviceAddresses.carryOver(kind, draft, old);
  if (ofStatus) keepAllButStatus(draft, old);
  else if (kind.hasStatus) keepStatus(draft, old);
  fillStructs(kind, draft, ofStatus);
  kind.defaults?.(draft);
  if (ofStatus) kind.prepareStatus?.(draft, old, context);
  else kind.prepareUpdate?.(draft, old, context);

  const admission = { kind, as: request.as, verb: 'update', subresource, namespace, name, draft, before: old, user, dryRun, warnings: request.warnings, annotate: request.annotate, waited: request.waited } as const;
  if (request.patchType !== 'apply') track(request, old, draft, context.nowMs);
  await mutate(registry, admission);
  if (kind.hasGeneration) draft.metadata.generation = (old.metadata.generation ?? 0) + (sameContent(kind, draft, old) ? 0 : 1);
  const causes = [
    ...validateMetadataUpdate(kind, draft, old),
    ...(ofStatus ? (kind.validateStatus?.(draft, old) ?? []) : [...(kind.validate?.(draft, old, request.as) ?? []), ...(kind.validateUpdate?.(draft, old) ?? [])]),
  ];
  if (causes.length > 0) throw ApiError.invalid(kind, name, causes);
  await admit(registry, admission);
  if (kind.warnings && draft.metadata.generation !== old.metadata.generation) request.warnings.push(...kind.warnings(draft, old));
  return store(registry, kind, before, draft, dryRun);
}

/** The end of every change of an object that is there. */
export async function store(registry: Registry, kind: Kind, before: Item, draft: KubeObject, dryRun: boolean): Promise<Item> {
  const old = before.object;
  draft.metadata.resourceVersion = old.metadata.resourceVersion;
  if (sameJson(draft, old) && (!kind.custom || isStoredNow(registry, kind, before)) && !isStale(registry, kind, before)) return before;
  if (isReleased(kind, draft)) {
    const encoding = registry.cache.of(kind).encodings.shown(kind);
    const revision = await remove(registry, kind, before, dryRun);
    registry.serviceAddresses.release(kind, old);
    return encoding.item(before.namespace, before.name, encoding.value(draft), revision, draft);
  }
  const charging = charge(registry, kind, draft, old, dryRun);
  const refund = charging && (await charging);
  try {
    using addresses = registry.serviceAddresses.take(kind, draft, old, dryRun);
    const item = await put(registry, kind, before, draft, dryRun);
    addresses.keep();
    return item;
  } catch (error) {
    await refund?.();
    throw error;
  }
}

/** Throws Conflict when the draft insists on another revision or UID, and Invalid when it names no revision but must. */
export function checkRevision(kind: Kind, { metadata }: KubeObject, before: Item, isOptional = kind.allowUnconditionalUpdate): void {
  const { name, uid } = before.object.metadata;
  if (metadata.uid && metadata.uid !== uid) {
    throw ApiError.conflict(kind, name, `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`);
  }
  const expected = metadata.resourceVersion;
  if (!expected || expected === '0') {
    if (isOptional) return;
    throw ApiError.invalid(kind, name, [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message: 'Invalid value: 0: must be specified for an update' }]);
  }
  if (!/^\d+$/.test(expected)) {
    throw ApiError.invalid(kind, name, [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message: `Invalid value: ${JSON.stringify(expected)}: strconv.ParseUint: parsing ${JSON.stringify(expected)}: invalid syntax` }]);
  }
  if (Number(expected) !== before.revision) throw ApiError.modified(kind, name);
}

/** Deleted, given no grace any more, and held by nothing: it goes with the write that released it. */
export function isReleased(kind: Kind, object: KubeObject): boolean {
  const { metadata } = object;
  return !!metadata.deletionTimestamp && !metadata.deletionGracePeriodSeconds && !metadata.finalizers?.length && !kind.heldBy?.(object);
}

function keepSystemFields({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  metadata.uid = old.uid;
  metadata.creationTimestamp = old.creationTimestamp;
  for (const field of ['namespace', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generateName'] as const) keep(metadata, old, field);
  delete metadata.selfLink;
}

function keepAllButStatus(draft: KubeObject, old: KubeObject): void {
  for (const field of new Set([...Object.keys(draft), ...Object.keys(old)])) {
    if (field !== 'status' && field !== 'metadata') keep(draft, old, field as keyof KubeObject);
  }
}

function keepStatus(draft: KubeObject, old: KubeObject): void {
  keep(draft, old, 'status' as keyof KubeObject);
}

function keep<T extends object, K extends keyof T>(draft: T, old: T, field: K): void {
  if (old[field] === undefined) delete draft[field];
  else draft[field] = draftOf(old[field]);
}

/** So a write that changes nothing moves an object to the key by which the store encrypts now. */
function isStale({ store }: Registry, kind: Kind, { namespace, name }: Item): boolean {
  return store.isStale?.(storeKey(kind, namespace, name)) === true;
}

/** A write that changes nothing still moves an object to the version that is stored now. */
function isStoredNow(registry: Registry, kind: Kind, { namespace, name }: Item): boolean {
  const cache = registry.cache.of(kind);
  return cache.get(namespace, name)?.encoding.kind.version === cache.kind.version;
}

/** Equal but for metadata and status: what generation counts. A custom object without a status of its own has a field of that name like any other. */
function sameContent({ custom, hasStatus }: Kind, a: KubeObject, b: KubeObject): boolean {
  const contentOf = ({ metadata: _metadata, kind: _kind, apiVersion: _apiVersion, ...rest }: KubeObject) => (custom && !hasStatus ? rest : { ...rest, status: undefined });
  return sameJson(contentOf(a), contentOf(b));
}
