// CustomResourceDefinitions as v1beta1 has them: what is the same for all versions stands once, beside them, and a definition may
// have just one `version`. What is shown is told so again wherever it is the same for all, as upstream does.
// https://github.com/kubernetes/apiextensions-apiserver pkg/apis/apiextensions/v1beta1
import type { FieldCause } from '../../error.ts';
import { sameJson } from '../../meta.ts';
import type { KubeObject } from '../../types.ts';
import { Report } from '../validation/report.ts';

type Fields = Record<string, unknown>;

interface OlderSpec extends Fields {
  version?: string;
  versions?: Fields[];
  scope?: string;
  preserveUnknownFields?: boolean;
  names?: Fields & { kind?: string };
  conversion?: { strategy?: string; webhookClientConfig?: Fields; conversionReviewVersions?: string[] };
}

/** Beside the versions → in each of them. */
const ofEachVersion = { validation: 'schema', subresources: 'subresources', additionalPrinterColumns: 'additionalPrinterColumns', selectableFields: 'selectableFields' } as const;
type Shared = keyof typeof ofEachVersion;
const shared = Object.keys(ofEachVersion) as Shared[];

export function fillOlderDefinition(draft: KubeObject): void {
  const { spec } = draft as KubeObject & { spec?: OlderSpec };
  if (!spec) return;
  spec.scope ||= 'Namespaced';
  spec.preserveUnknownFields ??= true;
  spec.conversion ??= { strategy: 'None' };
  if (spec.conversion.strategy === 'Webhook' && !spec.conversion.conversionReviewVersions?.length) spec.conversion.conversionReviewVersions = ['v1beta1'];
  if (spec.version && !spec.versions?.length) spec.versions = [{ name: spec.version, served: true, storage: true }];
  if (!spec.version) {
    const first = spec.versions?.[0]?.['name'];
    if (typeof first === 'string') spec.version = first;
  }
}

/** What the stored form has no place for. */
export function validateOlderDefinition(object: KubeObject): FieldCause[] {
  const report = new Report();
  const { version, versions = [], ...spec } = (object as KubeObject & { spec?: OlderSpec }).spec ?? {};
  if (version && versions.length > 0 && versions[0]!['name'] !== version) report.invalid('spec.version', version, 'must match the first version in spec.versions');
  for (const [field, what] of [['validation', 'schemas'], ['subresources', 'subresources'], ['additionalPrinterColumns', 'additionalPrinterColumns']] as const) {
    if (isThere(spec[field]) && versions.some((one) => isThere(one[ofEachVersion[field]]))) report.forbidden(`spec.${field}`, `top-level and per-version ${what} are mutually exclusive`);
  }
  return report.causes;
}

export function toEachVersion(object: KubeObject): KubeObject {
  const { spec } = object as KubeObject & { spec?: OlderSpec };
  if (!spec) return object;
  const { version: _version, validation, subresources, additionalPrinterColumns, selectableFields, versions, conversion, preserveUnknownFields, ...rest } = spec;
  const common: Fields = { validation, subresources, additionalPrinterColumns, selectableFields };
  const each = versions?.map((one) => {
    const whole: Fields = { ...one };
    for (const field of shared) if (isThere(common[field])) whole[ofEachVersion[field]] ??= common[field];
    return withColumns(whole, 'JSONPath', 'jsonPath');
  });
  const stored = {
    ...rest,
    ...(each ? { versions: each } : {}),
    ...(conversion ? { conversion: toWebhook(conversion) } : {}),
    ...(preserveUnknownFields ? { preserveUnknownFields } : {}),
  };
  return { ...object, spec: stored } as KubeObject;
}

export function toOneForAll(object: KubeObject): KubeObject {
  const { spec } = object as KubeObject & { spec?: Fields & { versions?: Fields[]; conversion?: Fields } };
  if (!spec) return object;
  const { versions = [], conversion, ...rest } = spec;
  const [first] = versions;
  const common = first ? shared.filter((field) => isThere(first[ofEachVersion[field]]) && versions.every((one) => sameJson(one[ofEachVersion[field]], first[ofEachVersion[field]]))) : [];
  const hoisted = withColumns(Object.fromEntries(common.map((field) => [field, first![ofEachVersion[field]]])), 'jsonPath', 'JSONPath');
  const own = versions.map((one) => {
    const left: Fields = { ...one };
    for (const field of common) delete left[ofEachVersion[field]];
    return withColumns(left, 'jsonPath', 'JSONPath');
  });
  const shown = {
    preserveUnknownFields: false,
    ...rest,
    ...(first ? { version: first['name'] } : {}),
    ...hoisted,
    ...(spec.versions ? { versions: own } : {}),
    ...(conversion ? { conversion: fromWebhook(conversion) } : {}),
  };
  return { ...object, spec: shown } as KubeObject;
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

function withColumns(of: Fields, from: string, to: string): Fields {
  const columns = of['additionalPrinterColumns'];
  if (!Array.isArray(columns)) return of;
  return { ...of, additionalPrinterColumns: columns.map(({ [from]: path, ...column }: Fields) => ({ ...column, ...(path === undefined ? {} : { [to]: path }) })) };
}

function toWebhook({ strategy, webhookClientConfig, conversionReviewVersions }: NonNullable<OlderSpec['conversion']>): Fields {
  if (!webhookClientConfig && !conversionReviewVersions?.length) return { strategy };
  return { strategy, webhook: { ...(webhookClientConfig ? { clientConfig: webhookClientConfig } : {}), conversionReviewVersions: conversionReviewVersions ?? [] } };
}

function fromWebhook({ strategy, webhook }: Fields): Fields {
  const { clientConfig, conversionReviewVersions } = (webhook ?? {}) as Fields;
  return { strategy, ...(clientConfig ? { webhookClientConfig: clientConfig } : {}), ...(isThere(conversionReviewVersions) ? { conversionReviewVersions } : {}) };
}
