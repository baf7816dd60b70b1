// The directives that a strategic merge patch may hold.
import { isObject, setOwn, type JsonObject } from './json.ts';

/** `replace`, `delete` or `merge`: for the object that holds it, or for an item of a list. */
export const directive = '$patch';
export const retainKeys = '$retainKeys';
export const orderPrefix = '$setElementOrder/';
export const deletePrefix = '$deleteFromPrimitiveList/';

/** A copy of a part of a patch that meets nothing to merge with: what it says to delete, and how to merge, goes. */
export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !(isObject(item) && (item[directive] === 'delete' || item[directive] === 'replace'))).map(withoutDirectives);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  if (value[directive] === 'delete') return kept;
  for (const key in value) {
    const isDirective = key === directive || key === retainKeys || key.startsWith(orderPrefix) || key.startsWith(deletePrefix);
    if (!isDirective && value[key] !== null) setOwn(kept, key, withoutDirectives(value[key]));
  }
  return kept;
}
