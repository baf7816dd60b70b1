// Writes src/api/generated/: the schema of every built-in kind of the API, taken from the installed declarations of
// @kubernetes/client-node (fields, which are required, descriptions) and from data/ (full names, number formats,
// list and map semantics). Descriptions, needed only by OpenAPI, go to a file of their own.
// Does nothing when what it wrote is newer than what it read.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineOlder } from './older-definitions.ts';
import type { Definition, Field, FieldType, GroupVersionKind, ScalarName } from '../src/api/schema/schema.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const client = `${root}node_modules/@kubernetes/client-node`;
const models = `${client}/dist/gen/models`;
const wireFile = `${root}data/kubernetes-wire-1.36.json`;
const listsFile = `${root}data/kubernetes-lists-1.36.json`;
const goFile = `${root}data/kubernetes-protobuf-1.36.json`;
const folder = `${root}src/api/generated`;
const schemaFile = `${folder}/schema.json`;
const descriptionsFile = `${folder}/descriptions.json`;

/** A message of the wire format: protobufjs' JSON. */
interface Message {
  readonly fields: Readonly<Record<string, WireField>>;
}
interface WireField {
  readonly type: string;
  readonly rule?: 'repeated';
  readonly keyType?: string;
}
/** How lists and maps of a message merge, by field. */
type Merging = Readonly<Record<string, {
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKey?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  readonly structType?: 'atomic' | 'granular';
  readonly patchMergeKey?: string;
  readonly patchStrategy?: string;
}>>;
/** What Go's types say of the fields of each message: number, type and flags. */
type GoFacts = Readonly<Record<string, Readonly<Record<string, readonly [number: number, type: string, flags?: string]>>>>;
/** A class of client-node as its declaration has it. */
interface Model {
  readonly className: string;
  readonly description: string;
  readonly fields: readonly { readonly name: string; readonly required: boolean; readonly type: string; readonly description: string }[];
}

if (isFresh()) process.exit(0);

const messages = readMessages();
const merging = JSON.parse(readFileSync(listsFile, 'utf8')) as Readonly<Record<string, Merging>>;
const goFacts = (JSON.parse(readFileSync(goFile, 'utf8')) as { messages: GoFacts }).messages;
const declared = readdirSync(models).filter((name) => name.endsWith('.d.ts')).map(readModel).filter((model) => model.fields.length > 0);

/** Aggregated and extension API groups have no place in the wire facts; their names are as upstream publishes them. */
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
const aggregator = 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const scalars: Readonly<Record<string, ScalarName>> = {
  [`${meta}.Time`]: 'Time',
  [`${meta}.MicroTime`]: 'MicroTime',
  [`${meta}.Duration`]: 'Duration',
  [`${meta}.FieldsV1`]: 'Object',
  [`${meta}.Patch`]: 'Object',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'Quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'IntOrString',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'Object',
};

const classOfName = new Map<string, Model>();
const nameOfClass = new Map<string, string>();
for (const model of declared) nameModel(model);

const definitions: Record<string, Definition> = {};
const descriptions: Record<string, Record<string, string>> = {};
for (const [name, scalar] of Object.entries(scalars)) definitions[name] = { scalar };
for (const name of [...classOfName.keys()].sort()) define(name, classOfName.get(name)!);
defineMetrics();
defineOlder(definitions, descriptions);
checkReferences();

mkdirSync(folder, { recursive: true });
writeWhole(descriptionsFile, JSON.stringify(descriptions));
writeWhole(schemaFile, JSON.stringify({ version: 'v1.36', definitions }));

/** Another build at the same time reads the old one or the new one, never a half. */
function writeWhole(file: string, text: string): void {
  const fresh = mkdtempSync(`${root}.dist-`);
  writeFileSync(`${fresh}/text`, text);
  renameSync(`${fresh}/text`, file);
  rmSync(fresh, { recursive: true });
}

