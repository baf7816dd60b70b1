// What is wrong with the schema of a CustomResourceDefinition: whether it is structural (all that it prunes, fills in and
// merges by is said outside of allOf, anyOf, oneOf and not), and whether each keyword makes sense.
// Semantics and words: apiextensions-apiserver pkg/apiserver/schema and pkg/apis/apiextensions/validation.
import { Report } from '../kinds/validation/report.ts';
import { draftOf, sameJson } from '../meta.ts';
import { compileDefaults } from './defaults.ts';
import { isEmbedded, isIntOrString, itemsOf, preserves, propertyOf, valuesOf, type JsonSchema } from './json-schema.ts';
import { prune } from './prune.ts';
import { patternProblem } from './regular-expression.ts';
import { compileValidation } from './validate-value.ts';

type Level = 'root' | 'item' | 'field';

export function checkSchema(report: Report, path: string, schema: JsonSchema): void {
  const before = report.causes.length;
  checkAnySchema(report, path, schema);
  checkStructural(report, path, schema);
  if (report.causes.length === before) checkDefaults(report, path, schema, true);
}

/** Only what is asked of a schema that need not be structural. */
export function checkAnySchema(report: Report, path: string, schema: JsonSchema): void {
  checkKeywords(report, path, schema, { isNested: false, isRoot: true });
}

/** Only whether it is structural. */
export function checkStructural(report: Report, path: string, schema: JsonSchema): void {
  checkStructure(report, path, schema, 'root');
  checkComplete(report, path, schema, schema);
}

/** Whether it says more than validation needs: defaults, or Kubernetes' own keywords. Then it has to be structural. */
export function needsStructure(schema: JsonSchema): 'defaults' | 'extensions' | undefined {
  if (schema.default !== undefined) return 'defaults';
  let needs: 'extensions' | undefined = Object.keys(schema).some((keyword) => keyword.startsWith('x-kubernetes-')) ? 'extensions' : undefined;
  for (const [inner] of innerSchemas(schema, '')) {
    const ofInner = needsStructure(inner);
    if (ofInner === 'defaults') return ofInner;
    needs ??= ofInner;
  }
  return needs;
}

