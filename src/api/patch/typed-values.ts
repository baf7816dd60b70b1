// What server-side apply does with typed values: which fields one has, how two differ, and the merge of one into another.
import type { Field } from '../schema/schema.ts';
import { emptySet, fieldSet, leaf, type FieldSet } from './field-set.ts';
import { cloneJson, isObject, sameJson, setOwn, type JsonObject } from './json.ts';
import { shapeOfValue, type Shape } from './shape.ts';

/** The fields that a value sets. */
export function fieldsOf(value: unknown, type: Field | undefined): FieldSet {
  const shape = shapeOfValue(type, value);
  switch (shape.form) {
    case 'leaf': return leaf;
    case 'items': return fieldSet(false, (value as unknown[]).map((item) => [shape.step(item), { ...fieldsOf(item, shape.items), member: true }]));
    case 'fields':
      // What is undefined, as an object in this process may have it that was never decoded, is not there.
      return fieldSet(false, Object.entries(value as JsonObject).filter(([, item]) => item !== undefined).map(([key, item]) => {
        const inner = fieldsOf(item, shape.typeOf(key));
        const isBare = shape.isMap || (isObject(item) && Object.keys(item).length === 0);
        return [`f:${key}`, isBare ? { ...inner, member: true } : inner];
      }));
  }
}

export interface Differences {
  /** Added or of another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

const same: Differences = { changed: emptySet, removed: emptySet };

/** What became of `before` in `after`; undefined stands for absent. */
export function compare(before: unknown, after: unknown, type: Field | undefined): Differences {
  if (before === after) return same;
  const shape = shapeOfValue(type, before, after);
  if (shape.form === 'leaf' || (isBare(before) && isBare(after))) {
    if (after === undefined) return { changed: emptySet, removed: leaf };
    return before !== undefined && sameJson(before, after) ? same : { changed: leaf, removed: emptySet };
  }
  const [left, right] = [parts(before, shape), parts(after, shape)];
  const steps = [...new Set([...left.keys(), ...right.keys()])];
  const inner = steps.map((step) => [step, compare(left.get(step)?.value, right.get(step)?.value, (left.get(step) ?? right.get(step))!.type)] as const);
  return {
    changed: fieldSet(before === undefined, inner.map(([step, { changed }]) => [step, changed])),
    removed: fieldSet(after === undefined, inner.map(([step, { removed }]) => [step, removed])),
  };
}

function isBare(value: unknown): boolean {
  return value === undefined || Object.keys(value as object).length === 0;
}

interface Part {
  readonly value: unknown;
  readonly type: Field | undefined;
}

/** The parts of a value by their steps. */
function parts(value: unknown, shape: Exclude<Shape, { form: 'leaf' }>): Map<string, Part> {
  if (value === undefined) return new Map();
  if (shape.form === 'items') return new Map((value as unknown[]).map((item) => [shape.step(item), { value: item, type: shape.items }]));
  return new Map(Object.entries(value as JsonObject).map(([key, item]) => [`f:${key}`, { value: item, type: shape.typeOf(key) }]));
}

/** `applied` laid over `live`; shares nothing with either. */
export function mergeTyped(live: unknown, applied: unknown, type: Field | undefined): unknown {
  if (applied === undefined) return cloneJson(live);
  const shape = shapeOfValue(type, live, applied);
  if (live === undefined || shape.form === 'leaf') return cloneJson(applied);
  if (shape.form === 'items') return mergeItems(live as unknown[], applied as unknown[], shape.step, shape.items);
  const [from, over] = [live as JsonObject, applied as JsonObject];
  const merged: JsonObject = {};
  for (const key in from) setOwn(merged, key, Object.hasOwn(over, key) ? mergeTyped(from[key], over[key], shape.typeOf(key)) : cloneJson(from[key]));
  for (const key in over) if (!Object.hasOwn(from, key)) setOwn(merged, key, cloneJson(over[key]));
  return merged;
}

/**
 * The applied items in their order, and between them, as early as that allows, the items that only the live list has.
 * The order is that of structured-merge-diff.
 */
function mergeItems(live: readonly unknown[], applied: readonly unknown[], step: (item: unknown) => string, items: Field): unknown[] {
  const liveSteps = live.map(step);
  const appliedSteps = applied.map(step);
  const liveBy = new Map(live.map((item, i) => [liveSteps[i]!, item]));
  const waiting = new Set(appliedSteps);
  const shared = appliedSteps.filter((key) => liveBy.has(key));
  const isApplied = new Set(appliedSteps);
  const merged: unknown[] = [];
  let next = 0;
  const takeLiveOnly = (until: string | undefined) => {
    for (; next < live.length; next++) {
      const key = liveSteps[next]!;
      if (!isApplied.has(key)) merged.push(cloneJson(live[next]));
      else if (key === until && waiting.has(key)) return;
    }
  };
  applied.forEach((item, i) => {
    const key = appliedSteps[i]!;
    takeLiveOnly(shared[0]);
    merged.push(mergeTyped(liveBy.get(key), item, items));
    waiting.delete(key);
    if (key === shared[0]) shared.shift();
  });
  takeLiveOnly(undefined);
  return merged;
}

/** Removes from `value`, in place, what is in `given` and no longer in `owned`, at or below. */
export function removeGivenUp(value: unknown, given: FieldSet, owned: FieldSet, type: Field | undefined): unknown {
  const shape = shapeOfValue(type, value);
  if (shape.form === 'leaf' || value === undefined) return value;
  if (shape.form === 'items') {
    return (value as unknown[]).flatMap((item) => {
      const [inGiven, inOwned] = [given.below.get(shape.step(item)), owned.below.get(shape.step(item))];
      if (!inGiven) return [item];
      return inOwned ? [removeGivenUp(item, inGiven, inOwned, shape.items)] : [];
    });
  }
  const object = value as JsonObject;
  for (const [step, inGiven] of given.below) {
    const key = step.slice(2);
    if (!Object.hasOwn(object, key)) continue;
    const inOwned = owned.below.get(step);
    const wasBare = isBare(object[key]);
    // What is given up as a whole goes as a whole; else only what is given up below it, and itself if nothing is left.
    const kept = inOwned || !inGiven.member ? removeGivenUp(object[key], inGiven, inOwned ?? emptySet, shape.typeOf(key)) : undefined;
    const isEmptied = !wasBare && isBare(kept) && (!inOwned || Array.isArray(kept) || shape.typeOf(key)?.type === 'map');
    if (kept === undefined || isEmptied) delete object[key];
    else setOwn(object, key, kept);
  }
  return object;
}
