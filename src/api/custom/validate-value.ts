// Whether a value is what a schema asks for, in the words of Kubernetes' OpenAPI validation. A schema is compiled once, into
// checks for just the keywords that it has; a value that is as it should be costs a walk and nothing else.
import type { FieldCause } from '../error.ts';
import { isObject, sameJson } from '../patch/json.ts';
import { fitsFormat, hasFormat } from './formats.ts';
import { isIntOrString, itemsOf, under, valuesOf, type JsonSchema } from './json-schema.ts';
import { compilePattern } from './regular-expression.ts';

/** One step down: the name of a field, or an index. */
export type Step = string | number;

export interface Finding extends FieldCause {
  /** Where the value is that was found wrong; for a missing field, the object that lacks it. */
  readonly at: readonly Step[];
}

/** All that is wrong with a value; [] when nothing is. */
export type ValidateValue = (value: unknown) => readonly Finding[];

type Check = (value: unknown, path: string, at: readonly Step[], found: Finding[]) => void;

export function compileValidation(schema: JsonSchema): ValidateValue {
  const check = checkOf(schema);
  return (value) => {
    const found: Finding[] = [];
    check(value, '', [], found);
    return found;
  };
}

function checkOf(schema: JsonSchema): Check {
  const checks = [...typeCheck(schema), ...textChecks(schema), ...numberChecks(schema), ...listChecks(schema), ...objectChecks(schema), ...junctorChecks(schema)];
  const [only] = checks;
  if (checks.length === 1) return only!;
  return (value, path, at, found) => {
    if (value === null && schema.nullable) return;
    for (const check of checks) check(value, path, at, found);
  };
}

function invalid(found: Finding[], path: string, at: readonly Step[], value: unknown, why: string, reason = 'FieldValueInvalid'): void {
  found.push({ reason, field: path, message: `Invalid value: ${shown(value)}: ${path} in body ${why}`, at });
}

/** A value as errors show it: long ones are cut short by nobody upstream, but objects are told by what they are. */
function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

function typeCheck(schema: JsonSchema): Check[] {
  const { type, nullable, format } = schema;
  const wanted = isIntOrString(schema) ? 'integer,string' : type;
  if (!wanted) return [];
  const isRight = isIntOrString(schema) ? (value: unknown) => typeof value === 'string' || Number.isInteger(value) : rightFor(wanted);
  const checkFormat = format !== undefined && (wanted === 'integer' || wanted === 'number') ? format : undefined;
  return [
    (value, path, at, found) => {
      if (isRight(value)) {
        if (checkFormat && !fitsFormat(checkFormat, value as number)) invalid(found, path, at, value, `must be of type ${checkFormat}: ${shown(kindOf(value))}`, 'FieldValueTypeInvalid');
        return;
      }
      if (value === null && nullable) return;
      const actual = kindOf(value);
      invalid(found, path, at, actual, `must be of type ${wanted}: ${shown(actual)}`, 'FieldValueTypeInvalid');
    },
  ];
}

function rightFor(type: string): (value: unknown) => boolean {
  switch (type) {
    case 'string':
      return (value) => typeof value === 'string';
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'integer':
      return (value) => Number.isInteger(value);
    case 'number':
      return (value) => typeof value === 'number';
    case 'array':
      return (value) => Array.isArray(value);
    case 'object':
      return (value) => isObject(value);
    default:
      return () => true;
  }
}

