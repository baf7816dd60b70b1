// Brings an object that a client sent into the form that Kubernetes' typed decoding gives it.
//
// One pass over the object, through checks that are compiled once per definition. Where all is well nothing is
// allocated: a check knows neither path nor parent, and only when something below it was found does each level on the
// way up put its own name in front.
import { definition, structOf, type FieldsFound, type FieldType, type ScalarName, type Shaped } from './schema.ts';
import { decodeBytes, decodeDuration, decodeIntOrString, decodeQuantity, decodeTime, decodeMicroTime, integer } from './scalars.ts';

/** Checks and prunes `draft` against what its kind says that it is made of. */
export function checkShape({ schema, schemaName }: Shaped, draft: object): FieldsFound {
  return schema ? schema.check(draft) : checkFields(schemaName, draft);
}

/**
 * Checks and prunes `draft` in place against the definition: removes unknown fields, nulls and values of a wrong
 * type, and writes times, quantities and bytes in their canonical form.
 */
export function checkFields(schemaName: string, draft: object): FieldsFound {
  const check = structCheck(schemaName);
  const found: Found = { unknown: [], errors: [] };
  const kept = check(draft, found) as Record<string, unknown> | undefined;
  if (kept !== draft) {
    for (const key of Object.keys(draft)) if (!kept || !Object.hasOwn(kept, key)) delete (draft as Record<string, unknown>)[key];
  }
  if (found.unknown.length === 0 && found.errors.length === 0) return nothing;
  return { unknown: found.unknown, typeErrors: found.errors.map(describe) };
}

const nothing: FieldsFound = { unknown: [], typeErrors: [] };

/** What a check met so far; paths are relative to the value that is being checked. */
interface Found {
  unknown: string[];
  errors: TypeError[];
}

interface TypeError {
  /** Go's innermost struct around the field. */
  struct: string;
  path: string;
  readonly value: string;
  readonly goType: string;
  /** Set when a type's own decoder complains: the whole message. */
  readonly message?: string;
}

/** Gives the value to keep, in its canonical form, or undefined to drop it. May change the value's own fields. */
type Check = (value: unknown, found: Found) => unknown;

const compiled = new Map<string, Check>();

function structCheck(name: string): Check {
  const known = compiled.get(name);
  if (known) return known;
  const struct = structOf(name);
  if (!struct) throw new Error(`no definition of ${name} in the API's schema`);
  const goName = name.slice(name.lastIndexOf('.') + 1);
  const goType = goTypeOf({ type: 'ref', name });
  const fields = new Map<string, Check>();
  const check: Check = (value, found) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(value, goType, found);
    const object = value as Record<string, unknown>;
    let dropped: string[] | undefined;
    for (const key in object) {
      const item = object[key];
      const checkField = fields.get(key);
      if (checkField === undefined) {
        found.unknown.push(key);
        (dropped ??= []).push(key);
        continue;
      }
      if (item === null || item === undefined) {
        (dropped ??= []).push(key);
        continue;
      }
      const { unknown, errors } = found;
      const unknownBefore = unknown.length;
      const errorsBefore = errors.length;
      const kept = checkField(item, found);
      if (unknown.length !== unknownBefore || errors.length !== errorsBefore) putInFront(found, unknownBefore, errorsBefore, key, goName);
      if (kept === item) continue;
      if (kept === undefined) (dropped ??= []).push(key);
      else object[key] = kept;
    }
    return dropped ? without(object, dropped) : object;
  };
  compiled.set(name, check); // before its fields: JSONSchemaProps holds itself
  for (const [key, field] of Object.entries(struct.properties)) fields.set(key, checkOf(field));
  return check;
}

function checkOf(type: FieldType): Check {
  switch (type.type) {
    case 'string': return checkString;
    case 'boolean': return (value, found) => (typeof value === 'boolean' ? value : wrong(value, 'bool', found));
    case 'int32': return (value, found) => (integer(value, 2 ** 31) ? value : wrong(value, 'int32', found));
    case 'int64': return (value, found) => (integer(value, 2 ** 63) ? value : wrong(value, 'int64', found));
    case 'double': return (value, found) => (typeof value === 'number' ? value : wrong(value, 'float64', found));
    case 'bytes': return scalarCheck(decodeBytes);
    case 'any': case 'struct': case 'deduced': return (value) => value; // the latter two stand in no definition
    case 'array': return arrayCheck(type.items, goTypeOf(type));
    case 'map': return mapCheck(type.values, goTypeOf(type));
    case 'ref': return refCheck(type.name);
  }
}

const checkString: Check = (value, found) => (typeof value === 'string' ? value : wrong(value, 'string', found));

function refCheck(name: string): Check {
  const target = definition(name);
  if (target && 'scalar' in target) return scalarCheck(decoders[target.scalar]);
  // Compiled when first met: most kinds reach hundreds of definitions of which an object uses a few.
  let check: Check | undefined;
  return (value, found) => (check ??= structCheck(name))(value, found);
}

