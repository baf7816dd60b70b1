// Custom kinds as OpenAPI shows them. Version 2 has no word for much of what a schema says, and clients that read it refuse
// what it does not allow: there a schema says rather too little.
import type { Kind } from '../kind.ts';
import type { Json } from '../schema/openapi/definitions.ts';
import { isEmbedded, isIntOrString, itemsOf, preserves, valuesOf, type JsonSchema } from './json-schema.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
/** What every definition of a custom kind leads to. */
export const customRoots: readonly string[] = [`${meta}.ObjectMeta`, `${meta}.ListMeta`];

interface CustomStyle {
  readonly refPrefix: string;
  readonly isV2: boolean;
}

const apiVersion: Json = { type: 'string', description: 'APIVersion defines the versioned schema of this representation of an object.' };
const kindField: Json = { type: 'string', description: 'Kind is a string value representing the REST resource this object represents.' };

/** The definitions of a kind and of its list, by their published names. */
export function customDefinitions(kind: Kind, declared: JsonSchema, style: CustomStyle): Record<string, Json> {
  const reference = (name: string, description: string): Json => (style.isV2 ? { description, $ref: style.refPrefix + name } : { description, allOf: [{ $ref: style.refPrefix + name }] });
  const gvk = (name: string) => [{ group: kind.group, version: kind.version, kind: name }];
  const own = write(declared, style, { apiVersion, kind: kindField, metadata: reference(`${meta}.ObjectMeta`, "Standard object's metadata.") });
  return {
    [kind.schemaName]: { ...own, type: 'object', 'x-kubernetes-group-version-kind': gvk(kind.kind) },
    [`${kind.schemaName}List`]: {
      description: `${kind.listKind} is a list of ${kind.kind}`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion,
        kind: kindField,
        metadata: reference(`${meta}.ListMeta`, 'Standard list metadata.'),
        items: { type: 'array', description: `List of ${kind.plural}.`, items: { $ref: style.refPrefix + kind.schemaName } },
      },
      'x-kubernetes-group-version-kind': gvk(kind.listKind),
    },
  };
}

const onlyV3: readonly string[] = ['nullable', 'allOf', 'anyOf', 'oneOf', 'not', 'x-kubernetes-validations', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'pattern', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'enum', 'example', 'externalDocs', 'title'];

function write(schema: JsonSchema, style: CustomStyle, ofResource?: Readonly<Record<string, Json>>): Json {
  const { properties, items: _items, additionalProperties, ...rest } = schema;
  const written: Record<string, unknown> = { ...rest };
  if (style.isV2) {
    for (const keyword of onlyV3) delete written[keyword];
    if (isIntOrString(schema)) return { ...written, format: 'int-or-string' };
    if (schema.nullable || preserves(schema)) {
      // What may be anything must not be checked for being something.
      const { type: _type, ...free } = written;
      return free;
    }
  }
  const own = Object.entries(properties ?? {}).map(([name, property]) => [name, write(property, style, isEmbedded(property) ? embedded(style) : undefined)]);
  const all = { ...Object.fromEntries(own), ...ofResource } as Record<string, Json>;
  if (Object.keys(all).length > 0) written['properties'] = all;
  const items = itemsOf(schema);
  if (items) written['items'] = write(items, style, isEmbedded(items) ? embedded(style) : undefined);
  const values = valuesOf(schema);
  if (values) written['additionalProperties'] = write(values, style);
  else if (additionalProperties === true) written['additionalProperties'] = style.isV2 ? {} : true;
  return written;
}

function embedded({ refPrefix, isV2 }: CustomStyle): Readonly<Record<string, Json>> {
  const ref = `${refPrefix}${meta}.ObjectMeta`;
  return { apiVersion, kind: kindField, metadata: isV2 ? { $ref: ref } : { allOf: [{ $ref: ref }] } };
}
