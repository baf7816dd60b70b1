// What is wrong with a CustomResourceDefinition. Semantics and words: apiextensions-apiserver pkg/apis/apiextensions/validation.
import type { FieldCause } from '../../error.ts';
import { checkAnySchema, checkSchema, needsStructure } from '../../custom/check-schema.ts';
import { fieldsOfPath, parseJsonPath } from '../../custom/json-path.ts';
import { isIntOrString, itemsOf, propertyOf, type JsonSchema } from '../../custom/json-schema.ts';
import { checkRules } from '../../custom/check-rules.ts';
import { isEstablished, type DefinedVersion } from '../../custom/definition.ts';
import { sameJson } from '../../meta.ts';
import { dns1035Label, dnsSubdomain, type NameRule } from '../../names.ts';
import type { Kind } from '../../kind.ts';
import type { CustomResourceDefinition } from '../../types.ts';
import { toOneForAll } from '../older-versions/custom-resource-definitions.ts';
import { Report } from '../validation/report.ts';
import { checkClientConfig } from '../validation/webhook.ts';

type Spec = CustomResourceDefinition['spec'];

/** `sentAs`: v1beta1, which asks for less; what it has let in stays. */
export function validateDefinition(definition: CustomResourceDefinition, before?: CustomResourceDefinition, sentAs?: Kind): FieldCause[] {
  const report = new Report();
  const { metadata, spec } = definition;
  if (!spec) {
    report.required('spec');
    return report.causes;
  }
  if (metadata.name !== `${spec.names?.plural}.${spec.group}`) report.invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group');
  checkSpec(report, definition, before, sentAs !== undefined);
  return sentAs ? inOlderPlaces(report.causes, definition) : report.causes;
}

export function validateDefinitionUpdate(definition: CustomResourceDefinition, before: CustomResourceDefinition): FieldCause[] {
  const report = new Report();
  const { spec, status } = definition;
  if (isEstablished(before)) {
    report.immutable('spec.scope', spec.scope, before.spec.scope);
    report.immutable('spec.names.kind', spec.names?.kind, before.spec.names.kind);
  }
  report.immutable('spec.group', spec.group, before.spec.group);
  report.immutable('spec.names.plural', spec.names?.plural, before.spec.names.plural);
  checkStoredVersions(report, status.storedVersions ?? [], spec);
  return report.causes;
}

export function validateDefinitionStatus(definition: CustomResourceDefinition): FieldCause[] {
  const report = new Report();
  const names = definition.status.acceptedNames;
  if (names) checkNames(report, 'status.acceptedNames', names);
  checkStoredVersions(report, definition.status.storedVersions ?? [], definition.spec);
  return report.causes;
}

function checkStoredVersions(report: Report, storedVersions: readonly string[], { versions }: Spec): void {
  if (storedVersions.length === 0) report.invalid('status.storedVersions', storedVersions, 'must have at least one stored version');
  storedVersions.forEach((version, i) => {
    if (!versions?.some(({ name }) => name === version)) report.invalid(`status.storedVersions[${i}]`, version, 'missing from spec.versions; '
      + `${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`);
  });
}

