// Strategic merge patch: like a merge patch, but lists merge by the keys that the schema names, and directives in the
// patch say more (`$patch`, `$retainKeys`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`).
// Semantics: apimachinery, pkg/util/strategicpatch; documentation: "Update API Objects in Place Using kubectl patch".
import { ApiError } from '../error.ts';
import { structOf, type Field, type FieldType } from '../schema/schema.ts';
import { cloneJson, goFormat, isObject, setOwn, type JsonObject } from './json.ts';
import { deletePrefix, directive, orderPrefix, retainKeys, withoutDirectives } from './strategic-directives.ts';
import { deleteScalars, mergeLists, orderList } from './strategic-lists.ts';

/** Throws BadRequest when the patch contradicts itself or lacks a merge key. */
export function applyStrategicMergePatch(schemaName: string, original: object, patch: unknown): JsonObject {
  if (!isObject(patch)) {
    const type = Array.isArray(patch) ? 'array' : typeof patch;
    throw ApiError.badRequest(`error decoding patch: json: cannot unmarshal ${type} into Go value of type map[string]interface {}`);
  }
  return mergeObjects(original as JsonObject, patch, { type: 'ref', name: schemaName });
}

/** `type` is what the schema says of the object; undefined where it says nothing: then lists replace. */
function mergeObjects(original: JsonObject, patch: JsonObject, type: FieldType | undefined): JsonObject {
  switch (patch[directive]) {
    case undefined: case 'merge': break;
    case 'replace': return withoutDirectives(patch) as JsonObject;
    case 'delete': return {};
    default: throw ApiError.badRequest(`unknown patch type: ${goFormat(patch[directive])} in map: ${goFormat(patch)}`);
  }
  const retained = retainedKeys(patch);
  const merged: JsonObject = {};
  for (const key in original) if (!retained || retained.has(key)) setOwn(merged, key, original[key]);
  const own = new Set(Object.keys(merged)); // still shared with the original: copied at the end unless merged

  for (const key in patch) {
    if (key === directive || key === retainKeys) continue;
    if (key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) deleteFromList(merged, key.slice(deletePrefix.length), patch[key]);
    else {
      mergeField(merged, key, patch[key], fieldOf(type, key));
      own.delete(key);
    }
  }
  for (const key in patch) {
    if (!key.startsWith(orderPrefix)) continue;
    const list = key.slice(orderPrefix.length);
    reorder(merged, list, patch[key], original[list], patch[list], fieldOf(type, list)?.patchMergeKey);
  }
  for (const key of own) if (Object.hasOwn(merged, key)) setOwn(merged, key, cloneJson(merged[key]));
  return merged;
}

function mergeField(merged: JsonObject, key: string, value: unknown, field: Field | undefined): void {
  const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
  if (value === null) {
    delete merged[key];
  } else if (isObject(value) && isObject(before) && !strategies(field).includes('replace')) {
    setOwn(merged, key, mergeObjects(before, value, field));
  } else if (Array.isArray(value) && Array.isArray(before) && strategies(field).includes('merge')) {
    const items = field?.type === 'array' ? field.items : undefined;
    setOwn(merged, key, mergeLists(before, value, field?.patchMergeKey, (from, by) => mergeObjects(from, by, items)));
  } else {
    setOwn(merged, key, withoutDirectives(value));
  }
}

function deleteFromList(merged: JsonObject, list: string, toDelete: unknown): void {
  if (!Array.isArray(toDelete)) throw ApiError.badRequest('invalid patch format of primitive list');
  const before = Object.hasOwn(merged, list) ? merged[list] : undefined;
  if (Array.isArray(before)) setOwn(merged, list, deleteScalars(before, toDelete));
}

function reorder(merged: JsonObject, list: string, order: unknown, before: unknown, patch: unknown, mergeKey: string | undefined): void {
  if (!Array.isArray(order) || !(patch === undefined || patch === null || Array.isArray(patch))) throw ApiError.badRequest('invalid patch format of setElementOrder list');
  const items = Object.hasOwn(merged, list) ? merged[list] : undefined;
  if (!Array.isArray(items)) return;
  setOwn(merged, list, orderList(items, order, Array.isArray(before) ? before : [], patch ?? [], mergeKey));
}

/** `$retainKeys` names all fields that may stay; a patch that sets another one contradicts itself. */
function retainedKeys(patch: JsonObject): Set<unknown> | undefined {
  const listed = patch[retainKeys];
  if (listed === undefined) return undefined;
  if (!Array.isArray(listed)) throw ApiError.badRequest('invalid patch format of retainKeys');
  const retained = new Set<unknown>(listed);
  for (const key in patch) {
    if (key === retainKeys || patch[key] === null || key.startsWith(orderPrefix) || key.startsWith(deletePrefix)) continue;
    if (!retained.has(key)) throw ApiError.badRequest('invalid patch format of retainKeys');
  }
  return retained;
}

function fieldOf(type: FieldType | undefined, key: string): Field | undefined {
  if (type?.type === 'map') return type.values;
  if (type?.type !== 'ref') return undefined;
  const properties = structOf(type.name)?.properties;
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

function strategies(field: Field | undefined): readonly string[] {
  return field?.patchStrategy?.split(',') ?? [];
}
