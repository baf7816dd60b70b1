// The reference: what a write does to an object, as the API's documentation has it, in as few words as can be.
import { canonical, clone, leavesOf, read, write, type Leaf } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';
import { afterUpdate, differenceOf, ownersOf, ownersOfNew, ownersText, ownersToBegin, type Owners } from './owners.ts';

/** `CODE Reason`. */
export type Refusal = string;

export type Outcome =
  | { readonly refused: Refusal }
  | {
      /** As it is afterwards, or as it was last. */
      readonly after: Json;
      readonly isGone?: boolean;
      readonly owners: Owners | undefined;
      readonly generation: 'of content' | 'same' | 'next';
      /** What Pods tell of themselves is not the model's affair. */
      readonly anyConditions?: boolean;
    };

export interface Sender {
  readonly manager: string;
  readonly nowMs: number;
}

const refused = (refusal: Refusal): Outcome => ({ refused: refusal });
export const notFound = refused('404 NotFound');
export const conflict = refused('409 Conflict');
export const invalid = refused('422 Invalid');

export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** A namespace that is not there, or is going. */
export function refusalOfPlace(namespace: string | undefined): Outcome | undefined {
  if (namespace === 'missing') return notFound;
  return namespace === 'dying' ? refused('403 Forbidden') : undefined;
}

export function created(kind: ModelKind, template: Json, body: Json, existing: Json | undefined, { manager, nowMs }: Sender, uid: string, name: string, namespace: string | undefined, isApply: boolean): Outcome {
  const wrongPlace = refusalOfPlace(namespace);
  if (wrongPlace) return wrongPlace;
  if (!kind.accepts(body, undefined)) return invalid;
  if (existing) return refused('409 AlreadyExists');
  const { generateName } = body['metadata'];
  const after: Json = { ...clone(template), metadata: { name, ...(namespace ? { namespace } : {}), ...(generateName ? { generateName } : {}), uid, creationTimestamp: timeText(nowMs) } };
  const leaves = leavesOf(kind, body);
  for (const [leaf, value] of leaves) if (!leaf.startsWith('metadata.finalizers') && !leaf.startsWith('status.')) write(after, leaf, value);
  if (body['metadata'].finalizers) after['metadata'].finalizers = body['metadata'].finalizers;
  return { after, owners: isApply ? new Map([[`${manager}|Apply|`, new Set(leaves.keys())]]) : ownersOfNew(kind, after, manager), generation: 'next' };
}