/** metrics.k8s.io is served by an extension of the API, and is in neither source. */
function defineMetrics(): void {
  const name = (kind: string) => `io.k8s.metrics.pkg.apis.metrics.v1beta1.${kind}`;
  const ref = (to: string): Field => ({ type: 'ref', name: to });
  const head: Record<string, Field> = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: ref(`${meta}.ObjectMeta`) };
  const usage: Field = { type: 'map', values: { type: 'ref', name: 'io.k8s.apimachinery.pkg.api.resource.Quantity' }, required: true };
  const when: Record<string, Field> = { timestamp: { ...ref(`${meta}.Time`), required: true }, window: { ...ref(`${meta}.Duration`), required: true } };
  const about = { timestamp: 'The end of the window.', window: 'The time over which the use of CPU was averaged.', usage: 'What was used: CPU on average over the window, memory at its end.' };
  const gvk = (kind: string) => [{ group: 'metrics.k8s.io', version: 'v1beta1', kind }];
  definitions[name('ContainerMetrics')] = { properties: { name: { type: 'string', required: true }, usage } };
  definitions[name('NodeMetrics')] = { properties: { ...head, ...when, usage }, gvk: gvk('NodeMetrics') };
  definitions[name('PodMetrics')] = { properties: { ...head, ...when, containers: { type: 'array', items: { type: 'ref', name: name('ContainerMetrics') }, required: true, listType: 'atomic' } }, gvk: gvk('PodMetrics') };
  descriptions[name('ContainerMetrics')] = { '': 'What one container uses.', name: 'The name of the container.', usage: about.usage };
  descriptions[name('NodeMetrics')] = { '': 'What a node uses.', ...about };
  descriptions[name('PodMetrics')] = { '': 'What the containers of a Pod use.', ...about, containers: 'What each of the containers uses.' };
  for (const kind of ['NodeMetrics', 'PodMetrics']) {
    const items: Field = { type: 'array', items: { type: 'ref', name: name(kind) }, required: true };
    definitions[name(`${kind}List`)] = { properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: ref(`${meta}.ListMeta`), items }, gvk: gvk(`${kind}List`) };
  }
}

function isFresh(): boolean {
  const changedMs = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const written = Math.min(changedMs(schemaFile), changedMs(descriptionsFile));
  return written > 0 && [`${client}/package.json`, wireFile, listsFile, goFile, fileURLToPath(import.meta.url), `${root}scripts/older-definitions.ts`].every((file) => changedMs(file) < written);
}

/** Every message of the wire format by its published name, `io.k8s.api.core.v1.Pod`. */
function readMessages(): Map<string, Message> {
  const found = new Map<string, Message>();
  const visit = (node: { nested?: Record<string, never>; fields?: Message['fields'] }, name: string) => {
    if (node.fields) found.set(published(name), { fields: node.fields });
    for (const [key, child] of Object.entries(node.nested ?? {})) visit(child, name ? `${name}.${key}` : key);
  };
  visit(JSON.parse(readFileSync(wireFile, 'utf8')), '');
  return found;
}

/** `k8s.io.api.core.v1.Pod` → `io.k8s.api.core.v1.Pod`. */
function published(wireName: string): string {
  return wireName.replace(/^\.?k8s\.io\./, 'io.k8s.');
}

function readModel(file: string): Model {
  const text = readFileSync(`${models}/${file}`, 'utf8');
  const className = file.slice(0, -'.d.ts'.length);
  const start = text.indexOf('export declare class');
  const body = text.slice(start, text.indexOf('    static readonly discriminator'));
  const before = text.slice(0, start).match(/\/\*\*\n\* (.*)\n\*\/\n$/);
  const fields = [...body.matchAll(/(?:^ {4}\/\*\*\n {4}\* (.*)\n {4}\*\/\n)?^ {4}'([^']+)'(\??): ([^;{]*(?:\{[^}]*\})?[^;{]*);$/gm)].map((match) => ({
    name: jsonName(match[2]!, className),
    required: match[3] === '',
    type: match[4]!.replace(/\s+/g, ' '),
    description: plainText(match[1]),
  }));
  return { className, description: plainText(before?.[1]), fields: start < 0 ? [] : fields };
}