/** What the validation calls a value's type. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function textChecks({ maxLength, minLength, pattern, format, type }: JsonSchema): Check[] {
  const checks: Check[] = [];
  const when = (check: (text: string, path: string, at: readonly Step[], found: Finding[]) => void) =>
    checks.push((value, path, at, found) => {
      if (typeof value === 'string') check(value, path, at, found);
    });
  if (maxLength !== undefined) {
    when((text, path, at, found) => {
      if (text.length > maxLength && characters(text) > maxLength) found.push({ reason: 'FieldValueTooLong', field: path, message: `Too long: may not be more than ${maxLength} bytes`, at });
    });
  }
  if (minLength !== undefined) {
    when((text, path, at, found) => {
      if (characters(text) < minLength) invalid(found, path, at, text, `should be at least ${minLength} chars long`);
    });
  }
  if (pattern !== undefined) {
    const compiled = compilePattern(pattern);
    when((text, path, at, found) => {
      if (!compiled.matcher(text).find()) invalid(found, path, at, text, `should match '${pattern}'`);
    });
  }
  if (format !== undefined && (type === 'string' || type === undefined)) {
    when((text, path, at, found) => {
      if (!hasFormat(format, text)) invalid(found, path, at, text, `must be of type ${format}: ${shown(text)}`, 'FieldValueTypeInvalid');
    });
  }
  return checks;
}

/** Letters, not UTF-16 units. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function numberChecks({ maximum, exclusiveMaximum, minimum, exclusiveMinimum, multipleOf }: JsonSchema): Check[] {
  const checks: Check[] = [];
  const when = (isWrong: (number: number) => boolean, why: string) =>
    checks.push((value, path, at, found) => {
      if (typeof value === 'number' && isWrong(value)) invalid(found, path, at, value, why);
    });
  if (maximum !== undefined) when((value) => (exclusiveMaximum ? value >= maximum : value > maximum), `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
  if (minimum !== undefined) when((value) => (exclusiveMinimum ? value <= minimum : value < minimum), `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
  if (multipleOf !== undefined && multipleOf > 0) when((value) => !isMultiple(value, multipleOf), `should be a multiple of ${multipleOf}`);
  return checks;
}

/** 0.3 is a multiple of 0.1, though the doubles say otherwise. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * Math.max(1, Math.abs(quotient));
}

function listChecks(schema: JsonSchema): Check[] {
  const { maxItems, minItems } = schema;
  const items = itemsOf(schema);
  const checks: Check[] = [];
  const when = (check: (list: readonly unknown[], path: string, at: readonly Step[], found: Finding[]) => void) =>
    checks.push((value, path, at, found) => {
      if (Array.isArray(value)) check(value, path, at, found);
    });
  if (maxItems !== undefined) {
    when((list, path, at, found) => {
      if (list.length > maxItems) found.push({ reason: 'FieldValueTooMany', field: path, message: `Too many: ${list.length}: must have at most ${maxItems} items`, at });
    });
  }
  if (minItems !== undefined) {
    when((list, path, at, found) => {
      if (list.length < minItems) invalid(found, path, at, list.length, `should have at least ${minItems} items`);
    });
  }
  if (items) {
    const check = checkOf(items);
    when((list, path, at, found) => list.forEach((item, i) => check(item, `${path}[${i}]`, [...at, i], found)));
  }
  if (schema['x-kubernetes-list-type'] === 'set') when((list, path, at, found) => checkDuplicates(list, (item) => item, path, at, found));
  if (schema['x-kubernetes-list-type'] === 'map') {
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    when((list, path, at, found) => checkDuplicates(list, (item) => (isObject(item) ? Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]])) : item), path, at, found));
  }
  return checks;
}

function checkDuplicates(list: readonly unknown[], keyOf: (item: unknown) => unknown, path: string, at: readonly Step[], found: Finding[]): void {
  const seen = new Set<string>();
  list.forEach((item, i) => {
    const key = keyOf(item);
    const text = JSON.stringify(key);
    if (seen.has(text)) found.push({ reason: 'FieldValueDuplicate', field: `${path}[${i}]`, message: `Duplicate value: ${text}`, at: [...at, i] });
    seen.add(text);
  });
}

function objectChecks(schema: JsonSchema): Check[] {
  const { maxProperties, minProperties, required, properties } = schema;
  const values = valuesOf(schema);
  const checks: Check[] = [];
  const when = (check: (object: Readonly<Record<string, unknown>>, path: string, at: readonly Step[], found: Finding[]) => void) =>
    checks.push((value, path, at, found) => {
      if (isObject(value)) check(value, path, at, found);
    });
  if (maxProperties !== undefined) {
    when((object, path, at, found) => {
      const count = Object.keys(object).length;
      if (count > maxProperties) found.push({ reason: 'FieldValueTooMany', field: path, message: `Too many: ${count}: must have at most ${maxProperties} items`, at });
    });
  }
  if (minProperties !== undefined) {
    when((object, path, at, found) => {
      const count = Object.keys(object).length;
      if (count < minProperties) invalid(found, path, at, count, `should have at least ${minProperties} properties`);
    });
  }
  if (required?.length) {
    when((object, path, at, found) => {
      for (const name of required) if (!Object.hasOwn(object, name)) found.push({ reason: 'FieldValueRequired', field: under(path, name), message: 'Required value', at });
    });
  }
  if (properties || values) {
    const known = new Map(Object.entries(properties ?? {}).map(([name, property]) => [name, checkOf(property)]));
    const others = values && checkOf(values);
    when((object, path, at, found) => {
      for (const name in object) {
        const check = known.get(name) ?? others;
        if (check) check(object[name], under(path, name), [...at, name], found);
      }
    });
  }
  return checks;
}

function junctorChecks({ enum: allowed, allOf, anyOf, oneOf, not }: JsonSchema): Check[] {
  const checks: Check[] = [];
  if (allowed?.length) {
    const supported = allowed.map(shown).join(', ');
    checks.push((value, path, at, found) => {
      if (!allowed.some((one) => sameJson(one, value))) found.push({ reason: 'FieldValueNotSupported', field: path, message: `Unsupported value: ${shown(value)}: supported values: ${supported}`, at });
    });
  }
  const composite = (found: Finding[], path: string, at: readonly Step[], why: string) => found.push({ reason: 'FieldValueInvalid', field: '<nil>', message: `Invalid value: "": ${JSON.stringify(path)} ${why}`, at });
  if (allOf?.length) {
    const parts = allOf.map(checkOf);
    checks.push((value, path, at, found) => {
      const inner = parts.map((part) => tried(part, value, path, at)).filter((problems) => problems.length > 0);
      if (inner.length === 0) return;
      composite(found, path, at, `must validate all the schemas (allOf). ${inner.length === parts.length ? 'None validated' : ''}`.trimEnd());
      found.push(...inner.flat());
    });
  }
  if (anyOf?.length) {
    const parts = anyOf.map(checkOf);
    checks.push((value, path, at, found) => {
      const best = leastWrong(parts, value, path, at);
      if (best.valid > 0) return;
      composite(found, path, at, 'must validate at least one schema (anyOf)');
      found.push(...best.problems);
    });
  }
  if (oneOf?.length) {
    const parts = oneOf.map(checkOf);
    checks.push((value, path, at, found) => {
      const best = leastWrong(parts, value, path, at);
      if (best.valid === 1) return;
      composite(found, path, at, `must validate one and only one schema (oneOf). Found ${best.valid === 0 ? 'none' : best.valid} valid${best.valid > 1 ? ' alternatives' : ''}`);
      found.push(...best.problems);
    });
  }
  if (not) {
    const part = checkOf(not);
    checks.push((value, path, at, found) => {
      if (tried(part, value, path, at).length === 0) composite(found, path, at, 'must not validate the schema (not)');
    });
  }
  return checks;
}

function tried(check: Check, value: unknown, path: string, at: readonly Step[]): Finding[] {
  const found: Finding[] = [];
  check(value, path, at, found);
  return found;
}

/** How many alternatives are met; where none is, what is wrong with the one that comes nearest. */
function leastWrong(parts: readonly Check[], value: unknown, path: string, at: readonly Step[]): { valid: number; problems: readonly Finding[] } {
  let valid = 0;
  let nearest: readonly Finding[] | undefined;
  for (const part of parts) {
    const problems = tried(part, value, path, at);
    if (problems.length === 0) valid++;
    else if (!nearest || problems.length < nearest.length) nearest = problems;
  }
  return { valid, problems: valid === 0 ? (nearest ?? []) : [] };
}
