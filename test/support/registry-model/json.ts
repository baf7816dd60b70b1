// JSON as the model needs it: by paths, merged, patched and compared. Plain and slow on purpose.
import type { Json, ModelKind } from './kinds.ts';

export const clone = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));

export const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A path into a map of texts ends with its key, which may hold dots: `metadata.labels/a.b`. */
export type Leaf = string;

const steps = (leaf: Leaf): string[] => {
  const slash = leaf.indexOf('/');
  return slash < 0 ? leaf.split('.') : [...leaf.slice(0, slash).split('.'), leaf.slice(slash + 1)];
};

export function read(object: unknown, leaf: Leaf): unknown {
  let value = object;
  for (const step of steps(leaf)) value = isMap(value) ? value[step] : undefined;
  return value;
}

/** undefined takes it away, and leaves what it was in. */
export function write(object: Json, leaf: Leaf, value: unknown): void {
  const path = steps(leaf);
  const last = path.pop()!;
  let at = object;
  for (const step of path) {
    if (value === undefined && !isMap(at[step])) return;
    at = at[step] ??= {};
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
}

export const pointer = (leaf: Leaf): string => `/${steps(leaf).map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;

/** All that the model follows one by one. */
export function leavesOf(kind: ModelKind, object: Json): Map<Leaf, unknown> {
  const leaves = new Map<Leaf, unknown>();
  for (const map of kind.maps) for (const [key, value] of Object.entries((read(object, map) ?? {}) as Json)) leaves.set(`${map}/${key}`, value);
  for (const field of [...Object.keys(kind.fields), ...Object.keys(kind.statusFields)]) if (read(object, field) !== undefined) leaves.set(field, read(object, field));
  for (const finalizer of object['metadata']?.finalizers ?? []) leaves.set(`metadata.finalizers/${finalizer}`, true);
  return leaves;
}

/** RFC 7396. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Json = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** The same, but finalizers join those that are there. */
export function strategicallyMerged(target: Json, patch: Json): Json {
  const { finalizers, ['$deleteFromPrimitiveList/finalizers']: deleted, ...metadata } = patch['metadata'] ?? {};
  const result = merged(target, { ...patch, metadata }) as Json;
  const kept = [...new Set([...(target['metadata'].finalizers ?? []), ...(finalizers ?? [])])].filter((name) => !deleted?.includes(name));
  result['metadata'] = { ...result['metadata'], finalizers: kept };
  return result;
}

/** RFC 6902 of objects alone; undefined: it cannot be performed. */
export function jsonPatched(target: Json, patch: readonly Json[]): Json | undefined {
  const result = clone(target);
  for (const { op, path, value } of patch) {
    const names = (path as string).split('/').slice(1).map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = names.pop()!;
    let at: any = result;
    for (const name of names) at = isMap(at) ? at[name] : undefined;
    if (!isMap(at)) return undefined;
    if (op !== 'add' && at[last] === undefined) return undefined;
    if (op === 'test' && canonical(at[last]) !== canonical(value)) return undefined;
    if (op === 'remove') delete at[last];
    else if (op !== 'test') at[last] = value;
  }
  return result;
}

/** One text for all that mean the same: the order of keys and of finalizers says nothing, nor does an empty map or list. */
export function canonical(value: unknown): string {
  return JSON.stringify(settled(value)) ?? '';
}

function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.every((item) => typeof item === 'string') ? [...value].sort() : value.map(settled);
  if (!isMap(value)) return value === null ? undefined : value;
  const entries = Object.entries(value).map(([key, item]) => [key, settled(item)] as const).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** The same with its keys in order, and without what is undefined: as two that are equal are equal. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
}
