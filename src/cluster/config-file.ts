// Configuration files as kube-apiserver reads them: YAML or JSON, an object with apiVersion and kind, and no field that it does not know.
import { readFileSync } from 'node:fs';
import type { FieldCause } from '../api/error.ts';
import { Report } from '../api/kinds/validation/report.ts';
import { parseYaml } from '../server/http/yaml.ts';
import { UserError } from './user-error.ts';

/** What a value may be: a scalar, a list of one shape, or an object of these fields. A field that is absent or null is as if it were not there. */
export type Shape = 'text' | 'number' | 'flag' | 'anything' | readonly [Shape] | { readonly [field: string]: Shape };

export interface ConfigKind {
  /** For what is said of it. */
  readonly flag: string;
  readonly kind: string;
  readonly apiVersions: readonly string[];
  readonly shape: { readonly [field: string]: Shape };
}

/** Reads, checks and turns a file into what it means. Throws UserError that names each field that is wrong. */
export function readConfigFile<T, R>(file: string, of: ConfigKind, validate: (config: T) => readonly FieldCause[], build: (config: T) => R): R {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`the file ${file} cannot be read: ${(error as Error).message}`, `check ${of.flag}`, { cause: error });
  }
  const config = parseConfig<T>(text, file, of);
  const causes = validate(config);
  if (causes.length > 0) throw wrong(file, of, causes);
  return build(config);
}

export function parseConfig<T>(text: string, file: string, of: ConfigKind): T {
  let config: unknown;
  try {
    config = parseYaml(text);
  } catch (error) {
    throw new UserError(`the file ${file} is no YAML: ${(error as Error).message.split('\n')[0]}`, `check ${of.flag}`, { cause: error });
  }
  const { apiVersion, kind } = isObject(config) ? config : {};
  if (kind !== of.kind || !of.apiVersions.includes(apiVersion as string)) {
    throw new UserError(`the file ${file} is no ${of.kind}: it says kind ${JSON.stringify(kind ?? '')}, apiVersion ${JSON.stringify(apiVersion ?? '')}`, `begin it with "apiVersion: ${of.apiVersions[0]}" and "kind: ${of.kind}"`);
  }
  const report = new Report();
  checkShape(report, '', config, { apiVersion: 'text', kind: 'text', metadata: 'anything', ...of.shape });
  if (report.causes.length > 0) throw wrong(file, of, report.causes);
  return config as T;
}

function wrong(file: string, { flag }: ConfigKind, causes: readonly FieldCause[]): UserError {
  const told = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  return new UserError(`the file ${file} is not valid: ${told.length > 1 ? `[${told.join(', ')}]` : told[0]}`, `mend it, and see Kubernetes' documentation of ${flag}`);
}

function checkShape(report: Report, path: string, value: unknown, shape: Shape): void {
  if (value === undefined || value === null || shape === 'anything') return;
  if (typeof shape === 'string') {
    const type = shape === 'text' ? 'string' : shape === 'flag' ? 'boolean' : 'number';
    if (typeof value !== type) report.invalid(path, value, `must be a ${type}`);
  } else if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return report.invalid(path, value, 'must be a list');
    value.forEach((item, index) => checkShape(report, `${path}[${index}]`, item, shape[0] as Shape));
  } else if (!isObject(value)) {
    report.invalid(path, value, 'must be an object');
  } else {
    for (const field in value) {
      const at = path ? `${path}.${field}` : field;
      const known = Object.hasOwn(shape, field) ? (shape as { readonly [field: string]: Shape })[field] : undefined;
      if (known === undefined) report.causes.push({ reason: 'FieldValueInvalid', field: '', message: `strict decoding error: unknown field ${JSON.stringify(at)}` });
      else checkShape(report, at, value[field], known);
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