/** `draft`: as the client wants it, with what it believes to be the revision and the uid. */
export function replaced(kind: ModelKind, before: Json, draft: Json, subresource: '' | 'status', { manager }: Sender, owners?: Owners): Outcome {
  const { resourceVersion, uid, managedFields } = draft['metadata'];
  const isReset = subresource === '' && managedFields?.length === 0;
  const old = before['metadata'];
  if (uid && uid !== old.uid) return conflict;
  if (!resourceVersion) {
    if (kind.isCustom) return invalid;
  } else if (resourceVersion !== old.resourceVersion) return conflict;
  const kept = Object.fromEntries(['uid', 'creationTimestamp', 'namespace', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generateName', 'resourceVersion'].map((field) => [field, old[field]]));
  const metadata = { ...draft['metadata'], ...kept };
  const after: Json = subresource === 'status' ? { ...before, status: draft['status'], metadata } : { ...draft, metadata };
  if (subresource === 'status' && kind.isCustom) after['metadata'] = old;
  if (subresource === 'status' && kind.kind === 'Deployment') metadata.labels = old.labels;
  if (subresource === '' && kind.hasStatus) after['status'] = before['status'];
  const finalizers: readonly string[] = metadata.finalizers ?? [];
  if (old.deletionTimestamp && finalizers.some((name) => !old.finalizers?.includes(name))) return invalid;
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) return invalid;
  if (subresource === '' && !accepts(kind, after, before)) return invalid;
  return { after, isGone: isReleased(after), owners: isReset ? undefined : (owners ?? afterUpdate(kind, before, after, manager, subresource)), generation: 'of content' };
}

export function applied(kind: ModelKind, before: Json, config: ReadonlyMap<Leaf, unknown>, isForced: boolean, sender: Sender): Outcome {
  const owners = ownersToBegin(kind, before);
  const own = `${sender.manager}|Apply|`;
  const given = owners.get(own) ?? new Set<Leaf>();
  owners.delete(own);
  const isOthers = (leaf: Leaf) => [...owners.values()].some((leaves) => leaves.has(leaf));
  const live = leavesOf(kind, before);
  const isContested = [...config].some(([leaf, value]) => live.get(leaf) !== value && isOthers(leaf));
  if (isContested && !isForced) return conflict;
  const draft = clone(before);
  for (const [leaf, value] of config) writeLeaf(draft, leaf, value);
  for (const leaf of given) if (!config.has(leaf) && !isOthers(leaf)) writeLeaf(draft, leaf, undefined);
  const { changed, removed } = differenceOf(kind, before, draft);
  const left: Owners = new Map([...owners].map(([owner, leaves]) => [owner, new Set([...leaves].filter((leaf) => !changed.has(leaf) && !removed.has(leaf)))]));
  for (const [field, value] of Object.entries(kind.defaults)) if (read(draft, field) === undefined) write(draft, field, value);
  return replaced(kind, before, draft, '', sender, left.set(own, new Set(config.keys())));
}

export function scaled(kind: ModelKind, before: Json, replicas: number, resourceVersion: string | undefined, { manager }: Sender): Outcome {
  if (resourceVersion && resourceVersion !== before['metadata'].resourceVersion) return conflict;
  const after = clone(before);
  write(after, 'spec.replicas', replicas);
  if (!accepts(kind, after, before)) return invalid;
  return { after, owners: afterUpdate(kind, before, after, manager, 'scale'), generation: 'of content' };
}

export function bound(before: Json, node: string): Outcome {
  const { metadata, spec } = before;
  if (metadata.deletionTimestamp || spec.nodeName) return conflict;
  return { after: { ...before, spec: { ...spec, nodeName: node } }, owners: ownersOf(podLike, before), generation: 'same', anyConditions: true };
}

export interface Deletion {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export function deleted(kind: ModelKind, before: Json, { gracePeriodSeconds, propagationPolicy, preconditions = {} }: Deletion, { nowMs }: Sender): Outcome {
  const { metadata } = before;
  const owners = ownersOf(kind, before);
  if (preconditions.uid && preconditions.uid !== metadata.uid) return conflict;
  if (preconditions.resourceVersion && preconditions.resourceVersion !== metadata.resourceVersion) return conflict;
  let finalizers: string[] = metadata.finalizers ?? [];
  if (propagationPolicy) {
    const waitsFor = { Orphan: 'orphan', Foreground: 'foregroundDeletion', Background: undefined }[propagationPolicy];
    finalizers = finalizers.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion').concat(waitsFor ?? []);
  }
  const granted: number | undefined = metadata.deletionGracePeriodSeconds;
  const isRunning = kind.kind === 'Pod' && before['spec'].nodeName && before['status'].phase !== 'Succeeded';
  let grace = 0;
  if (isRunning) {
    grace = gracePeriodSeconds ?? granted ?? before['spec'].terminationGracePeriodSeconds;
    if (grace < 0) grace = 1;
    if (metadata.deletionTimestamp) grace = Math.min(grace, granted ?? grace);
  }
  if (grace === 0 && finalizers.length === 0) return { after: before, isGone: true, owners, generation: 'same' };
  const after = clone(before);
  after['metadata'].finalizers = finalizers;
  if (!metadata.deletionTimestamp) {
    Object.assign(after['metadata'], { deletionTimestamp: timeText(nowMs + grace * 1000), deletionGracePeriodSeconds: grace });
    return { after, owners, generation: 'next' };
  }
  if (grace < (granted ?? 0)) {
    Object.assign(after['metadata'], { deletionTimestamp: timeText(Date.parse(metadata.deletionTimestamp) + (grace - granted!) * 1000), deletionGracePeriodSeconds: grace });
  }
  return { after, owners, generation: 'same' };
}

const podLike = { maps: ['metadata.labels', 'metadata.annotations'], fields: {}, statusFields: { 'status.phase': [] } } as unknown as ModelKind;

function accepts(kind: ModelKind, after: Json, before: Json): boolean {
  if (kind.kind === 'Pod' && canonical(after['spec']) !== canonical(before['spec'])) return false;
  return kind.accepts(after, before);
}

function isReleased({ metadata }: Json): boolean {
  return !!metadata.deletionTimestamp && !metadata.deletionGracePeriodSeconds && !metadata.finalizers?.length;
}

function writeLeaf(object: Json, leaf: Leaf, value: unknown): void {
  if (!leaf.startsWith('metadata.finalizers/')) return write(object, leaf, value);
  const name = leaf.slice('metadata.finalizers/'.length);
  const others = ((object['metadata'].finalizers ?? []) as string[]).filter((other) => other !== name);
  object['metadata'].finalizers = value === undefined ? others : [...others, name];
}

/** Nothing of what the client can see would change. */
export function isSame(outcome: Exclude<Outcome, { refused: Refusal }>, before: Json, kind: ModelKind): boolean {
  return !outcome.isGone && essence(outcome.after) === essence(before) && ownersText(outcome.owners) === ownersText(ownersOf(kind, before));
}

/** Why `shown` cannot be what came of it; undefined: it can. */
export function whyNot(kind: ModelKind, outcome: Outcome, before: Json | undefined, shown: Json, isGone: boolean): string | undefined {
  if ('refused' in outcome) return `it should have been refused: ${outcome.refused}`;
  if ((outcome.isGone ?? false) !== isGone) return `it should ${outcome.isGone ? '' : 'not '}be gone`;
  if (isGone) return undefined;
  const [expected, actual] = [outcome.after, shown].map((object) => essence(outcome.anyConditions ? { ...object, status: { ...object['status'], conditions: [] } } : object));
  if (expected !== actual) return `expected\n  ${expected}\ngot\n  ${actual}`;
  const generation = kind.hasGeneration ? (before?.['metadata'].generation ?? 0) + { next: 1, same: 0, 'of content': before && contentOf(before, kind) === contentOf(shown, kind) ? 0 : 1 }[outcome.generation] : undefined;
  if (shown['metadata'].generation !== generation) return `generation: expected ${generation}, got ${shown['metadata'].generation}`;
  const owners = [ownersText(outcome.owners), ownersText(ownersOf(kind, shown))];
  return owners[0] === owners[1] ? undefined : `owners: expected\n${owners[0]}\ngot\n${owners[1]}`;
}

function essence({ metadata, ...rest }: Json): string {
  const { resourceVersion: _revision, managedFields: _owners, generation: _generation, ...kept } = metadata;
  return canonical({ ...rest, metadata: kept });
}

/** What a generation counts. */
function contentOf({ metadata: _metadata, status, ...rest }: Json, { hasStatus, isCustom }: ModelKind): string {
  return JSON.stringify(sortedDeep(isCustom && !hasStatus ? { ...rest, status } : rest));
}

function sortedDeep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedDeep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortedDeep(item)]));
}
