// The schema of the API's built-in kinds: what fields each definition has, of what type, and how its lists and maps
// merge. Written by scripts/extract-schema.ts; read the first time that someone asks.
import { readFileSync } from 'node:fs';

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Definitions that are one value, not a set of fields. `Object` is any JSON object. */
export type ScalarName = 'Time' | 'MicroTime' | 'Duration' | 'Quantity' | 'IntOrString' | 'Object';

export type Definition = Struct | { readonly scalar: ScalarName };

export interface Struct {
  readonly properties: Readonly<Record<string, Field>>;
  /** For what may stand at the top of a request or an answer. */
  readonly gvk?: readonly GroupVersionKind[];
  /** `atomic`: server-side apply owns it as a whole. */
  readonly mapType?: 'atomic';
}

export type FieldType =
  | { readonly type: 'string' | 'boolean' | 'int32' | 'int64' | 'double' | 'bytes' | 'any' }
  | { readonly type: 'array'; readonly items: FieldType }
  | { readonly type: 'map'; readonly values: FieldType }
  | { readonly type: 'ref'; readonly name: string }
  /** Fields that are declared in place; `rest`: what all others are, where others may be. Only in kinds that are declared at run time. */
  | { readonly type: 'struct'; readonly properties: Readonly<Record<string, Field>>; readonly rest?: FieldType }
  /** Whatever the value looks like: objects merge field by field, all else is one value. */
  | { readonly type: 'deduced' };

export type Field = FieldType & {
  readonly required?: boolean;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  readonly patchMergeKey?: string;
  /** `merge`, `replace`, `retainKeys` or `merge,retainKeys`. */
  readonly patchStrategy?: string;
  /** Only for fields that are part of a list's key. */
  readonly default?: unknown;
  /** Go's type has it in an object that says nothing: a struct that is no pointer, or a list or map that is null then. */
  readonly always?: true;
};

/** What a kind's objects are made of: the definition of that name, or, for kinds that are declared at run time, a schema of their own. */
export interface Shaped {
  readonly schemaName: string;
  readonly schema?: OwnSchema;
}

export interface OwnSchema {
  /** As checkFields does with a definition: prunes `draft` in place, and says what it found. */
  check(draft: object): FieldsFound;
  readonly type: Field;
}

export interface FieldsFound {
  /** Fields that the schema lacks, as `spec.containers[0].foo`, in the order of the object. */
  readonly unknown: readonly string[];
  /** What cannot be decoded, in Go's words: `json: cannot unmarshal string into Go struct field …`. */
  readonly typeErrors: readonly string[];
}

export function typeOf({ schema, schemaName }: Shaped): Field {
  return schema?.type ?? { type: 'ref', name: schemaName };
}

/** The definition with a published name such as `io.k8s.api.core.v1.Pod`. */
export function definition(name: string): Definition | undefined {
  return definitions()[name];
}

/** The fields of a definition; undefined for scalars and unknown names. */
export function structOf(name: string): Struct | undefined {
  const found = definition(name);
  return found && 'properties' in found ? found : undefined;
}

export function propertyOf(name: string, property: string): Field | undefined {
  const properties = structOf(name)?.properties;
  return properties && Object.hasOwn(properties, property) ? properties[property] : undefined;
}

/** Texts of a definition by property name, its own under `''`. Not kept: only OpenAPI reads them, once. */
export function readDescriptions(): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return readGenerated('descriptions.json');
}

let loaded: Readonly<Record<string, Definition>> | undefined;

export function definitions(): Readonly<Record<string, Definition>> {
  loaded ??= readGenerated<{ definitions: Record<string, Definition> }>('schema.json').definitions;
  return loaded;
}

/** The files lie beside this folder in the sources and beside the bundle in dist/. */
function readGenerated<T>(file: string): T {
  for (const folder of ['../generated/', './generated/']) {
    try {
      return JSON.parse(readFileSync(new URL(folder + file, import.meta.url), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`the API's schema (${file}) has not been built: run npm run build`);
}
