// What exec, attach, port-forward and proxy are asked for by. Upstream reads the query into an object of a kind of its own; it is never
// stored, but admission is shown it, and may change it.
import { ApiError } from './error.ts';
import { sameJson } from './meta.ts';
import type { KubeObject } from './types.ts';

type FieldType = 'flag' | 'text' | 'texts' | 'numbers';

interface Form {
  readonly kind: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  /** Shown when it is empty, too. */
  readonly always?: string;
}

const streams = { stdin: 'flag', stdout: 'flag', stderr: 'flag', tty: 'flag', container: 'text' } as const;

/** As `k8s.io/api/core/v1` has them. */
const forms: Readonly<Record<string, Form>> = {
  'pods/exec': { kind: 'PodExecOptions', fields: { ...streams, command: 'texts' }, always: 'command' },
  'pods/attach': { kind: 'PodAttachOptions', fields: streams },
  'pods/portforward': { kind: 'PodPortForwardOptions', fields: { ports: 'numbers' } },
  'pods/proxy': { kind: 'PodProxyOptions', fields: { path: 'text' } },
  'services/proxy': { kind: 'ServiceProxyOptions', fields: { path: 'text' } },
  'nodes/proxy': { kind: 'NodeProxyOptions', fields: { path: 'text' } },
};

export type Query = Readonly<Record<string, readonly string[]>>;

/** Fields that are false or empty are left out, as in Kubernetes' JSON. What is no number of a port is, too: who serves the stream refuses it. */
export function connectOptions(plural: string, subresource: string, query: Query): KubeObject {
  const { kind, fields, always } = forms[`${plural}/${subresource}`]!;
  const options: Record<string, unknown> = { kind, apiVersion: 'v1' };
  for (const [name, type] of Object.entries(fields)) {
    const value = readers[type](query[name] ?? []);
    if (value !== undefined) options[name] = value;
    else if (name === always) options[name] = [];
  }
  return options as unknown as KubeObject;
}

/** The query that asks for what admission has left: as it came, where that is the same. Throws ApiError InternalError for what it must not leave so. */
export function queryOf(plural: string, subresource: string, options: KubeObject, query: Query): Query {
  if (sameJson(options, connectOptions(plural, subresource, query))) return query;
  const { kind, fields } = forms[`${plural}/${subresource}`]!;
  const values = options as unknown as Readonly<Record<string, unknown>>;
  if (values['kind'] !== kind || values['apiVersion'] !== 'v1') throw ApiError.of(new Error(`expected v1, Kind=${kind}, got ${String(values['apiVersion'])}, Kind=${String(values['kind'])}`));
  const asked: Record<string, readonly string[]> = { ...query };
  for (const [name, type] of Object.entries(fields)) {
    const value = values[name];
    delete asked[name];
    if (value === undefined || value === null || value === false) continue;
    const all = type === 'texts' || type === 'numbers' ? value : [value];
    if (!Array.isArray(all) || all.some((one) => typeof one !== typesOfValues[type])) throw ApiError.of(new Error(`${kind}.${name} is not of type ${type === 'texts' ? '[]string' : type === 'numbers' ? '[]int32' : type === 'flag' ? 'bool' : 'string'}`));
    if (all.length > 0) asked[name] = all.map(String);
  }
  return asked;
}

const typesOfValues: Readonly<Record<FieldType, string>> = { flag: 'boolean', text: 'string', texts: 'string', numbers: 'number' };

const readers: Readonly<Record<FieldType, (values: readonly string[]) => unknown>> = {
  flag: ([value]) => isSet(value) || undefined,
  text: ([value]) => value || undefined,
  texts: (values) => (values.length > 0 ? values : undefined),
  numbers(values) {
    const numbers = values.flatMap((value) => value.split(',')).filter((value) => /^\d{1,5}$/.test(value)).map(Number);
    return numbers.length > 0 ? numbers : undefined;
  },
};

/** Absent: false; present: true, unless it says otherwise. As the API reads its boolean parameters. */
export function isSet(value: string | null | undefined): boolean {
  return value !== null && value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
}

/** The same as the room of streams reads it. */
export function parametersOf(query: Query): URLSearchParams {
  return new URLSearchParams(Object.entries(query).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])));
}
