// Which fields an object has that is new, and in which two differ, found in one walk and written as FieldsV1 on the way.
// How each type is walked is found out once, and kept: this is done for nearly every write.
import { sameJson } from '../meta.ts';
import type { Field, Shaped } from '../schema/schema.ts';
import { typeOf } from '../schema/schema.ts';
import { leafV1, type FieldsV1, type FieldsV1Draft } from './fields-v1.ts';
import { isObject, type JsonObject } from './json.ts';
import { shapeOf, type Shape } from './shape.ts';

export interface FieldsChanged {
  /** Added or of another value; undefined: none. */
  readonly changed: FieldsV1 | undefined;
  readonly removed: FieldsV1 | undefined;
}

/** What of an object can be owned through an endpoint. */
export interface Scope {
  /** Kept with each other: a kind's status can be owned through its own endpoint only. Absent: it has no endpoint of its own. */
  readonly hasStatus: boolean;
  /** '' for the object itself. */
  readonly subresource: string;
}

type Items = Extract<Shape, { form: 'items' }>;

/** How a value is walked: its shape, and what is known of the fields that it may have. */
interface Plan {
  readonly shape: Shape;
  /** Of a struct and of a map: what has been met so far. */
  readonly known: Map<string, Part>;
  /** A struct of a built-in kind. */
  readonly isOfGo: boolean;
}

interface Part {
  /** `f:NAME` */
  readonly step: string;
  readonly plan: Plan;
  /** Go's type has it even when it is empty: a struct that is no pointer, or a list that is null then. Who fills it has not added it. */
  readonly isAlways: boolean;
  /** Go's type leaves it out of JSON when there is nothing in it: an empty list or map is none. */
  readonly isOmitted: boolean;
}

/** What became of `before`, undefined for an object that was not there; undefined: nothing that anybody could own. */
export function differences(of: Shaped, before: object | undefined, after: object, scope: Scope): FieldsChanged | undefined {
  const plan = planOfKind(of);
  const found = new Found();
  forEachKey((before ?? none) as JsonObject, after as JsonObject, (key) => {
    if (isOutOfScope(key, scope)) return;
    const [was, is] = [(before as JsonObject | undefined)?.[key], (after as JsonObject)[key]];
    if (was === is) return;
    const part = partOf(plan, key);
    if (key === 'metadata') found.add(part.step, metadataDifferences((was ?? none) as JsonObject, (is ?? none) as JsonObject, part.plan));
    else if (before && (was !== undefined || !part.isAlways)) found.add(part.step, compareParts(was, is, part));
    else if (!isAbsent(is, part)) found.add(part.step, changedOnly(fieldsIn(is, part.plan, part.isAlways)));
  });
  return found.result(false, false);
}

function metadataDifferences(was: JsonObject, is: JsonObject, plan: Plan): FieldsChanged | undefined {
  const found = new Found();
  forEachKey(was, is, (key) => {
    if (unownedMetadata.has(key)) return;
    const part = partOf(plan, key);
    found.add(part.step, compareParts(was[key], is[key], part));
  });
  return found.result(false, false);
}

