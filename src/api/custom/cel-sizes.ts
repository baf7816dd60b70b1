// How large the values of a schema may be: as it bounds them, or as a request of the largest size could hold them. By this is
// reckoned what a rule costs before it is accepted, so the numbers are upstream's.
import type { SizeAt } from '../cel/estimate.ts';
import { escaped, fieldsOf } from './cel-schema.ts';
import { isEmbedded, isIntOrString, itemsOf, valuesOf, type JsonSchema } from './json-schema.ts';

export interface ValueSizes {
  /** Letters of a text, items of a list, entries of a map; 0 for what has no length. */
  readonly most: number;
  /** In JSON, at least. */
  readonly smallest: number;
  /** Of a list's items or a map's values. */
  readonly held?: ValueSizes;
  readonly isMap?: true;
  /** As expressions name them. */
  readonly fields?: ReadonlyMap<string, ValueSizes>;
}

const largestRequest = 3 * 1024 * 1024;

/** Undefined: rules cannot see values of this schema. */
export function sizesOf(schema: JsonSchema, isResource = isEmbedded(schema)): ValueSizes | undefined {
  if (isIntOrString(schema)) return { most: schema.maxLength === undefined ? largestRequest - 2 : bounded(schema.maxLength) * 4, smallest: 1 };
  switch (schema.type) {
    case 'boolean': return { most: 0, smallest: 4 };
    case 'integer': case 'number': return { most: 0, smallest: 1 };
    case 'string': return textSizes(schema);
    case 'array': {
      const held = sizesOf(itemsOf(schema) ?? {});
      return held && { most: schema.maxItems === undefined ? Math.floor((largestRequest - 2) / (held.smallest + 1)) : bounded(schema.maxItems), smallest: 2, held };
    }
    case 'object': return objectSizes(schema, isResource);
    default: return undefined;
  }
}

/** How often a value of this size may be in an object at all. */
export function mostOf({ smallest }: ValueSizes): number {
  return Math.floor(largestRequest / (smallest + 1));
}

export function sizeAtIn(root: ValueSizes): SizeAt {
  return (path) => {
    let at: ValueSizes | undefined = root;
    for (const step of path) {
      if (step === '@items' || step === '@values') at = at.held;
      else if (step === '@keys') at = at.isMap && { most: 0, smallest: 2 };
      else at = at.fields?.get(step);
      if (!at) return undefined;
    }
    return at.most;
  };
}

const bounded = (most: number): number => Math.max(0, most);

function textSizes({ format, maxLength, enum: words = [] }: JsonSchema): ValueSizes {
  switch (format) {
    case 'byte': return { most: maxLength === undefined ? largestRequest - 2 : bounded(maxLength), smallest: 2 };
    case 'duration': return { most: 32, smallest: 3 };
    case 'date': return { most: 12, smallest: 12 };
    case 'date-time': return { most: 32, smallest: 21 };
  }
  // Lengths are declared in letters, of which each may take four bytes.
  if (maxLength !== undefined) return { most: bounded(maxLength) * 4, smallest: 2 };
  return { most: words.length > 0 ? Math.max(0, ...words.map((word) => (typeof word === 'string' ? Buffer.byteLength(word) : 0))) : largestRequest - 2, smallest: 2 };
}

function objectSizes(schema: JsonSchema, isResource: boolean): ValueSizes | undefined {
  const values = valuesOf(schema);
  if (values) {
    const held = sizesOf(values);
    return held && { most: schema.maxProperties === undefined ? Math.floor((largestRequest - 2) / (held.smallest + 6)) : bounded(schema.maxProperties), smallest: 2, held, isMap: true };
  }
  let smallest = 2;
  const fields = new Map<string, ValueSizes>();
  for (const [name, property] of Object.entries(fieldsOf(schema, isResource))) {
    const sizes = sizesOf(property);
    if (!sizes) continue;
    for (const field of escaped(name)) fields.set(field, sizes);
    if (schema.required?.includes(name) && property.default === undefined) smallest += name.length + sizes.smallest + 4;
  }
  return { most: 0, smallest, fields };
}
