// DELETE: an object goes at once, or is marked and goes when its grace has passed or its finalizers have been removed.
//
//   live ──gone, unheld──────────────────────────────▶ removed
//    │                                                    ▲
//    ├──graceful──▶ marked, grace n ──shorter grace──▶ …  │ grace 0 (the node confirms)
//    │                   └────────────────────────────────┤
//    └──held by finalizers──▶ marked, grace 0 ────────────┘ the last finalizer goes (update.ts)
import { formatTime, parseTime } from '../../base/clock.ts';
import { ApiError } from '../../api/error.ts';
import type { DeleteDecision, Kind } from '../../api/kind.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import type { DeleteOptions } from '../../api/request.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { Revision } from '../../store/store.ts';
import type { Item } from '../watch/item.ts';
import { selectionOf } from '../watch/selection.ts';
import { exclusively, put, remove } from './commit.ts';
import { admit, itemAnswer, open, writeContext, type Answer, type Body, type Registry, type WriteRequest } from './registry.ts';

export async function deleteOne(registry: Registry, request: WriteRequest): Promise<Answer> {
  const { kind } = request;
  const ended = await end(registry, request, deleteOptions(request.body));
  if (ended.goneAt === undefined || answersWithObject.has(kind.plural)) return itemAnswer(kind, shown(ended));
  return { type: 'object', code: 200, object: success(kind, ended.item.object), warnings: [] };
}

/** Deletes all that the selectors mean, and answers with the list of them. */
export async function deleteCollection(registry: Registry, request: WriteRequest): Promise<Answer> {
  const { kind, namespace, options } = request;
  const deletion = deleteOptions(request.body);
  const selected = registry.cache.of(kind).list(selectionOf(kind, namespace || undefined, undefined, options));
  const items: Item[] = [];
  for (let at = 0; at < selected.length; at += deletedAtOnce) {
    const ended = selected.slice(at, at + deletedAtOnce).map((item) => {
      const one = { ...request, namespace: item.namespace, name: item.name };
      return end(registry, one, deletion).then(shown, missing);
    });
    for (const item of await Promise.all(ended)) if (item) items.push(item);
  }
  return { type: 'list', kind, list: { items, revision: registry.cache.revision } };
}

const deletedAtOnce = 100;

function missing(error: unknown): undefined {
  if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
}

/** As the API's description has it: these deletions answer with what was deleted, all others with a Status. */
const answersWithObject: ReadonlySet<string> = new Set(['pods', 'services', 'serviceaccounts']);

interface Ended {
  /** The object as it is marked, or as it was last. */
  readonly item: Item;
  /** Undefined: it is still there. */
  readonly goneAt: Revision | undefined;
}

function shown({ item, goneAt }: Ended): Item {
  return goneAt === undefined ? item : item.encoding.atRevision(item, goneAt);
}

/** One delete, to its end or its mark. */
export function end(registry: Registry, request: WriteRequest, options: DeleteOptions): Promise<Ended> {
  const { kind, namespace, name, user } = request;
  const dryRun = isDryRun(request, options);
  return exclusively(registry, kind, namespace, name, async () => {
    const item = await open(registry, kind, namespace, name);
    checkPreconditions(kind, item, options);
    await admit(registry, { kind, as: request.as, verb: 'delete', namespace, name, before: item.object, user, dryRun, annotate: request.annotate, waited: request.waited });
    const decision = kind.decideDelete?.(item.object, options) ?? { type: 'gone' };
    const finalizers = finalizersFor(item.object, options);
    const isHeld = finalizers.length > 0 || kind.heldBy?.(item.object) === true;
    if (decision.type === 'gone' && !isHeld) {
      const goneAt = await remove(registry, kind, item, dryRun);
      if (!dryRun) registry.serviceAddresses.release(kind, item.object);
      return { item, goneAt };
    }
    const draft = draftOf(item.object);
    if (finalizers.length > 0) draft.metadata.finalizers = [...finalizers];
    else delete draft.metadata.finalizers;
    const marks = mark(kind, draft, decision, registry.clock.wallMs());
    if (!marks && sameJson(draft, item.object)) return { item, goneAt: undefined };
    if (marks) kind.markDeleted?.(draft, writeContext(registry, user));
    return { item: await put(registry, kind, item, draft, dryRun), goneAt: undefined };
  });
}