function checkSpec(report: Report, { metadata, spec }: CustomResourceDefinition, before: CustomResourceDefinition | undefined, isOlder: boolean): void {
  checkGroup(report, spec.group);
  const isApprovedAsBefore = before?.metadata.annotations?.[approval] === metadata.annotations?.[approval] && before !== undefined;
  if (!isOlder && !isApprovedAsBefore) checkApproval(report, spec.group, metadata.annotations);
  report.requiredWord('spec.scope', spec.scope, ['Cluster', 'Namespaced']);
  const isLoose = isOlder || before?.spec.preserveUnknownFields === true;
  if (spec.preserveUnknownFields && !isLoose) report.invalid('spec.preserveUnknownFields', true, 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead');
  const { names, versions = [] } = spec;
  if (!names?.plural) report.required('spec.names.plural');
  if (!names?.singular) report.required('spec.names.singular');
  if (!names?.kind) report.required('spec.names.kind');
  if (!names?.listKind) report.required('spec.names.listKind');
  if (names) checkNames(report, 'spec.names', names);
  versions.forEach((version, i) => checkVersion(report, `spec.versions[${i}]`, version, before?.spec.versions.find(({ name }) => name === version.name), { isOlder, preserves: spec.preserveUnknownFields === true }));
  if (new Set(versions.map(({ name }) => name)).size !== versions.length) report.problem('spec.versions', 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1) report.problem('spec.versions', 'must have exactly one version marked as storage version');
  checkConversion(report, spec.conversion);
  if (spec.preserveUnknownFields && spec.conversion?.strategy === 'Webhook') report.invalid('spec.conversion.strategy', 'Webhook', 'must be None if spec.preserveUnknownFields is true');
}

/** What stands once for all versions there is named where it stands. */
function inOlderPlaces(causes: readonly FieldCause[], definition: CustomResourceDefinition): FieldCause[] {
  const { spec } = toOneForAll(definition) as unknown as { spec: Readonly<Record<string, unknown>> };
  const moved = causes.map((cause) => {
    const [, field = '', rest = ''] = /^spec\.versions\[\d+\]\.(schema|subresources|additionalPrinterColumns|selectableFields)(.*)$/.exec(cause.field ?? '') ?? [];
    const place = field === 'schema' ? 'validation' : field;
    return field && spec[place] !== undefined ? { ...cause, field: `spec.${place}${rest.replace(/\.jsonPath$/, '.JSONPath')}` } : cause;
  });
  return moved.filter(({ field, message }, i) => moved.findIndex((other) => other.field === field && other.message === message) === i);
}

const protectedGroup = /(^|\.)(k8s|kubernetes)\.io$/;
const approval = 'api-approved.kubernetes.io';

function checkGroup(report: Report, group: string): void {
  if (!group) return report.required('spec.group');
  const wrong = dnsSubdomain(group);
  if (wrong.length > 0) report.invalid('spec.group', group, wrong.join(','));
  else if (!group.includes('.')) report.invalid('spec.group', group, 'should be a domain with at least one dot');
}

function checkApproval(report: Report, group: string, annotations: Readonly<Record<string, string>> = {}): void {
  if (!group || !protectedGroup.test(group)) return;
  const value = annotations[approval];
  const field = `metadata.annotations[${approval}]`;
  if (!value) report.required(field, `protected groups must have approval annotation ${JSON.stringify(approval)}, see https://github.com/kubernetes/enhancements/pull/1111`);
  else if (!value.startsWith('unapproved') && !URL.canParse(value)) {
    report.invalid(field, value, `protected groups must have approval annotation ${JSON.stringify(approval)} with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`);
  }
}

function checkNames(report: Report, path: string, names: Spec['names']): void {
  const follows = (field: string, value: string | undefined, rule: NameRule = dns1035Label) => {
    const wrong = value ? rule(value) : [];
    if (wrong.length > 0) report.invalid(`${path}.${field}`, value, wrong.join(','));
  };
  const mixedCase: NameRule = (text) => {
    const wrong = dns1035Label(text.toLowerCase());
    return wrong.length > 0 ? [`may have mixed case, but should otherwise match: ${wrong.join(',')}`] : [];
  };
  follows('plural', names.plural);
  follows('singular', names.singular);
  follows('kind', names.kind, mixedCase);
  follows('listKind', names.listKind, mixedCase);
  names.shortNames?.forEach((name, i) => follows(`shortNames[${i}]`, name));
  if (names.kind && names.kind === names.listKind) report.invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same');
  names.categories?.forEach((name, i) => follows(`categories[${i}]`, name));
}

function checkVersion(report: Report, path: string, version: DefinedVersion, before: DefinedVersion | undefined, { isOlder, preserves }: { readonly isOlder: boolean; readonly preserves: boolean }): void {
  const wrong = dns1035Label(version.name ?? '');
  if (wrong.length > 0) report.invalid(`${path}.name`, version.name, wrong.join(','));
  if (version.deprecationWarning !== undefined) {
    if (!version.deprecated) report.invalid(`${path}.deprecationWarning`, version.deprecationWarning, 'can only be set for deprecated versions');
    if (version.deprecationWarning === '') report.invalid(`${path}.deprecationWarning`, '', 'cannot be empty string');
    if (Buffer.byteLength(version.deprecationWarning) > 256) report.tooLong(`${path}.deprecationWarning`, 256);
  }
  const schema = version.schema?.openAPIV3Schema as JsonSchema | undefined;
  const at = `${path}.schema.openAPIV3Schema`;
  if (!schema) {
    const wasThere = before?.schema?.openAPIV3Schema !== undefined;
    if (!isOlder && (!before || wasThere)) report.required(at, 'schemas are required');
    else if (!preserves && version.served) report.required(at, 'because otherwise all fields are pruned');
  } else if (!before || !sameJson(schema, before.schema?.openAPIV3Schema)) {
    const causes = report.causes.length;
    const needs = preserves ? needsStructure(schema) : 'structure';
    if (needs === 'defaults') report.invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema');
    if (needs) checkSchema(report, at, schema);
    else checkAnySchema(report, at, schema);
    if (report.causes.length === causes) checkRules(report, at, schema);
  }
  checkSubresources(report, `${path}.subresources`, version.subresources);
  version.additionalPrinterColumns?.forEach((column, i) => checkColumn(report, `${path}.additionalPrinterColumns[${i}]`, column));
  checkSelectable(report, `${path}.selectableFields`, version, schema);
}

function checkSubresources(report: Report, path: string, subresources: DefinedVersion['subresources']): void {
  const scale = subresources?.scale;
  if (!scale) return;
  const check = (name: string, value: string | undefined, roots: readonly string[], should: string) => {
    const field = `${path}.scale.${name}`;
    if (!value) return report.required(field);
    const problem = pathProblem(value);
    if (problem) report.invalid(field, value, problem);
    else if (!roots.some((root) => value.startsWith(root))) report.invalid(field, value, should);
    else if (!fieldsOfPath(value)) report.invalid(field, value, 'array notation is not allowed');
  };
  check('specReplicasPath', scale.specReplicasPath, ['.spec.'], 'should be a json path under .spec');
  check('statusReplicasPath', scale.statusReplicasPath, ['.status.'], 'should be a json path under .status');
  if (scale.labelSelectorPath) check('labelSelectorPath', scale.labelSelectorPath, ['.spec.', '.status.'], 'should be a json path under either .spec or .status');
}

const columnTypes: readonly string[] = ['integer', 'number', 'string', 'boolean', 'date'];
const columnFormats: readonly string[] = ['int32', 'int64', 'float', 'double', 'byte', 'date', 'date-time', 'password', 'name'];

function checkColumn(report: Report, path: string, column: NonNullable<DefinedVersion['additionalPrinterColumns']>[number]): void {
  if (!column.name) report.required(`${path}.name`);
  if (!column.type) report.required(`${path}.type`, `must be one of ${columnTypes.join(',')}`);
  else if (!columnTypes.includes(column.type)) report.invalid(`${path}.type`, column.type, `must be one of ${columnTypes.join(',')}`);
  if (column.format && !columnFormats.includes(column.format)) report.invalid(`${path}.format`, column.format, `must be one of ${columnFormats.join(',')}`);
  if (!column.jsonPath) report.required(`${path}.jsonPath`);
  else {
    const problem = pathProblem(column.jsonPath);
    if (problem) report.invalid(`${path}.jsonPath`, column.jsonPath, problem);
  }
}

/** Undefined: the path can be read. */
function pathProblem(path: string): string | undefined {
  if (!path.startsWith('.')) return 'must be a simple json path starting with .';
  try {
    parseJsonPath(path);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function checkSelectable(report: Report, path: string, version: DefinedVersion, schema: JsonSchema | undefined): void {
  const fields = version.selectableFields ?? [];
  if (fields.length > 8) report.tooMany(path, fields.length, 8);
  const seen = new Set<string>();
  fields.forEach(({ jsonPath }, i) => {
    const field = `${path}[${i}].jsonPath`;
    if (!jsonPath) return report.required(field);
    if (seen.has(jsonPath)) report.duplicate(field, jsonPath);
    seen.add(jsonPath);
    const problem = pathProblem(jsonPath);
    if (problem) return report.invalid(field, jsonPath, problem);
    const steps = fieldsOfPath(jsonPath);
    if (!steps) return report.invalid(field, jsonPath, 'must not point to an array or use array notation');
    if (steps[0] === 'metadata') return report.invalid(field, jsonPath, 'must not point to fields in metadata');
    const found = steps.reduce<JsonSchema | undefined>((at, name) => at && propertyOf(at, name), schema);
    if (!found) report.invalid(field, jsonPath, 'does not refer to a valid field');
    else if (isIntOrString(found) || itemsOf(found) || !['string', 'boolean', 'integer'].includes(found.type ?? '')) report.invalid(field, jsonPath, 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.');
  });
}

function checkConversion(report: Report, conversion: Spec['conversion']): void {
  if (!conversion) return;
  const { strategy, webhook } = conversion;
  report.requiredWord('spec.conversion.strategy', strategy, ['None', 'Webhook']);
  if (strategy !== 'Webhook') {
    if (webhook) report.forbidden('spec.conversion.webhookClientConfig', 'should not be set when strategy is not set to Webhook');
    return;
  }
  if (!webhook?.clientConfig) report.required('spec.conversion.webhookClientConfig', 'required when strategy is set to Webhook');
  else checkClientConfig(report, 'spec.conversion.webhookClientConfig', webhook.clientConfig);
  const versions = webhook?.conversionReviewVersions ?? [];
  if (versions.length === 0) report.required('spec.conversion.conversionReviewVersions');
  else if (!versions.includes('v1') && !versions.includes('v1beta1')) report.invalid('spec.conversion.conversionReviewVersions', versions, 'must include at least one of v1, v1beta1');
  versions.forEach((version, i) => {
    for (const why of dns1035Label(version)) report.invalid(`spec.conversion.conversionReviewVersions[${i}]`, version, why);
  });
}
