// How a value of the schema is made of parts that can have different owners.
import { ApiError } from '../error.ts';
import { definition, type Field, type FieldType } from '../schema/schema.ts';
import { isObject } from './json.ts';

/**
 * `leaf`: owned as a whole (scalars, atomic lists and structs). `fields`: a struct, or a map with keys of any name.
 * `items`: a list whose items are told apart by keys, or by their values.
 */
export type Shape =
  | { readonly form: 'leaf' }
  | { readonly form: 'fields'; readonly isMap: boolean; readonly typeOf: (key: string) => Field | undefined }
  | { readonly form: 'items'; readonly items: FieldType; readonly step: (item: unknown) => string };

const leaf: Shape = { form: 'leaf' };

export function shapeOf(type: Field | undefined): Shape {
  switch (type?.type) {
    case 'map': return type.mapType === 'atomic' ? leaf : { form: 'fields', isMap: true, typeOf: () => type.values };
    case 'array': {
      if (type.listType === 'set') return { form: 'items', items: type.items, step: (item) => `v:${JSON.stringify(item)}` };
      if (type.listType !== 'map') return leaf;
      const defaults = keyDefaults(type.items, type.listMapKeys ?? []);
      return { form: 'items', items: type.items, step: (item) => keyStep(item, defaults) };
    }
    case 'ref': {
      const target = definition(type.name);
      if (!target || 'scalar' in target) return leaf;
      if (type.mapType === 'atomic' || (target.mapType === 'atomic' && type.mapType !== 'granular')) return leaf;
      return { form: 'fields', isMap: false, typeOf: (key) => (Object.hasOwn(target.properties, key) ? target.properties[key] : undefined) };
    }
    case 'struct': return { form: 'fields', isMap: false, typeOf: (key) => (Object.hasOwn(type.properties, key) ? type.properties[key] : type.rest) };
    case 'deduced': return { form: 'fields', isMap: true, typeOf: () => type };
    default: return leaf;
  }
}

/** The shape that a value really has: one that is not what its type says is owned as a whole. */
export function shapeOfValue(type: Field | undefined, ...values: unknown[]): Shape {
  const shape = shapeOf(type);
  const fits = (value: unknown) => value === undefined || (shape.form === 'items' ? Array.isArray(value) : isObject(value));
  return shape.form !== 'leaf' && values.every(fits) ? shape : leaf;
}

/** The keys of a list in the order in which FieldsV1 writes them, each with what it is when an item leaves it out. */
function keyDefaults(items: FieldType, keys: readonly string[]): KeyField[] {
  const struct = items.type === 'ref' ? definition(items.name) : items.type === 'struct' ? items : undefined;
  const properties = struct && 'properties' in struct ? struct.properties : {};
  return [...keys].sort().map((name) => ({ name, text: `${JSON.stringify(name)}:`, fallback: properties[name]?.default }));
}

interface KeyField {
  readonly name: string;
  /** As JSON begins with it. */
  readonly text: string;
  readonly fallback: unknown;
}

/** Asked for with every look at every item, so that the text is put together by hand. */
function keyStep(item: unknown, keys: readonly KeyField[]): string {
  let fields = '';
  for (const { name, text, fallback } of keys) {
    const value = (isObject(item) ? item[name] : undefined) ?? fallback;
    if (value !== undefined) fields += (fields && ',') + text + JSON.stringify(value);
  }
  if (fields === '') {
    throw ApiError.badRequest(`associative list with keys has an element that omits key field ${JSON.stringify(keys[0]?.name)} (and doesn't have default value)`);
  }
  return `k:{${fields}}`;
}