/** Who asks for more is granted this, some 68 years: beyond, the time would leave the calendar. */
const longestGraceSeconds = 2 ** 31 - 1;

/** Sets deletionTimestamp, or moves it nearer; never further off. False: nothing to do. */
function mark(kind: Kind, { metadata }: KubeObject, decision: DeleteDecision, nowMs: number): boolean {
  const graceSeconds = decision.type === 'gone' ? 0 : Math.min(decision.graceSeconds, longestGraceSeconds);
  const granted = metadata.deletionGracePeriodSeconds ?? 0;
  if (metadata.deletionTimestamp) {
    if (graceSeconds >= granted) return false;
    metadata.deletionTimestamp = formatTime(parseTime(metadata.deletionTimestamp) + (graceSeconds - granted) * 1000);
  } else {
    metadata.deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
    if (kind.hasGeneration && metadata.generation) metadata.generation++;
  }
  metadata.deletionGracePeriodSeconds = graceSeconds;
  return true;
}

/** What becomes of dependents is the garbage collector's work; the object waits for it by a finalizer. */
function finalizersFor({ metadata: { finalizers = [] } }: KubeObject, { propagationPolicy, orphanDependents }: DeleteOptions): readonly string[] {
  const policy = propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background');
  if (!policy) return finalizers;
  const wanted = policy === 'Orphan' ? 'orphan' : policy === 'Foreground' ? 'foregroundDeletion' : undefined;
  const kept = finalizers.filter((name) => (name !== 'orphan' && name !== 'foregroundDeletion') || name === wanted);
  return wanted && !kept.includes(wanted) ? [...kept, wanted] : kept;
}

export function checkPreconditions(kind: Kind, { object: { metadata } }: Item, { preconditions }: DeleteOptions): void {
  const conflict = (what: string, expected: string, actual: string) =>
    ApiError.conflict(kind, metadata.name, `Precondition failed: ${what} in precondition: ${expected}, ${what} in object meta: ${actual}`);
  if (preconditions?.uid && preconditions.uid !== metadata.uid) throw conflict('UID', preconditions.uid, metadata.uid);
  if (preconditions?.resourceVersion && preconditions.resourceVersion !== metadata.resourceVersion) {
    throw conflict('ResourceVersion', preconditions.resourceVersion, metadata.resourceVersion);
  }
}

/** Both the request and its body may say so. */
export function isDryRun(request: WriteRequest, options: DeleteOptions): boolean {
  return request.options.dryRun === true || (options as { dryRun?: unknown[] }).dryRun?.[0] === 'All';
}

/** Throws ApiError for what are no DeleteOptions. */
export function deleteOptions({ value }: Pick<Body, 'value'>): DeleteOptions {
  if (value === undefined || value === null) return {};
  const options = value as DeleteOptions & { kind?: string };
  if (typeof value !== 'object' || Array.isArray(value)) throw ApiError.badRequest('the object provided is unrecognized (must be of type DeleteOptions)');
  const causes = [];
  const { propagationPolicy, orphanDependents, gracePeriodSeconds } = options;
  if (propagationPolicy && orphanDependents !== undefined) {
    causes.push({ reason: 'FieldValueInvalid', field: 'propagationPolicy', message: `Invalid value: ${JSON.stringify(propagationPolicy)}: orphanDependents and deletionPropagation cannot be both set` });
  } else if (propagationPolicy && !['Orphan', 'Background', 'Foreground'].includes(propagationPolicy)) {
    causes.push({ reason: 'FieldValueNotSupported', field: 'propagationPolicy', message: `Unsupported value: ${JSON.stringify(propagationPolicy)}: supported values: "Foreground", "Background", "Orphan", "nil"` });
  }
  if (causes.length > 0) throw ApiError.invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes);
  if (gracePeriodSeconds !== undefined && gracePeriodSeconds !== null && !(Number.isInteger(gracePeriodSeconds) && Math.abs(gracePeriodSeconds) <= 2 ** 63)) {
    throw ApiError.badRequest('json: cannot unmarshal into Go struct field DeleteOptions.gracePeriodSeconds of type int64');
  }
  return options;
}

function success({ group, plural }: Kind, { metadata: { name, uid } }: KubeObject): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name, ...(group ? { group } : {}), kind: plural, uid } };
}
