// Which old value a value came from: fields by their names, items of a list of type map by their keys. Items of other lists
// have no identity: an old one is none of theirs.
import { isObject, sameJson } from '../patch/json.ts';
import { itemsOf, propertyOf, valuesOf, type JsonSchema } from './json-schema.ts';
import type { Finding, Step } from './validate-value.ts';

/** The old value of an item, of those of a list of type map. */
export function oldItem(schema: JsonSchema, item: unknown, before: readonly unknown[]): unknown {
  if (schema['x-kubernetes-list-type'] !== 'map' || !isObject(item)) return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return before.find((old) => isObject(old) && keys.every((key) => sameJson(old[key], item[key])));
}

/** An update is not refused for what was wrong before and has not been touched. */
export function withoutUntouched(findings: readonly Finding[], schema: JsonSchema, value: unknown, before: unknown): readonly Finding[] {
  return findings.filter(({ at }) => !isUntouched(at, schema, value, before));
}

/** Whether the value at the place, or one above it, is as it was. */
function isUntouched(at: readonly Step[], schema: JsonSchema | undefined, value: unknown, before: unknown): boolean {
  if (before === undefined) return false;
  if (sameJson(value, before)) return true;
  const [step, ...rest] = at;
  if (step === undefined || !schema) return false;
  if (typeof step === 'number') {
    if (!Array.isArray(value) || !Array.isArray(before)) return false;
    return isUntouched(rest, itemsOf(schema), value[step], oldItem(schema, value[step], before));
  }
  if (!isObject(value) || !isObject(before)) return false;
  return isUntouched(rest, propertyOf(schema, step) ?? valuesOf(schema), value[step], Object.hasOwn(before, step) ? before[step] : undefined);
}
