// The OpenAPI v2 document as gnostic's protobuf, the only form in which kubectl up to 1.26 asks for it.
// Import it lazily: it loads protobufjs.
import { existsSync, readFileSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import type { Json } from './definitions.ts';

/** What clients name in `Accept`: the older ones the first, whose `@` makes it no legal media type. */
export const openApiV2ProtobufAccepts: readonly string[] = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
];
/** What the answer calls itself, for both: Go's clients refuse to read the other. */
export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Encodes what openApiV2Document gives; forms that it never has are not known here. */
export function encodeOpenApiV2(document: Json): Uint8Array {
  const message = documentType();
  return message.encode(message.fromObject(documentOf(document))).finish();
}

function documentType(): protobuf.Type {
  const { nested } = JSON.parse(readFileSync(dataFile('openapi-v2.json'), 'utf8')) as protobuf.INamespace;
  return protobuf.Root.fromJSON({ nested: { ...nested, google: { nested: { protobuf: { nested: { Any: googleAny } } } } } }).lookupType('openapi.v2.Document');
}

/** gnostic's own Any refers to it; nothing here fills it in. */
const googleAny = { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } };

/** data/ lies at the package's root, which is further up from the sources than from the bundle. */
function dataFile(name: string): URL {
  const candidates = ['../../../../data/', '../data/'].map((folder) => new URL(folder + name, import.meta.url));
  const found = candidates.find((url) => existsSync(url));
  if (!found) throw new Error(`data/${name} is missing from the installation`);
  return found;
}

type Entries = Readonly<Record<string, Json>>;

function documentOf(document: Json) {
  return {
    swagger: document['swagger'],
    info: document['info'],
    paths: { path: named(document['paths'] as Entries, pathItemOf) },
    definitions: { additional_properties: named(document['definitions'] as Entries, schemaOf) },
  };
}

function named<T>(entries: Entries, convert: (entry: Json) => T) {
  return Object.entries(entries).map(([name, entry]) => ({ name, value: convert(entry) }));
}

function pathItemOf({ parameters, ...methods }: Json) {
  const operations = Object.entries(methods as Entries).map(([method, operation]) => [method, operationOf(operation)]);
  return { ...Object.fromEntries(operations), parameters: parametersOf(parameters) };
}

function operationOf(operation: Json) {
  return {
    tags: operation['tags'],
    description: operation['description'],
    operation_id: operation['operationId'],
    consumes: operation['consumes'],
    produces: operation['produces'],
    parameters: parametersOf(operation['parameters']),
    responses: { response_code: named(operation['responses'] as Entries, responseOf) },
    vendor_extension: extensionsOf(operation),
  };
}

function responseOf({ description, schema }: Json) {
  return { response: { description, ...(schema ? { schema: { schema: schemaOf(schema as Json) } } : {}) } };
}

function parametersOf(parameters: unknown) {
  return ((parameters ?? []) as Json[]).map((parameter) => ({ parameter: parameterOf(parameter) }));
}

function parameterOf({ uniqueItems, schema, ...rest }: Json) {
  if (rest['in'] === 'body') return { body_parameter: { ...rest, schema: schemaOf(schema as Json) } };
  const simple = { ...rest, unique_items: uniqueItems };
  return { non_body_parameter: rest['in'] === 'path' ? { path_parameter_sub_schema: simple } : { query_parameter_sub_schema: simple } };
}

function schemaOf(schema: Json): object {
  const { type, items, properties, additionalProperties, required, format, description } = schema;
  return {
    ...(schema['$ref'] ? { _ref: schema['$ref'] } : {}),
    ...(format ? { format } : {}),
    ...(description ? { description } : {}),
    ...(schema['default'] === undefined ? {} : { default: anyOf(schema['default']) }),
    ...(required ? { required } : {}),
    ...(type ? { type: { value: [type] } } : {}),
    ...(items ? { items: { schema: [schemaOf(items as Json)] } } : {}),
    ...(properties ? { properties: { additional_properties: named(properties as Entries, schemaOf) } } : {}),
    ...(additionalProperties ? { additional_properties: { schema: schemaOf(additionalProperties as Json) } } : {}),
    vendor_extension: extensionsOf(schema),
  };
}

function extensionsOf(from: Json) {
  return Object.entries(from).filter(([name]) => name.startsWith('x-')).map(([name, value]) => ({ name, value: anyOf(value) }));
}

/** Any value, as YAML text; JSON is YAML. */
function anyOf(value: unknown) {
  return { yaml: `${JSON.stringify(value)}\n` };
}
