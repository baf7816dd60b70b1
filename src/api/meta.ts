// Small pure things that everyone asks of objects: drafts, conditions, owners, phases, hashes.
import { formatTime, parseTime } from '../base/clock.ts';
import type { KubeObject, OwnerReference, Pod, PodCondition } from './types.ts';

/** An own copy that may be changed, of an object that is frozen and shared. */
export function draftOf<T>(object: T): T {
  if (Array.isArray(object)) return object.map(draftOf) as T;
  if (object === null || typeof object !== 'object') return object;
  const copy: Record<string, unknown> = {};
  for (const key in object) {
    const value: unknown = object[key];
    const own = value !== null && typeof value === 'object' ? draftOf(value) : value;
    // A legal key of a ConfigMap, which must not become the copy's prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: own, writable: true, enumerable: true, configurable: true });
    else copy[key] = own;
  }
  return copy as T;
}

/** Equal as the API sees it: the order of fields does not count, and null, absent and an empty list are the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b || (isNothing(a) && isNothing(b))) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!sameJson(left[key], right[key])) return false;
  for (const key in right) if (!(key in left) && !isNothing(right[key])) return false;
  return true;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** The fields that all conditions have, whatever they are of. */
export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function conditionOf<C extends Condition>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === 'True';
}

/**
 * The conditions with one of them set: in its place, or last when new. Its lastTransitionTime moves only when its status
 * changes. Gives the very same list when nothing changes.
 */
export function withCondition<C extends Condition>(conditions: readonly C[] | undefined, condition: C, nowMs: number): readonly C[] {
  const all = conditions ?? [];
  const before = conditionOf(all, condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : formatTime(nowMs);
  const after = { ...before, ...condition, lastTransitionTime: since };
  if (before && sameJson(before, after)) return all;
  return before ? all.map((other) => (other === before ? after : other)) : [...all, after];
}

/** The owner that manages the object. */
export function controllerOf(object: { readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] } }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that a controller puts on what it creates. */
export function controllerReference(owner: KubeObject, of: { readonly group: string; readonly version: string; readonly kind: string }): OwnerReference {
  return {
    apiVersion: of.group ? `${of.group}/${of.version}` : of.version,
    kind: of.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isBeingDeleted(object: { readonly metadata: { readonly deletionTimestamp?: string } }): boolean {
  return object.metadata.deletionTimestamp !== undefined && object.metadata.deletionTimestamp !== null;
}

/** Succeeded or Failed: it will never run again. */
export function isPodFinished(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Neither finished nor ending: it counts for its controller. */
export function isPodActive(pod: Pod): boolean {
  return !isPodFinished(pod) && !isBeingDeleted(pod);
}

export function isPodReady(pod: Pod): boolean {
  return isTrue(pod.status.conditions, 'Ready');
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready: PodCondition | undefined = conditionOf(pod.status.conditions, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  return !!ready.lastTransitionTime && parseTime(ready.lastTransitionTime) + minReadySeconds * 1000 <= nowMs;
}

/** What `pod-template-hash` holds: the same for the same template (and collision count), whatever the order of its fields. */
export function templateHash(template: unknown, collisionCount?: number | null): string {
  return safeEncode(String(fnv1a(canonicalJson(template) + (collisionCount ? `#${collisionCount}` : ''))));
}

/** JSON with sorted fields and without absent ones. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields = value as Record<string, unknown>;
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined && fields[name] !== null).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name])}`).join(',')}}`;
}

/** The 32-bit hash of Fowler, Noll and Vo over UTF-8. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** In Kubernetes' alphabet without vowels, so that no words appear. */
function safeEncode(text: string): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from(text, (character) => alphabet[character.charCodeAt(0) % alphabet.length]).join('');
}
