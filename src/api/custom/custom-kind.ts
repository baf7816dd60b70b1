// From a CustomResourceDefinition to the kinds that it declares: one for each version, of which one is stored.
import { ApiError, type FieldCause } from '../error.ts';
import type { Kind, Subresource } from '../kind.ts';
import { sameJson } from '../meta.ts';
import type { CustomResourceDefinition, KubeObject } from '../types.ts';
import { Report } from '../kinds/validation/report.ts';
import { checkStructural } from './check-schema.ts';
import { withoutUntouched } from './correlate.ts';
import { compileDefaults } from './defaults.ts';
import { isTerminating, storageVersionOf, type DefinedVersion } from './definition.ts';
import { fieldTypeOf } from './field-type.ts';
import { parseJsonPath } from './json-path.ts';
import type { JsonSchema } from './json-schema.ts';
import { columnsOf } from './printer-columns.ts';
import { prune } from './prune.ts';
import { compileRules } from './rules.ts';
import { customScale } from './scale.ts';
import { compileValidation } from './validate-value.ts';

/** All versions, the one that is stored first; those that are not served among them, for objects may still lie in them. */
export function kindsOf(definition: CustomResourceDefinition): readonly Kind[] {
  const stored = storageVersionOf(definition);
  const versions = [...definition.spec.versions].sort((a, b) => Number(b === stored) - Number(a === stored));
  return versions.map((version) => customKind(definition, version));
}

export function isServed(definition: CustomResourceDefinition, { version }: Kind): boolean {
  return definition.spec.versions.some(({ name, served }) => served && name === version);
}

/** Whether the kinds of two states of a definition would be the same. */
export function declareTheSame(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return isTerminating(a) === isTerminating(b) && sameJson(a.spec, b.spec) && sameJson(a.status.acceptedNames, b.status.acceptedNames);
}

function customKind(definition: CustomResourceDefinition, version: DefinedVersion): Kind {
  const { group, scope, conversion } = definition.spec;
  const names = definition.status.acceptedNames ?? definition.spec.names;
  const validated = (version.schema?.openAPIV3Schema ?? anything) as JsonSchema;
  // Of definitions in the manner of v1beta1: the schema only validates, and all else is as if there were none.
  const schema = definition.spec.preserveUnknownFields ? anything : validated;
  const { plural, kind } = definition.spec.names;
  const fill = compileDefaults(schema);
  // With the first object that needs them: a server may have hundreds of definitions, and must not begin with reading them all.
  const validation = once(() => ({ validate: compileValidation(validated), validateRules: compileRules(schema) }));
  const type = once(() => fieldTypeOf(schema));
  const validateAll = (object: KubeObject, before?: KubeObject): FieldCause[] => {
    const { validate, validateRules } = validation();
    const all = validate(object);
    const findings = before === undefined || all.length === 0 ? all : withoutUntouched(all, validated, object, before);
    const causes: FieldCause[] = findings.map(({ reason, field, message }) => ({ reason, field, message }));
    if (!validateRules) return causes;
    return causes.some(({ reason }) => blocking.has(reason)) ? [...causes, unchecked] : [...causes, ...validateRules(object, before)];
  };
  const refusesNew = isTerminating(definition);
  return {
    group,
    version: version.name,
    plural,
    kind,
    singular: names.singular || kind.toLowerCase(),
    listKind: names.listKind || `${kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    hasStatus: version.subresources?.status !== undefined,
    hasGeneration: true,
    allowUnconditionalUpdate: false,
    allowCreateOnUpdate: false,
    schemaName: `${group.split('.').reverse().join('.')}.${version.name}.${kind}`,
    schema: {
      check: (draft) => prune(draft, schema),
      get type() {
        return type();
      },
    },
    custom: {
      declared: definition.spec.preserveUnknownFields && isStructural(validated) ? { ...validated, ...anything } : schema,
      settle(draft) {
        const { unknown } = prune(draft, schema);
        return fill(draft) || unknown.length > 0;
      },
      conversion: conversion?.strategy === 'Webhook' ? conversion.webhook : undefined,
    },
    ...(version.deprecated ? { deprecation: { warning: version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated`, removedRelease: '' } } : {}),
    ...(version.subresources?.scale ? { subresources: { scale: customScale({ group, plural }, version.subresources.scale) } as Record<string, Subresource<KubeObject>> } : {}),
    prepareCreate(draft) {
      if (refusesNew) throw new ApiError(405, 'MethodNotAllowed', 'create not allowed while custom resource definition is terminating', { group, kind: plural });
      if (version.subresources?.status !== undefined) delete (draft as { status?: unknown }).status;
    },
    defaults: (draft) => void fill(draft),
    validate: validateAll,
    validateStatus: validateAll,
    warnings: finalizerWarnings,
    columns: columnsOf(version.additionalPrinterColumns as never),
    ...(version.selectableFields?.length ? { selectableFields: Object.fromEntries(version.selectableFields.map(({ jsonPath }) => selectable(jsonPath))) } : {}),
  };
}

const anything: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function isStructural(schema: JsonSchema): boolean {
  const report = new Report();
  checkStructural(report, '', schema);
  return report.causes.length === 0;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** With these, rules cannot rely on the types that the schema gives. */
const blocking: ReadonlySet<string> = new Set(['FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid']);
const unchecked: FieldCause = { reason: 'FieldValueInvalid', field: '<nil>', message: 'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation' };

const standardFinalizers: readonly string[] = ['orphan', 'foregroundDeletion', 'kubernetes'];

function finalizerWarnings({ metadata }: KubeObject): string[] {
  const plain = (metadata.finalizers ?? []).filter((name) => !name.includes('/') && !standardFinalizers.includes(name));
  return plain.map((name) => `metadata.finalizers: ${JSON.stringify(name)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`);
}

/** `.spec.color` is selected by as `spec.color`; what is absent is an empty text. */
function selectable(jsonPath: string): readonly [string, (object: KubeObject) => string] {
  const path = parseJsonPath(jsonPath);
  const read = (object: KubeObject): string => {
    const [value] = path(object);
    return value === undefined || value === null ? '' : String(value);
  };
  return [jsonPath.replace(/^\./, ''), read];
}
