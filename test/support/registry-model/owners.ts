// Who owns which fields, as far as the model follows them: by `manager|operation|subresource`, a set of leaves.
import { leavesOf, type Leaf } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';

export type Owners = Map<string, Set<Leaf>>;

export function ownersOf(kind: ModelKind, object: Json | undefined): Owners | undefined {
  const entries: readonly Json[] = object?.['metadata'].managedFields ?? [];
  if (entries.length === 0) return undefined;
  return new Map(entries.map(({ manager, operation, subresource = '', fieldsV1 }) => [`${manager}|${operation}|${subresource}`, leavesIn(kind, fieldsV1)]));
}

function leavesIn(kind: ModelKind, fields: Json): Set<Leaf> {
  const found = new Set<Leaf>();
  const below = (path: string) => path.split('.').reduce<any>((at, step) => at?.[`f:${step}`], fields);
  for (const map of kind.maps) for (const key of Object.keys(below(map) ?? {})) if (key.startsWith('f:')) found.add(`${map}/${key.slice(2)}`);
  for (const field of [...Object.keys(kind.fields), ...Object.keys(kind.statusFields)]) if (below(field)) found.add(field);
  for (const key of Object.keys(below('metadata.finalizers') ?? {})) if (key.startsWith('v:')) found.add(`metadata.finalizers/${JSON.parse(key.slice(2))}`);
  return found;
}

interface Difference {
  readonly changed: ReadonlySet<Leaf>;
  readonly removed: ReadonlySet<Leaf>;
}

export function differenceOf(kind: ModelKind, before: Json | undefined, after: Json): Difference {
  const was = before ? leavesOf(kind, before) : new Map<Leaf, unknown>();
  const is = leavesOf(kind, after);
  return { changed: new Set([...is].filter(([leaf, value]) => was.get(leaf) !== value).map(([leaf]) => leaf)), removed: new Set([...was.keys()].filter((leaf) => !is.has(leaf))) };
}

const canOwnThrough = (subresource: string) => (leaf: Leaf) => (leaf.startsWith('metadata.') && subresource === 'status') || leaf.startsWith('status.') === (subresource === 'status');

/** After a create that is no apply: all that is there, defaults included. */
export function ownersOfNew(kind: ModelKind, object: Json, manager: string): Owners {
  const leaves = [...leavesOf(kind, object).keys()];
  return new Map([[`${manager}|Update|`, new Set(kind.hasStatus ? leaves.filter(canOwnThrough('')) : leaves)]]);
}

/** After a write that is no apply. */
export function afterUpdate(kind: ModelKind, before: Json, after: Json, manager: string, subresource: string): Owners | undefined {
  const owners = ownersOf(kind, before);
  if (!owners) return undefined;
  const { changed, removed } = differenceOf(kind, before, after);
  const own = `${manager}|Update|${subresource}`;
  const mine = kind.hasStatus ? new Set([...changed].filter(canOwnThrough(subresource))) : changed;
  const left: Owners = new Map([...owners].map(([owner, leaves]) => [owner, new Set([...leaves].filter((leaf) => !removed.has(leaf) && (owner === own || !mine.has(leaf))))]));
  if (mine.size > 0) left.set(own, new Set([...(left.get(own) ?? []), ...mine]));
  return left;
}

/** Nobody is known to own anything: what is there belongs to whoever made it. */
export function ownersToBegin(kind: ModelKind, before: Json | undefined): Owners {
  const known = ownersOf(kind, before);
  if (known || !before) return known ?? new Map();
  const leaves = [...leavesOf(kind, before).keys()];
  const isOf = (subresource: string) => (leaf: Leaf) => leaf.startsWith('status.') === (subresource === 'status');
  return new Map(['', 'status'].map((subresource) => [`before-first-apply|Update|${subresource}`, new Set(kind.hasStatus ? leaves.filter(isOf(subresource)) : subresource ? [] : leaves)]));
}

export function ownersText(owners: Owners | undefined): string {
  return [...(owners ?? [])].filter(([, leaves]) => leaves.size > 0).map(([owner, leaves]) => `${owner}: ${[...leaves].sort().join(' ')}`).sort().join('\n');
}