/** Nobody owns what names an object and what the server writes. */
const unownedMetadata: ReadonlySet<string> = new Set(['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'resourceVersion', 'managedFields', 'deletionTimestamp', 'deletionGracePeriodSeconds']);

function isOutOfScope(key: string, { hasStatus, subresource }: Scope): boolean {
  if (key === 'apiVersion' || key === 'kind') return true;
  if (subresource === 'status') return key !== 'status' && key !== 'metadata';
  return subresource === '' && hasStatus && key === 'status';
}

const none: JsonObject = Object.freeze({});

/** Gathers what is found below one place. */
class Found {
  #changed: FieldsV1Draft | undefined;
  #removed: FieldsV1Draft | undefined;

  add(step: string, inner: FieldsChanged | undefined): void {
    if (!inner) return;
    if (inner.changed) (this.#changed ??= {})[step] = inner.changed;
    if (inner.removed) (this.#removed ??= {})[step] = inner.removed;
  }

  /** `isNew`, `isGone`: the place itself. */
  result(isNew: boolean, isGone: boolean): FieldsChanged | undefined {
    const changed = written(this.#changed, isNew);
    const removed = written(this.#removed, isGone);
    return changed || removed ? { changed, removed } : undefined;
  }
}

/** In the order in which FieldsV1 writes it. */
function written(below: FieldsV1Draft | undefined, isMember: boolean): FieldsV1 | undefined {
  if (!below) return isMember ? leafV1 : undefined;
  const steps = Object.keys(below);
  if (steps.length === 1 && !isMember) return below;
  const sorted: FieldsV1Draft = isMember ? { '.': leafV1 } : {};
  for (const step of steps.sort()) sorted[step] = below[step]!;
  return sorted;
}

function changedOnly(changed: FieldsV1 | undefined): FieldsChanged | undefined {
  return changed && { changed, removed: undefined };
}

/** The fields that a value sets, and the place itself; `isThere`: the place was there before, and empty. */
function fieldsIn(value: unknown, plan: Plan, isThere: boolean): FieldsV1 | undefined {
  if (!fits(plan.shape, value)) return leafV1;
  const found: FieldsV1Draft = {};
  if (!isThere) found['.'] = leafV1;
  const isBare = plan.shape.form === 'items' ? !addItems(value as unknown[], plan.shape, found) : !addFields(value as JsonObject, plan, isThere, found);
  if (!isBare) return found;
  return isThere ? undefined : leafV1;
}

/** False: there are none. */
function addItems(value: readonly unknown[], shape: Items, found: FieldsV1Draft): boolean {
  const items = planOf(shape.items);
  if (value.length === 1) {
    found[shape.step(value[0])] = fieldsIn(value[0], items, false)!;
    return true;
  }
  const below = new Map<string, unknown>();
  for (const item of value) file(shape.step(item), item, below);
  for (const step of [...below.keys()].sort()) found[step] = fieldsIn(below.get(step), items, false)!;
  return below.size > 0;
}

/** False: there are none. */
function addFields(value: JsonObject, plan: Plan, isThere: boolean, found: FieldsV1Draft): boolean {
  let isBare = true;
  for (const key of sortedKeys(value)) {
    const inner = value[key];
    const part = partOf(plan, key);
    if (isAbsent(inner, part)) continue;
    const fields = fieldsIn(inner, part.plan, isThere && part.isAlways);
    if (!fields) continue;
    found[part.step] = fields;
    isBare = false;
  }
  return !isBare;
}

/** FieldsV1 is written in order. */
function sortedKeys(value: JsonObject): string[] {
  const keys = Object.keys(value);
  return keys.length > 1 ? keys.sort() : keys;
}

function compareParts(was: unknown, is: unknown, part: Part): FieldsChanged | undefined {
  if (was === is) return undefined;
  return compare(isAbsent(was, part) ? undefined : was, isAbsent(is, part) ? undefined : is, part.plan);
}

function isAbsent(value: unknown, { isOmitted }: Part): boolean {
  return value === undefined || (isOmitted && isBare(value));
}

/** What became of a place; undefined stands for absent. */
function compare(was: unknown, is: unknown, plan: Plan): FieldsChanged | undefined {
  if (was === is) return undefined;
  if (was === undefined) return changedOnly(fieldsIn(is, plan, false));
  if (is === undefined) return { changed: undefined, removed: fieldsIn(was, plan, false) };
  const { shape } = plan;
  if (!fits(shape, was) || !fits(shape, is) || (isBare(was) && isBare(is))) return sameJson(was, is) ? undefined : changedLeaf;
  const found = new Found();
  if (shape.form === 'items') compareItems(was as unknown[], is as unknown[], shape, found);
  else {
    forEachKey(was as JsonObject, is as JsonObject, (key) => {
      const [before, after] = [(was as JsonObject)[key], (is as JsonObject)[key]];
      if (before === after) return;
      const part = partOf(plan, key);
      found.add(part.step, compareParts(before, after, part));
    });
  }
  return found.result(false, false);
}

const changedLeaf: FieldsChanged = { changed: leafV1, removed: undefined };

function compareItems(was: readonly unknown[], is: readonly unknown[], shape: Items, found: Found): void {
  const items = planOf(shape.items);
  const before = new Map<string, unknown>();
  const after = new Map<string, unknown>();
  for (let i = 0; i < Math.max(was.length, is.length); i++) {
    // Most are as they were, and where they were.
    if (i < was.length && i < is.length && (was[i] === is[i] || sameJson(was[i], is[i]))) continue;
    if (i < was.length) file(shape.step(was[i]), was[i], before);
    if (i < is.length) file(shape.step(is[i]), is[i], after);
  }
  for (const [step, item] of after) found.add(step, compare(before.get(step), item, items));
  for (const [step, item] of before) if (!after.has(step)) found.add(step, compare(item, undefined, items));
}

/** Of those with the same key the first one counts. */
function file(step: string, item: unknown, into: Map<string, unknown>): void {
  if (!into.has(step)) into.set(step, item);
}

function forEachKey(was: JsonObject, is: JsonObject, visit: (key: string) => void): void {
  for (const key in is) visit(key);
  for (const key in was) if (!Object.hasOwn(is, key)) visit(key);
}

/** Whether the value is what its type says; if not it is owned as a whole, as what is atomic. */
function fits({ form }: Shape, value: unknown): boolean {
  return form !== 'leaf' && (form === 'items' ? Array.isArray(value) : isObject(value));
}

function isBare(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const key in value as JsonObject) if ((value as JsonObject)[key] !== undefined) return false;
  return true;
}

/** So many names of a map's or struct's fields are kept at most: maps may have any. */
const mostKnown = 256;

function partOf(plan: Plan, key: string): Part {
  const known = plan.known.get(key);
  if (known) return known;
  const { shape } = plan;
  const type = shape.form === 'fields' ? shape.typeOf(key) : undefined;
  const isAlways = type?.always === true;
  const isOmitted = plan.isOfGo && !isAlways && (type?.type === 'array' || type?.type === 'map');
  const part: Part = { step: `f:${key}`, plan: planOf(type), isAlways, isOmitted };
  if (plan.known.size < mostKnown) plan.known.set(key, part);
  return part;
}

const plansOfKinds = new WeakMap<Shaped, Plan>();
const plansOfFields = new WeakMap<Field, Plan>();
const plansOfDefinitions = new Map<string, Plan>();
const leafPlan: Plan = { shape: { form: 'leaf' }, known: new Map(), isOfGo: false };

function planOfKind(of: Shaped): Plan {
  let plan = plansOfKinds.get(of);
  if (!plan) plansOfKinds.set(of, (plan = planOf(typeOf(of))));
  return plan;
}

function planOf(type: Field | undefined): Plan {
  if (!type) return leafPlan;
  let plan = plansOfFields.get(type);
  if (plan) return plan;
  // Definitions are met from many fields: what is known of them is shared.
  const name = type.type === 'ref' && !type.mapType ? type.name : undefined;
  plan = name === undefined ? undefined : plansOfDefinitions.get(name);
  if (!plan) {
    const shape = shapeOf(type);
    plan = shape.form === 'leaf' ? leafPlan : { shape, known: new Map(), isOfGo: type.type === 'ref' };
    if (name !== undefined) plansOfDefinitions.set(name, plan);
  }
  plansOfFields.set(type, plan);
  return plan;
}
