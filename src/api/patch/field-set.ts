// A set of fields of an object, as a tree, and its written form FieldsV1 in managedFields.
//
// A step of a path is written as FieldsV1 writes it: `f:NAME` a field, `k:{"name":"c"}` an item of a list with keys,
// `v:"x"` an item of a list that is a set. In FieldsV1 `.` says that a place itself belongs to the set, not only what
// is below it; a place without anything below belongs to it anyway.
import { isObject, setOwn, type JsonObject } from './json.ts';

export interface FieldSet {
  /** The place itself belongs to the set. */
  readonly member: boolean;
  readonly below: ReadonlyMap<string, FieldSet>;
}

const nothingBelow: ReadonlyMap<string, FieldSet> = new Map();
export const emptySet: FieldSet = { member: false, below: nothingBelow };
export const leaf: FieldSet = { member: true, below: nothingBelow };

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.below.size === 0;
}

/** Drops what is empty, so that equal sets are equal trees. */
export function fieldSet(member: boolean, below: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, below: new Map([...below].filter(([, set]) => !isEmpty(set))) };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  const below = new Map(a.below);
  for (const [step, set] of b.below) below.set(step, union(below.get(step) ?? emptySet, set));
  return { member: a.member || b.member, below };
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return fieldSet(a.member && b.member, [...a.below].map(([step, set]) => [step, intersection(set, b.below.get(step) ?? emptySet)]));
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  return fieldSet(a.member && !b.member, [...a.below].map(([step, set]) => [step, difference(set, b.below.get(step) ?? emptySet)]));
}

/** Takes away the places at which `b` ends, with all that is below them. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  if (b.member) return emptySet;
  return fieldSet(a.member, [...a.below].map(([step, set]) => [step, without(set, b.below.get(step) ?? emptySet)]));
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return a.member === b.member && a.below.size === b.below.size && [...a.below].every(([step, set]) => equalSets(set, b.below.get(step) ?? emptySet));
}

/** Each member's path, sorted. */
export function pathsOf(set: FieldSet, before: readonly string[] = []): string[][] {
  const own = set.member ? [[...before]] : [];
  return [...own, ...[...set.below].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([step, inner]) => pathsOf(inner, [...before, step]))];
}

/** As in messages: `.spec.containers[name="c"].image`. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatStep).join('');
}

function formatStep(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith('f:')) return `.${rest}`;
  if (step.startsWith('v:')) return `[=${rest}]`;
  const key = JSON.parse(rest) as JsonObject;
  return `[${Object.entries(key).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

export function toFieldsV1(set: FieldSet): JsonObject {
  const written: JsonObject = {};
  if (set.member && set.below.size > 0) written['.'] = {};
  for (const [step, inner] of [...set.below].sort(([a], [b]) => (a < b ? -1 : 1))) setOwn(written, step, toFieldsV1(inner));
  return written;
}

/** Undefined when it is no FieldsV1. */
export function fromFieldsV1(written: unknown): FieldSet | undefined {
  return isObject(written) ? readPlace(written, true) : undefined;
}

function readPlace(written: JsonObject, isRoot: boolean): FieldSet | undefined {
  const below: [string, FieldSet][] = [];
  let member = false;
  for (const [step, inner] of Object.entries(written)) {
    if (step === '.') {
      member = true;
      continue;
    }
    const set = isStep(step) && isObject(inner) ? readPlace(inner, false) : undefined;
    if (!set) return undefined;
    below.push([step, set]);
  }
  return fieldSet(member || (below.length === 0 && !isRoot), below);
}

function isStep(step: string): boolean {
  if (step.startsWith('f:')) return true;
  if (!/^[kvi]:/.test(step)) return false;
  try {
    const value: unknown = JSON.parse(step.slice(2));
    return !step.startsWith('k:') || isObject(value);
  } catch {
    return false;
  }
}