const types: readonly string[] = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Each keyword by itself, wherever it stands. */
function checkKeywords(report: Report, path: string, schema: JsonSchema, place: { readonly isNested: boolean; readonly isRoot: boolean }): void {
  const { type } = schema;
  if (type !== undefined && type !== '' && !types.includes(type)) report.notSupported(`${path}.type`, type, types);
  for (const keyword of ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$schema'] as const) {
    if (schema[keyword] !== undefined && keyword !== '$schema') report.forbidden(`${path}.${keyword}`, `${keyword} is not supported`);
  }
  if (schema.uniqueItems) report.forbidden(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
  if (schema.additionalProperties === false) report.forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false');
  else if (schema.additionalProperties !== undefined && Object.keys(schema.properties ?? {}).length > 0) report.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
  if (Array.isArray(schema.items)) report.forbidden(`${path}.items`, 'items must be a schema object and not an array');
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) report.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  if (schema['x-kubernetes-map-type'] !== undefined && !['atomic', 'granular'].includes(schema['x-kubernetes-map-type'])) report.notSupported(`${path}.x-kubernetes-map-type`, schema['x-kubernetes-map-type'], ['atomic', 'granular']);
  if (schema['x-kubernetes-map-type'] !== undefined && type !== 'object') report.invalid(`${path}.type`, type ?? '', 'must be object if x-kubernetes-map-type is specified');
  if (schema.pattern) {
    const problem = patternProblem(schema.pattern);
    if (problem) report.invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${problem}`);
  }
  checkList(report, path, schema);
  for (const [inner, at, isNested] of innerSchemas(schema, path)) checkKeywords(report, at, inner, { isNested: place.isNested || isNested, isRoot: false });
}

function* innerSchemas(schema: JsonSchema, path: string): Generator<readonly [JsonSchema, string, boolean]> {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  if (items) yield [items, `${path}.items`, false];
  if (values) yield [values, `${path}.additionalProperties`, false];
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield [property, `${path}.properties[${name}]`, false];
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [i, part] of (schema[junctor] ?? []).entries()) yield [part, `${path}.${junctor}[${i}]`, true];
  }
  if (schema.not) yield [schema.not, `${path}.not`, true];
}

function checkList(report: Report, path: string, schema: JsonSchema): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  const listPath = `${path}.x-kubernetes-list-type`;
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) report.notSupported(listPath, listType, ['atomic', 'set', 'map']);
  if (listType !== undefined && schema.type !== 'array') report.invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified');
  const items = itemsOf(schema);
  if (listType === 'set' && items) {
    const isAtomic = (items.type === 'object' && items['x-kubernetes-map-type'] === 'atomic') || (items.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') === 'atomic');
    if (items.nullable) report.forbidden(`${path}.items.nullable`, "cannot be nullable when x-kubernetes-list-type is set");
    if ((items.type === 'object' || items.type === 'array') && !isAtomic) {
      if (items.type === 'object') report.invalid(`${path}.items.x-kubernetes-map-type`, items['x-kubernetes-map-type'] ?? null, 'must be atomic as item of a list with x-kubernetes-list-type=set');
      else report.invalid(`${path}.items.x-kubernetes-list-type`, items['x-kubernetes-list-type'] ?? null, 'must be atomic as item of a list with x-kubernetes-list-type=set');
    }
  }
  if (keys?.length && listType !== 'map') {
    if (listType === undefined) report.required(listPath, 'must be map if x-kubernetes-list-map-keys is non-empty');
    else report.invalid(listPath, listType, 'must be map if x-kubernetes-list-map-keys is non-empty');
  }
  if (listType !== 'map') return;
  if (!keys?.length) report.required(keysPath, 'must not be empty if x-kubernetes-list-type is map');
  if (!items) return;
  if (items.type !== 'object') report.invalid(`${path}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map");
  if (items.nullable) report.forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map');
  for (const [i, key] of (keys ?? []).entries()) {
    const property = propertyOf(items, key);
    if (!property) report.invalid(`${keysPath}[${i}]`, key, 'entries must all be names of item properties');
    else if (property.type === 'array' || property.type === 'object') report.invalid(`${path}.items.properties[${key}].type`, property.type, 'must be a scalar type if parent array\'s x-kubernetes-list-type is map');
    else if (property.nullable) report.forbidden(`${path}.items.properties[${key}].nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable');
    if (property && !items.required?.includes(key) && property.default === undefined) report.required(`${path}.items.properties[${key}].default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property');
  }
  if (new Set(keys).size !== (keys?.length ?? 0)) report.invalid(keysPath, keys, 'must not contain duplicate entries');
}

/** The skeleton: what has a type, what may stand where. */
function checkStructure(report: Report, path: string, schema: JsonSchema, level: Level): void {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  if (schema.type === 'array' && !schema.items) report.required(`${path}.items`, 'must be specified');
  if (items) checkStructure(report, `${path}.items`, items, 'item');
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (level === 'root' && name === 'metadata') continue; // below
    checkStructure(report, `${path}.properties[${name}]`, property, 'field');
  }
  if (schema.additionalProperties !== undefined && level === 'root') report.forbidden(`${path}.additionalProperties`, 'must not be used at the root');
  if (values) checkStructure(report, `${path}.additionalProperties`, values, 'field');
  checkExtensions(report, path, schema);
  checkJunctors(report, path, schema, level);
  checkType(report, path, schema, level);
  if (level === 'root' || isEmbedded(schema)) checkResource(report, path, schema, level);
}

function checkExtensions(report: Report, path: string, schema: JsonSchema): void {
  if (!isIntOrString(schema)) return;
  if (preserves(schema)) report.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, 'must be false if x-kubernetes-int-or-string is true');
  if (isEmbedded(schema)) report.invalid(`${path}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true');
  if (schema.type) report.invalid(`${path}.type`, schema.type, 'must be empty if x-kubernetes-int-or-string is true');
}

function checkType(report: Report, path: string, schema: JsonSchema, level: Level): void {
  const { type } = schema;
  if (isEmbedded(schema) && type !== 'object') {
    if (type) report.invalid(`${path}.type`, type, 'must be object if x-kubernetes-embedded-resource is true');
    else report.required(`${path}.type`, 'must be object if x-kubernetes-embedded-resource is true');
  } else if (!type && !isIntOrString(schema) && !preserves(schema)) {
    const what = { root: 'at the root', item: 'for specified array items', field: 'for specified object fields' }[level];
    report.required(`${path}.type`, `must not be empty ${what}`);
  }
  if (level === 'root' && type && type !== 'object') report.invalid(`${path}.type`, type, 'must be object at the root');
}

function checkResource(report: Report, path: string, schema: JsonSchema, level: Level): void {
  if (isEmbedded(schema)) {
    if (schema.additionalProperties !== undefined) report.forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set');
    if (!preserves(schema) && Object.keys(schema.properties ?? {}).length === 0) {
      report.required(`${path}.properties`, 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields');
    }
  }
  for (const name of ['kind', 'apiVersion']) {
    const property = propertyOf(schema, name);
    if (property && property.type !== 'string') report.invalid(`${path}.properties[${name}].type`, property.type ?? '', 'must be string');
  }
  const metadata = propertyOf(schema, 'metadata');
  if (!metadata) return;
  const at = `${path}.properties[metadata]`;
  if (metadata.type !== 'object') report.invalid(`${at}.type`, metadata.type ?? '', 'must be object');
  if (level !== 'root') return;
  const { type: _type, description: _description, properties = {}, default: _default, ...rest } = metadata;
  const others = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName');
  const isMore = Object.keys(rest).some((keyword) => keyword.startsWith('x-') || ['additionalProperties', 'items', 'nullable', 'allOf', 'anyOf', 'oneOf', 'not', 'required'].includes(keyword));
  if (others.length > 0 || isMore) report.forbidden(at, 'must not specify anything other than name and generateName, but metadata is implicitly specified');
}

/** Exactly `anyOf: [{type: integer}, {type: string}]`: the one place where types may stand below a junctor. */
function isIntOrStringPattern(anyOf: readonly JsonSchema[] | undefined): boolean {
  return sameJson(anyOf, [{ type: 'integer' }, { type: 'string' }]);
}

function checkJunctors(report: Report, path: string, schema: JsonSchema, level: Level, isFirstOfAllOf = false): void {
  const { anyOf, allOf, oneOf, not } = schema;
  const skipsAnyOf = (isIntOrString(schema) || isFirstOfAllOf) && isIntOrStringPattern(anyOf);
  if (!skipsAnyOf) anyOf?.forEach((part, i) => checkNested(report, `${path}.anyOf[${i}]`, part, level));
  allOf?.forEach((part, i) => checkNested(report, `${path}.allOf[${i}]`, part, level, i === 0 && isIntOrString(schema)));
  oneOf?.forEach((part, i) => checkNested(report, `${path}.oneOf[${i}]`, part, level));
  if (not) checkNested(report, `${path}.not`, not, level);
}

const mustBeUndefined = ['additionalProperties', 'default', 'externalDocs', 'x-kubernetes-list-type', 'x-kubernetes-map-type'] as const;
const mustBeEmpty = ['type', 'title', 'description', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations'] as const;
const mustBeFalse = ['nullable', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource', 'x-kubernetes-int-or-string'] as const;

/** What stands below a junctor only validates. */
function checkNested(report: Report, path: string, schema: JsonSchema, level: Level, isFirstOfAllOf = false): void {
  checkJunctors(report, path, schema, level, isFirstOfAllOf);
  const items = itemsOf(schema);
  if (items) checkNested(report, `${path}.items`, items, level);
  for (const [name, property] of Object.entries(schema.properties ?? {})) checkNested(report, `${path}.properties[${name}]`, property, 'field');
  for (const keyword of mustBeEmpty) if (schema[keyword]?.length) report.forbidden(`${path}.${keyword}`, 'must be empty to be structural');
  for (const keyword of mustBeUndefined) if (schema[keyword] !== undefined) report.forbidden(`${path}.${keyword}`, 'must be undefined to be structural');
  for (const keyword of mustBeFalse) if (schema[keyword]) report.forbidden(`${path}.${keyword}`, 'must be false to be structural');
  if (propertyOf(schema, 'metadata')) report.forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context');
}

/** Every field that is named below a junctor is also declared outside. */
function checkComplete(report: Report, path: string, schema: JsonSchema, declared: JsonSchema): void {
  const visit = (nested: JsonSchema, at: string, outside: JsonSchema | undefined, outsideAt: string) => {
    if (!outside) return;
    const items = itemsOf(nested);
    if (items) {
      const outer = itemsOf(outside);
      if (!outer) report.required(`${outsideAt}.items`, `because it is defined in ${at}.items`);
      visit(items, `${at}.items`, outer, `${outsideAt}.items`);
    }
    for (const [name, property] of Object.entries(nested.properties ?? {})) {
      const outer = propertyOf(outside, name);
      const isMap = valuesOf(outside) !== undefined;
      if (!outer && isMap) report.forbidden(`${at}.properties[${name}]`, `must not be set because ${outsideAt}.additionalProperties is set`);
      else if (!outer) report.required(`${outsideAt}.properties[${name}]`, `because it is defined in ${at}.properties[${name}]`);
      visit(property, `${at}.properties[${name}]`, outer, `${outsideAt}.properties[${name}]`);
    }
    for (const [inner, innerAt, isNested] of innerSchemas(nested, at)) if (isNested) visit(inner, innerAt, outside, outsideAt);
  };
  for (const [inner, at, isNested] of innerSchemas(schema, path)) {
    if (isNested) visit(inner, at, declared, path);
    else checkComplete(report, at, inner, inner);
  }
}

/** A default must be what the schema would leave of it and accept. */
function checkDefaults(report: Report, path: string, schema: JsonSchema, isRoot: boolean): void {
  if (schema.default !== undefined) {
    if (isRoot) report.forbidden(`${path}.default`, 'must not be set at the root');
    else checkDefault(report, path, schema);
  }
  for (const [inner, at, isNested] of innerSchemas(schema, path)) if (!isNested && !(isRoot && at.endsWith('.properties[metadata]'))) checkDefaults(report, at, inner, false);
}

function checkDefault(report: Report, path: string, schema: JsonSchema): void {
  const filled = draftOf(schema.default);
  if (typeof filled === 'object' && filled !== null) compileDefaults(schema)(filled);
  const pruned = { value: draftOf(filled) };
  prune(pruned, { type: 'object', properties: { value: schema } });
  if (!sameJson(pruned.value, filled)) report.invalid(`${path}.default`, schema.default, 'must not have unknown fields');
  for (const { reason, message, field } of compileValidation(schema)(filled)) {
    report.causes.push({ reason, field: field === '' || field === '<nil>' ? `${path}.default` : `${path}.default.${field}`, message: message.replace(':  in body', `: ${path}.default in body`) });
  }
}
