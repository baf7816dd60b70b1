// A schema's types and values as CEL sees them.
import { parseTime } from '../../base/clock.ts';
import { parseDuration } from '../cel/functions/standard.ts';
import { dyn, listOf, mapOf, objectOf, simple, type Type } from '../cel/types.ts';
import { Duration, Fields, markAssociative, Timestamp } from '../cel/values.ts';
import { isObject } from '../patch/json.ts';
import { isEmbedded, isIntOrString, itemsOf, valuesOf, type JsonSchema } from './json-schema.ts';

const text = simple('string');
const metadata: JsonSchema = { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } };
const ofResource: Readonly<Record<string, JsonSchema>> = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata };

export function celTypeOf(schema: JsonSchema, isResource = isEmbedded(schema)): Type {
  if (isIntOrString(schema)) return dyn;
  switch (schema.type) {
    case 'integer': return simple('int');
    case 'number': return simple('double');
    case 'boolean': return simple('bool');
    case 'string': return textType(schema.format);
    case 'array': return listOf(celTypeOf(itemsOf(schema) ?? {}));
    case 'object': {
      const values = valuesOf(schema);
      if (values) return mapOf(text, celTypeOf(values));
      if (schema.additionalProperties === true) return mapOf(text, dyn);
      return objectOf('object', new Map(Object.entries(fieldsOf(schema, isResource)).flatMap(([name, property]) => escaped(name).map((field) => [field, celTypeOf(property)] as const))));
    }
    default: return dyn;
  }
}

function textType(format: string | undefined): Type {
  switch (format) {
    case 'byte': return simple('bytes');
    case 'duration': return simple('duration');
    case 'date': case 'date-time': return simple('timestamp');
    default: return text;
  }
}

export function fieldsOf({ properties }: JsonSchema, isResource: boolean): Readonly<Record<string, JsonSchema>> {
  return isResource ? { ...properties, ...ofResource } : (properties ?? {});
}

const keywords: ReadonlySet<string> = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while']);

/** How an expression names a field; [] for a name that no expression can say. */
export function escaped(name: string): readonly string[] {
  if (keywords.has(name)) return [`__${name}__`];
  const said = name.replaceAll('__', '__underscores__').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__');
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(said) ? [said] : [];
}

export function celValueOf(value: unknown, schema: JsonSchema, isResource = isEmbedded(schema)): unknown {
  if (value === null || value === undefined) return null;
  if (isIntOrString(schema) || !schema.type) return untyped(value);
  switch (schema.type) {
    case 'integer': return typeof value === 'number' ? BigInt(Math.trunc(value)) : untyped(value);
    case 'string': return typeof value === 'string' ? textValue(value, schema.format) : untyped(value);
    case 'array': return Array.isArray(value) ? listValue(value, schema) : untyped(value);
    case 'object': return isObject(value) ? objectValue(value, schema, isResource) : untyped(value);
    default: return value;
  }
}

function textValue(value: string, format: string | undefined): unknown {
  switch (format) {
    case 'byte': return new Uint8Array(Buffer.from(value, 'base64'));
    case 'date': return new Timestamp(parseTime(`${value}T00:00:00Z`));
    case 'date-time': return new Timestamp(parseTime(value));
    case 'duration':
      try {
        return new Duration(parseDuration(value));
      } catch {
        return value; // in another notation than Go's
      }
    default: return value;
  }
}

function listValue(value: readonly unknown[], schema: JsonSchema): readonly unknown[] {
  const items = itemsOf(schema) ?? {};
  const list = value.map((item) => celValueOf(item, items));
  if (schema['x-kubernetes-list-type'] === 'set') markAssociative(list, undefined);
  if (schema['x-kubernetes-list-type'] === 'map') markAssociative(list, (schema['x-kubernetes-list-map-keys'] ?? []).flatMap(escaped));
  return list;
}

function objectValue(value: Readonly<Record<string, unknown>>, schema: JsonSchema, isResource: boolean): unknown {
  const values = valuesOf(schema);
  if (values) return new Map(Object.entries(value).map(([key, one]) => [key, celValueOf(one, values)]));
  if (schema.additionalProperties === true) return untyped(value);
  const fields = new Map<string, unknown>();
  for (const [name, property] of Object.entries(fieldsOf(schema, isResource))) {
    if (!Object.hasOwn(value, name) || value[name] === undefined) continue;
    // A null that may be there is there, but has no fields.
    for (const field of escaped(name)) fields.set(field, celValueOf(value[name], property));
  }
  return new Fields('object', fields);
}

/** Without a schema: whole numbers are integers. */
export function untyped(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(untyped);
  if (isObject(value)) return new Map(Object.entries(value).filter(([, one]) => one !== undefined).map(([key, one]) => [key, untyped(one)]));
  return value;
}