/** The generator renames what JavaScript reserves and what is no identifier. */
function jsonName(property: string, className: string): string {
  if (className === 'V1JSONSchemaProps') {
    if (property === 'ref' || property === 'schema') return `$${property}`;
    if (property.startsWith('x_kubernetes_')) return property.replaceAll('_', '-');
  }
  return property.replace(/^_/, '');
}

function plainText(comment: string | undefined): string {
  return (comment ?? '').replaceAll(/\\(.)/g, '$1').trim();
}

/** Gives a class its published name: of the messages with its version and kind, the one whose fields fit best. */
function nameModel(model: Model): void {
  const [, group = '', version = '', kind = ''] = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)([A-Z].*)$/.exec(model.className) ?? [];
  const name = extensionName(group, version, kind) ?? bestMessage(model, group.toLowerCase(), `.${version.toLowerCase()}.${kind}`);
  if (name === undefined) return; // left in the package from an older release
  const rival = classOfName.get(name);
  if (rival && fit(rival, name) >= fit(model, name)) return;
  if (rival) nameOfClass.delete(rival.className);
  classOfName.set(name, model);
  nameOfClass.set(model.className, name);
}

function extensionName(group: string, version: string, kind: string): string | undefined {
  if (version !== 'V1') return undefined;
  const ofExtensions = /^(CustomResource|JSONSchemaProps$|ExternalDocumentation$|SelectableField$|ValidationRule$|WebhookConversion$)/;
  if (group === 'Apiextensions' || (group === '' && ofExtensions.test(kind))) return `${extensions}.${kind}`;
  if (group === 'Apiregistration' || (group === '' && kind.startsWith('APIService'))) return `${aggregator}.${kind}`;
  return undefined;
}

function bestMessage(model: Model, group: string, ending: string): string | undefined {
  const candidates = [...messages.keys()].filter((name) => name.endsWith(ending) && (group === '' || name.includes(`.${group}.`)));
  const best = candidates.sort((a, b) => fit(model, b) - fit(model, a))[0];
  return best !== undefined && fit(model, best) > 0.5 ? best : undefined;
}

/** The share of fields that a class and a message have in common, 0 to 1. */
function fit(model: Model, name: string): number {
  const names = jsonNames(model);
  const wire = flatFields(name, names);
  const own = [...names].filter((field) => wire.has(field) || (field !== 'apiversion' && field !== 'kind'));
  const shared = own.filter((field) => wire.has(field)).length;
  const all = new Set([...own, ...wire.keys()]).size;
  return all === 0 ? 1 : shared / all;
}

/**
 * Fields of a message by their names in lower case (a few differ from JSON in case). A struct that Go embeds inline is
 * a message of its own in the wire format, under a name that JSON does not have: its fields count as the outer one's.
 */
function flatFields(name: string, jsonNames: ReadonlySet<string>): Map<string, { field: WireField; owner: string }> {
  const flat = new Map<string, { field: WireField; owner: string }>();
  for (const [key, field] of Object.entries(messages.get(name)?.fields ?? {})) {
    const embedded = field.rule || field.keyType || jsonNames.has(key.toLowerCase()) ? undefined : resolve(field.type, name);
    if (embedded && messages.has(embedded)) {
      for (const [innerKey, inner] of flatFields(embedded, jsonNames)) flat.set(innerKey, inner);
    } else {
      flat.set(key.toLowerCase(), { field, owner: name });
    }
  }
  return flat;
}

function jsonNames(model: Model): Set<string> {
  return new Set(model.fields.map((field) => field.name.toLowerCase()));
}

