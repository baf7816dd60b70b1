// Fills in, in place, the defaults of a structural schema. A null where none may be is taken for absent.
import { cloneJson, setOwn, type JsonObject } from '../patch/json.ts';
import { itemsOf, propertyOf, valuesOf, type JsonSchema } from './json-schema.ts';

/** Gives a function for one schema, which says whether it changed anything; undefined where there is nothing to fill in. */
export function compileDefaults(schema: JsonSchema): (value: object) => boolean {
  return (value) => fill(value, schema);
}

function fill(value: unknown, schema: JsonSchema): boolean {
  if (typeof value !== 'object' || value === null) return false;
  let isChanged = false;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (const item of value) isChanged = fill(item, items) || isChanged;
    return isChanged;
  }
  const object = value as JsonObject;
  const values = valuesOf(schema);
  for (const name in object) {
    const of = propertyOf(schema, name) ?? values;
    if (of && object[name] === null && !of.nullable) {
      delete object[name];
      isChanged = true;
    }
  }
  for (const name in schema.properties) {
    const { default: fallback } = schema.properties[name]!;
    if (fallback === undefined || Object.hasOwn(object, name)) continue;
    setOwn(object, name, cloneJson(fallback));
    isChanged = true;
  }
  for (const name in object) {
    const of = propertyOf(schema, name) ?? values;
    if (of) isChanged = fill(object[name], of) || isChanged;
  }
  return isChanged;
}
