// The query parameters of the API.
import { ApiError } from '../../api/error.ts';
import type { DeleteOptions, RequestOptions } from '../../api/request.ts';

export interface Query {
  readonly options: RequestOptions;
  readonly watch: boolean;
  readonly pretty: boolean | undefined;
  /** What a table's rows carry of their objects. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly isVerbose: boolean;
  /** A delete may say here what it else says in its body. */
  readonly deleteOptions: DeleteOptions | undefined;
  readonly parameters: URLSearchParams;
}

export const noQuery: Query = Object.freeze({
  options: Object.freeze({}),
  watch: false,
  pretty: undefined,
  includeObject: 'Metadata',
  isVerbose: false,
  deleteOptions: undefined,
  parameters: new URLSearchParams(),
});

/** Throws ApiError for values that cannot be read. */
export function readQuery(text: string): Query {
  const parameters = new URLSearchParams(text);
  const string = (name: string) => parameters.get(name) || undefined;
  const integer = (name: string) => {
    const value = string(name);
    if (value === undefined) return undefined;
    if (!/^[+-]?\d{1,18}$/.test(value)) throw ApiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    return Number(value);
  };
  const boolean = (name: string) => {
    const value = parameters.get(name)?.toLowerCase();
    return value === undefined ? undefined : value !== '0' && value !== 'false';
  };
  const options: RequestOptions = {
    labelSelector: string('labelSelector'),
    fieldSelector: string('fieldSelector'),
    resourceVersion: string('resourceVersion'),
    resourceVersionMatch: string('resourceVersionMatch'),
    limit: integer('limit'),
    continue: string('continue'),
    timeoutSeconds: integer('timeoutSeconds'),
    allowWatchBookmarks: boolean('allowWatchBookmarks'),
    sendInitialEvents: boolean('sendInitialEvents'),
    dryRun: dryRun(parameters),
    fieldManager: fieldManager(string('fieldManager')),
    fieldValidation: fieldValidation(string('fieldValidation')),
    force: boolean('force'),
    query: valuesByName(parameters),
  };
  return {
    options,
    watch: boolean('watch') === true,
    pretty: boolean('pretty'),
    includeObject: includeObject(string('includeObject')),
    isVerbose: parameters.has('verbose'),
    deleteOptions: deleteOptions(integer('gracePeriodSeconds'), string('propagationPolicy'), boolean('orphanDependents')),
    parameters,
  };
}

export function valuesByName(parameters: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries([...new Set(parameters.keys())].map((name) => [name, parameters.getAll(name)]));
}

function dryRun(parameters: URLSearchParams): boolean | undefined {
  const values = parameters.getAll('dryRun').filter(Boolean);
  for (const value of values) {
    if (value !== 'All') throw invalid('dryRun', `Unsupported value: ${JSON.stringify(value)}: supported values: "All"`);
  }
  return values.length > 0 || undefined;
}

function fieldValidation(value: string | undefined): RequestOptions['fieldValidation'] {
  if (value === undefined || value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw invalid('fieldValidation', `Unsupported value: ${JSON.stringify(value)}: supported values: "", "Ignore", "Strict", "Warn"`);
}

function fieldManager(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (Buffer.byteLength(value) > 128) throw invalid('fieldManager', 'Too long: may not be more than 128 bytes', 'FieldValueTooLong');
  const hidden = /[^\P{C}]|[^\P{Z} ]/u.exec(value);
  if (hidden) throw invalid('fieldManager', `Invalid value: ${JSON.stringify(value)}: invalid character at position ${hidden.index}`, 'FieldValueInvalid');
  return value;
}

function includeObject(value = 'Metadata'): Query['includeObject'] {
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw ApiError.badRequest(`Invalid includeObject value: ${JSON.stringify(value)}: must be one of None, Metadata, Object`);
}

function deleteOptions(gracePeriodSeconds: number | undefined, propagationPolicy: string | undefined, orphanDependents: boolean | undefined): DeleteOptions | undefined {
  if (gracePeriodSeconds === undefined && propagationPolicy === undefined && orphanDependents === undefined) return undefined;
  return { gracePeriodSeconds, propagationPolicy: propagationPolicy as DeleteOptions['propagationPolicy'], orphanDependents };
}

function invalid(field: string, message: string, reason = 'FieldValueNotSupported'): ApiError {
  return ApiError.invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [{ reason, field, message }]);
}
