// POST: a new object.
import { formatTime } from '../../base/clock.ts';
import { randomSuffix } from '../../base/random.ts';
import { ApiError, isReason } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { validateMetadata } from '../../api/kinds/validation/metadata.ts';
import type { KubeObject } from '../../api/types.ts';
import { Conflict } from '../../store/store.ts';
import { put } from './commit.ts';
import { fillStructs } from './fill-structs.ts';
import { receive } from './receive.ts';
import { admit, itemAnswer, mutate, writeContext, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { charge } from './resource-quotas.ts';
import { track } from './track.ts';

/** So many names are tried for a generateName before it is given up. */
const nameAttempts = 8;
/** What generateName may be long, so that the suffix still fits into a name. */
const longestBase = 58;

export async function create(registry: Registry, request: WriteRequest): Promise<Answer> {
  const { draft, warnings } = receive(request);
  return createFrom(registry, request, draft, warnings);
}

/** The same for a draft that is at hand: a PUT or an apply of a name that is not there. */
export async function createFrom(registry: Registry, request: WriteRequest, draft: KubeObject, warnings: readonly string[]): Promise<Answer> {
  const { kind, namespace, options, user } = request;
  const dryRun = options.dryRun === true;
  const { metadata } = draft;
  if (metadata.resourceVersion && metadata.resourceVersion !== '0') throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created');
  if (kind.namespaced && !namespace) throw ApiError.badRequest('an empty namespace may not be set during creation');
  if (request.name && metadata.name && request.name !== metadata.name) throw nameMismatch(metadata.name, request.name);
  const context = writeContext(registry, user);
  setSystemFields(kind, draft, context.uuid(), formatTime(context.nowMs));
  fillStructs(kind, draft, false);
  kind.prepareCreate?.(draft, context);
  kind.defaults?.(draft);
  // What the server makes of the object from here on is nobody's, as upstream: a name, what admission adds, addresses.
  if (request.patchType !== 'apply') track(request, undefined, draft, context.nowMs);

  const base = metadata.name ? undefined : metadata.generateName?.slice(0, longestBase);
  if (base) metadata.name = base + randomSuffix(registry.random);
  if (metadata.name) kind.prepareNamed?.(draft);
  const admission = { kind, as: request.as, verb: 'create', namespace, name: metadata.name ?? '', draft, user, dryRun, warnings: request.warnings, annotate: request.annotate, waited: request.waited } as const;
  await mutate(registry, admission);
  const causes = [...validateMetadata(kind, draft), ...(kind.validate?.(draft, undefined, request.as) ?? [])];
  if (causes.length > 0) throw ApiError.invalid(kind, metadata.name ?? '', causes);
  await admit(registry, admission);
  if (kind.warnings) request.warnings.push(...kind.warnings(draft));

  const charging = charge(registry, kind, draft, undefined, dryRun);
  const refund = charging && (await charging);
  try {
    return await putNew(registry, request, draft, base, warnings);
  } catch (error) {
    await refund?.();
    throw error;
  }
}

/** The same within `exclusively`, for a name that is not there: where a POST came first, what is there now is to be looked at again. */
export async function createUnlessThere(registry: Registry, request: WriteRequest, draft: KubeObject, warnings: readonly string[]): Promise<Answer> {
  try {
    return await createFrom(registry, request, draft, warnings);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    throw new Conflict(request.name, 0, registry.cache.revision);
  }
}

/** Under another name as long as a generated one is taken. */
async function putNew(registry: Registry, { kind, namespace, options }: WriteRequest, draft: KubeObject, base: string | undefined, warnings: readonly string[]): Promise<Answer> {
  const dryRun = options.dryRun === true;
  const { metadata } = draft;
  using addresses = registry.serviceAddresses.take(kind, draft, undefined, dryRun);
  for (let attempt = 1; ; attempt++) {
    try {
      if (registry.cache.of(kind).get(namespace, metadata.name)) throw new Conflict(metadata.name, 0, 1);
      const item = await put(registry, kind, undefined, draft, dryRun);
      addresses.keep();
      return itemAnswer(kind, item, 201, warnings);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      if (!base) throw ApiError.alreadyExists(kind, metadata.name);
      if (attempt === nameAttempts) throw noUniqueName(kind, metadata.name);
      const taken = metadata.name;
      metadata.name = base + randomSuffix(registry.random);
      kind.prepareNamed?.(draft, taken);
    }
  }
}

export function nameMismatch(name: string, nameOnPath: string): ApiError {
  return ApiError.badRequest(`the name of the object (${name}) does not match the name on the URL (${nameOnPath})`);
}

function setSystemFields(kind: Kind, { metadata }: KubeObject, uid: string, now: string): void {
  metadata.uid = uid;
  metadata.creationTimestamp = now;
  if (kind.hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

function noUniqueName(kind: Kind, name: string): ApiError {
  const { message, details } = ApiError.alreadyExists(kind, name);
  return new ApiError(409, 'AlreadyExists', `${message}, the server was not able to generate a unique name for the object`, { ...details, retryAfterSeconds: 1 });
}