/** A type named in a message, looked up from the innermost scope outwards as protobuf does. */
function resolve(type: string, within: string): string {
  if (type.startsWith('.')) return published(type);
  return `${within.slice(0, within.lastIndexOf('.'))}.${type}`;
}

function define(name: string, model: Model): void {
  const wire = flatFields(name, jsonNames(model));
  const texts: Record<string, string> = { '': model.description };
  const properties: Record<string, Field> = {};
  for (const { name: key, required, type, description } of model.fields) {
    const known = wire.get(key.toLowerCase());
    const rules = Object.entries(merging[(known?.owner ?? name).replace(/^io\.k8s\./, 'k8s.io.')] ?? {}).find(([field]) => field.toLowerCase() === key.toLowerCase())?.[1];
    const identityDefault = key === 'protocol' && /\.(ContainerPort|ServicePort)$/.test(name) ? 'TCP' : undefined;
    properties[key] = {
      ...(known ? wireType(known.field, known.owner) : declaredType(type, model.className, key)),
      ...(required ? { required } : {}),
      ...(rules?.listType ? { listType: rules.listType } : {}),
      ...(rules?.listMapKey ? { listMapKeys: rules.listMapKey } : {}),
      ...(rules?.mapType === 'atomic' || rules?.structType === 'atomic' ? { mapType: 'atomic' } : {}),
      ...(rules?.mapType === 'granular' || rules?.structType === 'granular' ? { mapType: 'granular' } : {}),
      ...(rules?.patchMergeKey ? { patchMergeKey: rules.patchMergeKey } : {}),
      ...(rules?.patchStrategy ? { patchStrategy: rules.patchStrategy } : {}),
      ...(identityDefault ? { default: identityDefault } : {}),
      ...(isAlwaysThere(known?.owner ?? name, key) ? { always: true } : {}),
    };
    if (description) texts[key] = description;
  }
  const gvk = groupVersionKind(name, model);
  definitions[name] = { properties, ...(gvk ? { gvk } : {}), ...(isAtomic(name) ? { mapType: 'atomic' } : {}) };
  descriptions[name] = texts;
}

