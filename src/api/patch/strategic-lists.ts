// How strategic merge patch merges and orders two lists.
import { ApiError } from '../error.ts';
import { cloneJson, goFormat, isObject, type JsonObject } from './json.ts';
import { directive, withoutDirectives } from './strategic-directives.ts';

type MergeItems = (from: JsonObject, by: JsonObject) => JsonObject;

/** Lists of objects merge by `mergeKey`; lists of scalars become their union. */
export function mergeLists(original: readonly unknown[], patch: readonly unknown[], mergeKey: string | undefined, mergeItems: MergeItems): unknown[] {
  if (original.length === 0 && patch.length === 0) return [];
  if (!holdsObjects(original, patch)) return interleave([...new Set([...original, ...patch])], patch, original, undefined);
  if (mergeKey === undefined) throw ApiError.badRequest('cannot merge lists without merge key for type struct');

  const items = patch as readonly JsonObject[];
  const plain = items.filter((item) => item[directive] === undefined || item[directive] === 'merge');
  if (items.some((item) => item[directive] === 'replace')) return withoutDirectives(plain) as unknown[];
  const deleted = new Set(items.filter((item) => isDeletion(item)).map((item) => keyOf(item, mergeKey)));

  const merged = (original as readonly JsonObject[]).filter((item) => !deleted.has(item[mergeKey])).map((item) => ({ key: keyOf(item, mergeKey), item, shared: true }));
  const byKey = new Map(merged.toReversed().map((entry) => [entry.key, entry])); // of equal keys the first counts
  for (const item of plain) {
    const key = keyOf(item, mergeKey);
    const known = byKey.get(key);
    if (known) {
      known.item = mergeItems(known.item, item);
      known.shared = false;
    } else {
      const entry = { key, item: withoutDirectives(item) as JsonObject, shared: false };
      merged.push(entry);
      byKey.set(key, entry);
    }
  }
  return interleave(merged.map(({ item, shared }) => (shared ? cloneJson(item) : item)), plain, original, mergeKey);
}

export function deleteScalars(original: readonly unknown[], toDelete: readonly unknown[]): unknown[] {
  const gone = new Set(toDelete);
  return original.filter((item) => !gone.has(item)).map(cloneJson);
}

/** Applies `$setElementOrder`: `order` comes first, then the patch's order, then that of the list before. */
export function orderList(merged: readonly unknown[], order: readonly unknown[], before: readonly unknown[], patch: readonly unknown[], mergeKey: string | undefined): unknown[] {
  checkOrder(patch, order, mergeKey);
  return interleave(merged, order, before, mergeKey);
}

/**
 * Puts the items that `order` names in its order, the others in the order of `before`, and joins both: an item of
 * `before` stays ahead of those that it was ahead of there; items that are new come first.
 */
function interleave(items: readonly unknown[], order: readonly unknown[], before: readonly unknown[], mergeKey: string | undefined): unknown[] {
  const orderOf = positions(order, mergeKey);
  const beforeOf = positions(before, mergeKey);
  const at = (from: Map<unknown, number>) => (item: unknown) => from.get(identity(item, mergeKey)) ?? Infinity;
  const named = items.filter((item) => at(orderOf)(item) < Infinity).sort((a, b) => at(orderOf)(a) - at(orderOf)(b));
  const others = items.filter((item) => at(orderOf)(item) === Infinity).sort((a, b) => compare(at(beforeOf)(a), at(beforeOf)(b)));

  const joined: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = at(beforeOf)(item);
    while (place < Infinity && next < others.length && at(beforeOf)(others[next]) < place) joined.push(others[next++]);
    joined.push(item);
  }
  return [...joined, ...others.slice(next)];
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function positions(list: readonly unknown[], mergeKey: string | undefined): Map<unknown, number> {
  const found = new Map<unknown, number>();
  list.forEach((item, i) => {
    const key = identity(item, mergeKey);
    if (!found.has(key)) found.set(key, i);
  });
  return found;
}

function identity(item: unknown, mergeKey: string | undefined): unknown {
  return mergeKey === undefined ? item : keyOf(item, mergeKey);
}

function keyOf(item: unknown, mergeKey: string): unknown {
  if (!isObject(item)) throw ApiError.badRequest(`expected a map[string]interface {}, but received a ${typeof item}`);
  if (!Object.hasOwn(item, mergeKey)) throw ApiError.badRequest(`map: ${goFormat(item)} does not contain declared merge key: ${mergeKey}`);
  return item[mergeKey];
}

function isDeletion(item: JsonObject): boolean {
  if (item[directive] === 'delete') return true;
  const known = [undefined, 'merge', 'replace'].includes(item[directive] as string | undefined);
  if (!known) throw ApiError.badRequest(`unknown patch type: ${goFormat(item[directive])} in map: ${goFormat(item)}`);
  return false;
}

/** The items of both lists must be alike, and none a list. */
function holdsObjects(...lists: readonly (readonly unknown[])[]): boolean {
  const types = new Set(lists.flat().map((item) => (Array.isArray(item) ? 'list' : isObject(item) ? 'object' : item === null ? 'null' : typeof item)));
  if (lists.some((list) => list.some(Array.isArray))) throw ApiError.badRequest('lists of lists are not supported');
  if (types.size > 1) throw ApiError.badRequest(`list element types are not identical: ${goFormat(lists)}`);
  return types.has('object');
}

/** The items of the patch must stand in the order that `$setElementOrder` gives, which must name them all. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  if (order.length === 0) return;
  let at = 0;
  for (const item of patch) {
    if (isObject(item) && item[directive] !== undefined) continue;
    while (at < order.length && identity(order[at], mergeKey) !== identity(item, mergeKey)) at++;
    if (at++ >= order.length) throw ApiError.badRequest(`The order in patch list:\n${goFormat(patch)}\n doesn't match $setElementOrder list:\n${goFormat(order)}\n`);
  }
}