/** A type with a decoder of its own: the canonical value, or an error by its message. */
type Decode = (value: unknown) => unknown | { error: string };

const decoders: Readonly<Record<ScalarName, Decode>> = {
  Time: decodeTime,
  MicroTime: decodeMicroTime,
  Duration: decodeDuration,
  Quantity: decodeQuantity,
  IntOrString: decodeIntOrString,
  Object: (value) => value,
};

function scalarCheck(decode: Decode): Check {
  return (value, found) => {
    const decoded = decode(value);
    if (typeof decoded !== 'object' || decoded === value || !(decoded && 'error' in decoded)) return decoded;
    found.errors.push({ struct: '', path: '', value: '', goType: '', message: (decoded as { error: string }).error });
    return undefined;
  };
}

function arrayCheck(items: FieldType, goType: string): Check {
  const checkItem = checkOf(items);
  return (value, found) => {
    if (!Array.isArray(value)) return wrong(value, goType, found);
    for (let i = 0; i < value.length; i++) {
      const { unknown, errors } = found;
      const unknownBefore = unknown.length;
      const errorsBefore = errors.length;
      const item: unknown = value[i] ?? zeroOf(items);
      const kept = checkItem(item, found);
      if (unknown.length !== unknownBefore || errors.length !== errorsBefore) putInFront(found, unknownBefore, errorsBefore, `[${i}]`);
      if (kept !== value[i]) value[i] = kept ?? zeroOf(items);
    }
    return value;
  };
}

function mapCheck(values: FieldType, goType: string): Check {
  const checkValue = checkOf(values);
  return (value, found) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(value, goType, found);
    const map = value as Record<string, unknown>;
    for (const key in map) {
      const { unknown, errors } = found;
      const unknownBefore = unknown.length;
      const errorsBefore = errors.length;
      const item = map[key] ?? zeroOf(values);
      const kept = checkValue(item, found);
      if (unknown.length !== unknownBefore || errors.length !== errorsBefore) putInFront(found, unknownBefore, errorsBefore, key);
      if (kept !== map[key]) map[key] = kept ?? zeroOf(values);
    }
    return map;
  };
}

/** What Go leaves where JSON has null in a list or as a map's value. */
function zeroOf(type: FieldType): unknown {
  switch (type.type) {
    case 'string': case 'bytes': return '';
    case 'boolean': return false;
    case 'int32': case 'int64': case 'double': return 0;
    case 'array': return [];
    case 'map': return {};
    case 'any': case 'struct': case 'deduced': return null;
    case 'ref': {
      const target = definition(type.name);
      if (!target || !('scalar' in target)) return {};
      return target.scalar === 'Quantity' ? '0' : target.scalar === 'IntOrString' ? 0 : null;
    }
  }
}

function without(object: Record<string, unknown>, dropped: readonly string[]): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key in object) if (!dropped.includes(key)) kept[key] = object[key];
  return kept;
}

/** `struct` is set for a field of a struct: Go's errors name neither indexes nor the keys of maps. */
function putInFront(found: Found, unknownFrom: number, errorsFrom: number, key: string, struct?: string): void {
  for (let i = unknownFrom; i < found.unknown.length; i++) {
    const path = found.unknown[i]!;
    found.unknown[i] = path.startsWith('[') ? key + path : `${key}.${path}`;
  }
  if (struct === undefined) return;
  for (let i = errorsFrom; i < found.errors.length; i++) {
    const error = found.errors[i]!;
    error.path = error.path === '' ? key : `${key}.${error.path}`;
    if (error.struct === '') error.struct = struct;
  }
}

function wrong(value: unknown, goType: string, found: Found): undefined {
  found.errors.push({ struct: '', path: '', value: jsonTypeOf(value, goType), goType });
  return undefined;
}

function describe({ message, value, struct, path, goType }: TypeError): string {
  if (message !== undefined) return message;
  if (struct === '') return `json: cannot unmarshal ${value} into Go value of type ${goType}`;
  return `json: cannot unmarshal ${value} into Go struct field ${struct}.${path} of type ${goType}`;
}

/** What Go calls the JSON value; a number that does not fit an integer is named with its digits. */
function jsonTypeOf(value: unknown, goType: string): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return goType.startsWith('int') ? `number ${value}` : 'number';
  return typeof value;
}

function goTypeOf(type: FieldType): string {
  switch (type.type) {
    case 'boolean': return 'bool';
    case 'double': return 'float64';
    case 'bytes': return '[]uint8';
    case 'any': case 'struct': case 'deduced': return 'interface {}';
    case 'array': return `[]${goTypeOf(type.items)}`;
    case 'map': return `map[string]${goTypeOf(type.values)}`;
    case 'ref': return type.name.split('.').slice(-2).join('.');
    default: return type.type;
  }
}