/** A struct that is no pointer in Go's type, or a list or map that JSON shows even when it is null. */
function isAlwaysThere(owner: string, key: string): boolean {
  const facts = goFacts[owner.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_')] ?? {};
  const [, type = '', flags = ''] = Object.entries(facts).find(([field]) => field.toLowerCase() === key.toLowerCase())?.[1] ?? [];
  if (/[rmw]/.test(flags)) return flags.includes('a');
  return type.includes('.') && !flags.includes('p');
}

function wireType(field: WireField, owner: string): FieldType {
  const item = single(field.type, owner);
  if (field.keyType) return { type: 'map', values: item };
  return field.rule ? { type: 'array', items: item } : item;
}

function single(type: string, owner: string): FieldType {
  switch (type) {
    case 'string': return { type: 'string' };
    case 'bytes': return { type: 'bytes' };
    case 'bool': return { type: 'boolean' };
    case 'int32': case 'int64': case 'double': return { type };
    default: {
      const name = resolve(type, owner);
      const fields = messages.get(name)?.fields ?? {};
      // A Go slice type with a name (ExtraValue, Verbs): protobuf needs a message for it, JSON has the bare list. What has
      // a class of its own (DownwardAPIProjection) is a struct that happens to hold nothing else.
      const isStruct = [...nameOfClass.values()].includes(name);
      if (fields['items'] && Object.keys(fields).length === 1 && !isStruct) return wireType(fields['items'], name);
      return { type: 'ref', name };
    }
  }
}

/** For the few groups that the wire facts lack. */
function declaredType(type: string, className: string, key: string): FieldType {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) return { type: 'array', items: declaredType(array[1]!, className, key) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return { type: 'map', values: declaredType(map[1]!, className, key) };
  switch (type) {
    case 'string': return { type: formatOf(className, key) === 'byte' ? 'bytes' : 'string' };
    case 'boolean': return { type: 'boolean' };
    case 'number': return { type: numberFormat(formatOf(className, key)) };
    case 'any': return { type: 'any' };
    case 'Date': return { type: 'ref', name: `${meta}.Time` };
    case 'IntOrString': return { type: 'ref', name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' };
    default: {
      const name = nameOfClass.get(type);
      if (!name) throw new Error(`${className}.${key}: no definition for ${type}`);
      return { type: 'ref', name };
    }
  }
}

function numberFormat(format: string): 'int32' | 'int64' | 'double' {
  return format === 'int64' || format === 'double' ? format : 'int32';
}

/** The format stands only in the class's code. */
function formatOf(className: string, key: string): string {
  const code = readFileSync(`${models}/${className}.js`, 'utf8');
  return new RegExp(`"baseName": "${key.replaceAll('$', '\\$')}",\\s*"type": "[^"]*",\\s*"format": "([^"]*)"`).exec(code)?.[1] ?? '';
}

function groupVersionKind(name: string, model: Model): GroupVersionKind[] | undefined {
  const has = (key: string) => model.fields.some((field) => field.name === key);
  const [folder = '', version = '', kind = ''] = name.split('.').slice(-3);
  const bare = /^(DeleteOptions|APIGroup|APIGroupList|APIResourceList|APIVersions)$/;
  if (!has('apiVersion') || !has('kind') || !(has('metadata') || bare.test(kind))) return undefined;
  return [{ group: folder === 'meta' ? '' : groupOf(folder), version, kind }];
}

/** Only the first groups have names without a domain. */
function groupOf(folder: string): string {
  if (folder === 'core') return '';
  if (['apps', 'autoscaling', 'batch', 'extensions', 'policy'].includes(folder)) return folder;
  const special: Record<string, string> = {
    rbac: 'rbac.authorization.k8s.io',
    flowcontrol: 'flowcontrol.apiserver.k8s.io',
    apiserverinternal: 'internal.apiserver.k8s.io',
  };
  return special[folder] ?? `${folder}.k8s.io`;
}

/** Structs that server-side apply owns as a whole (`+structType=atomic` on the type). */
function isAtomic(name: string): boolean {
  const [folder = '', , kind = ''] = name.split('.').slice(-3);
  const atomic: Record<string, readonly string[]> = {
    core: [
      'ConfigMapKeySelector', 'EndpointAddress', 'EndpointPort', 'FileKeySelector', 'LocalObjectReference', 'NodeSelector', 'NodeSelectorTerm', 'ObjectFieldSelector',
      'ObjectReference', 'ResourceFieldSelector', 'ScopeSelector', 'ScopedResourceSelectorRequirement', 'SecretKeySelector', 'SecretReference', 'TopologySelectorTerm',
      'TypedLocalObjectReference',
    ],
    meta: ['LabelSelector', 'OwnerReference'],
    rbac: ['RoleRef', 'Subject'],
    discovery: ['EndpointPort'],
    autoscaling: ['CrossVersionObjectReference'],
    flowcontrol: ['Subject'],
    admissionregistration: ['MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef'],
    storage: ['VolumeNodeResources'],
  };
  return atomic[folder]?.includes(kind) ?? false;
}

/** Every reference has its definition. The generator has no class for a message without fields. */
function checkReferences(): void {
  const visit = (type: FieldType, where: string): void => {
    if (type.type === 'array') visit(type.items, where);
    if (type.type === 'map') visit(type.values, where);
    if (type.type !== 'ref' || definitions[type.name]) return;
    const isEmpty = Object.keys(messages.get(type.name)?.fields ?? { missing: true }).length === 0;
    if (!isEmpty) throw new Error(`${where}: no definition for ${type.name}`);
    definitions[type.name] = { properties: {} };
  };
  for (const [name, definition] of Object.entries(definitions)) {
    if ('properties' in definition) for (const [key, field] of Object.entries(definition.properties)) visit(field, `${name}.${key}`);
  }
}
