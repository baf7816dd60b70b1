// How server-side apply sees the fields of a custom object: the same types as those of the built-in kinds.
import type { Field } from '../schema/schema.ts';
import { isEmbedded, isIntOrString, itemsOf, preserves, valuesOf, type JsonSchema } from './json-schema.ts';

const metadata: Field = { type: 'ref', name: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };
const whole: Field = { type: 'any' };
/** What a schema preserves without knowing it: objects merge field by field, lists are owned as a whole. */
const deduced: Field = { type: 'deduced' };

/** The type of whole objects of a kind. */
export function fieldTypeOf(schema: JsonSchema): Field {
  return typeOf(schema, true);
}

function typeOf(schema: JsonSchema, isResource: boolean): Field {
  if (isIntOrString(schema)) return whole;
  if (schema.type === 'array') return listOf(schema);
  if (schema.type !== 'object' && !schema.properties && !isResource) return preserves(schema) ? deduced : whole;
  if (schema['x-kubernetes-map-type'] === 'atomic') return whole;
  const values = valuesOf(schema);
  if (values) return { type: 'map', values: typeOf(values, isEmbedded(values)) };
  const own = Object.entries(schema.properties ?? {}).map(([name, property]) => [name, withDefault(typeOf(property, isEmbedded(property)), property)] as const);
  const ofResource: Readonly<Record<string, Field>> = isResource ? { apiVersion: whole, kind: whole, metadata } : {};
  const rest = preserves(schema) || schema.additionalProperties === true ? { rest: deduced } : {};
  return { type: 'struct', properties: { ...Object.fromEntries(own), ...ofResource }, ...rest };
}

function listOf(schema: JsonSchema): Field {
  const items = itemsOf(schema);
  const type = items ? typeOf(items, isEmbedded(items)) : whole;
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return { type: 'array', items: type, listType: 'set' };
    case 'map':
      return { type: 'array', items: type, listType: 'map', listMapKeys: schema['x-kubernetes-list-map-keys'] ?? [] };
    default:
      return { type: 'array', items: type, listType: 'atomic' };
  }
}

/** A key of a list may be left out where it has a default. */
function withDefault(type: Field, { default: fallback }: JsonSchema): Field {
  return fallback === undefined ? type : { ...type, default: fallback };
}
