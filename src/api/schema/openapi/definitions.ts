// The schema's definitions as OpenAPI writes them.
import { definition, readDescriptions, structOf, type Field, type FieldType, type GroupVersionKind, type ScalarName } from '../schema.ts';

import { customDefinitions, customRoots } from '../../custom/openapi.ts';
import type { Kind } from '../../kind.ts';

export type Json = { readonly [key: string]: unknown };

/** The two versions differ in where references point and in whether a type may be one of several. */
export interface Style {
  readonly refPrefix: string;
  readonly scalars: Readonly<Record<ScalarName, Json>>;
  /** v3 ignores what stands beside a `$ref`, so a described reference is wrapped. */
  readonly describedReference: (ref: string, rest: Json) => Json;
}

const sharedScalars = {
  Time: { type: 'string', format: 'date-time' },
  MicroTime: { type: 'string', format: 'date-time' },
  Duration: { type: 'string' },
  Object: { type: 'object' },
};

export const v2Style: Style = {
  refPrefix: '#/definitions/',
  scalars: { ...sharedScalars, Quantity: { type: 'string' }, IntOrString: { type: 'string', format: 'int-or-string' } },
  describedReference: (ref, rest) => ({ ...rest, $ref: ref }),
};

export const v3Style: Style = {
  refPrefix: '#/components/schemas/',
  scalars: {
    ...sharedScalars,
    Quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    IntOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  describedReference: (ref, rest) => ({ ...rest, allOf: [{ $ref: ref }] }),
};

/** All that `roots` lead to, by published name, sorted. */
export function writeDefinitions(roots: Iterable<string>, style: Style, kinds: readonly Kind[]): Record<string, Json> {
  const texts = readDescriptions();
  const written: Record<string, Json> = {};
  const customKinds = kinds.filter(({ custom }) => custom);
  for (const name of reachable(customKinds.length > 0 ? [...roots, ...customRoots] : roots)) written[name] = writeDefinition(name, style, texts);
  for (const kind of customKinds) Object.assign(written, customDefinitions(kind, kind.custom!.declared, { refPrefix: style.refPrefix, isV2: style === v2Style }));
  return written;
}

/** The definition whose group, version and kind these are. */
export function definitionNameOf(gvk: GroupVersionKind): string | undefined {
  const folder = gvk.group === '' ? 'core' : gvk.group.split('.')[0];
  return [`io.k8s.api.${folder}.${gvk.version}.${gvk.kind}`, `io.k8s.apimachinery.pkg.apis.meta.${gvk.version}.${gvk.kind}`].find((name) => definition(name));
}

function reachable(roots: Iterable<string>): string[] {
  const found = new Set<string>();
  const visitType = (type: FieldType): void => {
    if (type.type === 'array') visitType(type.items);
    if (type.type === 'map') visitType(type.values);
    if (type.type === 'ref') visit(type.name);
  };
  const visit = (name: string): void => {
    if (found.has(name) || !definition(name)) return;
    found.add(name);
    for (const field of Object.values(structOf(name)?.properties ?? {})) visitType(field);
  };
  for (const root of roots) visit(root);
  return [...found].sort();
}

type Texts = ReturnType<typeof readDescriptions>;

function writeDefinition(name: string, style: Style, texts: Texts): Json {
  const found = definition(name)!;
  if ('scalar' in found) return style.scalars[found.scalar];
  const required = Object.entries(found.properties).filter(([, field]) => field.required).map(([key]) => key);
  const properties = Object.entries(found.properties).map(([key, field]) => [key, writeField(field, describe(name, key, field, texts), style)]);
  const description = texts[name]?.[''];
  return {
    ...(description ? { description } : {}),
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
    ...(required.length > 0 ? { required } : {}),
    type: 'object',
    ...(found.gvk ? { 'x-kubernetes-group-version-kind': found.gvk } : {}),
    ...(found.mapType ? { 'x-kubernetes-map-type': found.mapType } : {}),
  };
}

/** A field without a text of its own is described by what it holds. */
function describe(name: string, key: string, field: Field, texts: Texts): string | undefined {
  return texts[name]?.[key] ?? (field.type === 'ref' ? texts[field.name]?.[''] : undefined);
}

function writeField(field: Field, description: string | undefined, style: Style): Json {
  const rest: Json = {
    ...(description ? { description } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.listMapKeys ? { 'x-kubernetes-list-map-keys': field.listMapKeys } : {}),
    ...(field.listType ? { 'x-kubernetes-list-type': field.listType } : {}),
    ...(field.mapType ? { 'x-kubernetes-map-type': field.mapType } : {}),
    ...(field.patchMergeKey ? { 'x-kubernetes-patch-merge-key': field.patchMergeKey } : {}),
    ...(field.patchStrategy ? { 'x-kubernetes-patch-strategy': field.patchStrategy } : {}),
  };
  if (field.type === 'ref') return style.describedReference(style.refPrefix + field.name, rest);
  return { ...rest, ...writeType(field, style) };
}

function writeType(type: FieldType, style: Style): Json {
  switch (type.type) {
    case 'string': case 'boolean': return { type: type.type };
    case 'int32': case 'int64': return { type: 'integer', format: type.type };
    case 'double': return { type: 'number', format: 'double' };
    case 'bytes': return { type: 'string', format: 'byte' };
    case 'any': case 'struct': case 'deduced': return {};
    case 'array': return { type: 'array', items: writeType(type.items, style) };
    case 'map': return { type: 'object', additionalProperties: writeType(type.values, style) };
    case 'ref': return { $ref: style.refPrefix + type.name };
  }
}
