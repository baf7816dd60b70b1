// JSON merge patch (RFC 7396): null removes, objects merge, anything else replaces.
import { cloneJson, isObject, setOwn, type JsonObject } from './json.ts';

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return cloneJson(patch);
  const merged: JsonObject = {};
  const from = isObject(target) ? target : {};
  for (const key in from) {
    if (!Object.hasOwn(patch, key)) setOwn(merged, key, cloneJson(from[key]));
    else if (patch[key] !== null) setOwn(merged, key, applyMergePatch(from[key], patch[key]));
  }
  for (const key in patch) {
    if (patch[key] !== null && !Object.hasOwn(from, key)) setOwn(merged, key, applyMergePatch(undefined, patch[key]));
  }
  return merged;
}
