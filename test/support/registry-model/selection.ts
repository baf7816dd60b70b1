// Selectors of lists, watches and deletions, by chance, with what they mean.
import type { RequestOptions } from '../../../src/api/request.ts';
import type { Chance } from './chance.ts';
import { read } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';

export interface Selection {
  readonly namespace: string | undefined;
  readonly options: Pick<RequestOptions, 'labelSelector' | 'fieldSelector'>;
  readonly matches: (object: Json) => boolean;
}

export const namespaces = ['a', 'b'];
export const names = ['n0', 'n1', 'n2', 'n3'];
export const labelValues = ['x', 'y', 'z'];
const everything = () => true;

export function someSelection(chance: Chance, kind: ModelKind): Selection {
  const namespace = kind.namespaced && !chance.oneIn(3) ? chance.of(namespaces) : undefined;
  const [labelSelector, byLabel] = chance.oneIn(2) ? ['', everything] : someLabels(chance);
  const [fieldSelector, byField] = chance.oneIn(2) ? ['', everything] : someFields(chance, kind);
  return {
    namespace,
    options: { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) },
    matches: (object) => (namespace === undefined || object['metadata'].namespace === namespace) && byLabel(object) && byField(object),
  };
}

function someLabels(chance: Chance): [string, (object: Json) => boolean] {
  const [a, b] = [chance.of(labelValues), chance.of(labelValues)];
  const label = ({ metadata }: Json, name: string): string | undefined => metadata.labels?.[name];
  switch (chance.below(7)) {
    case 0: return [`l=${a}`, (object) => label(object, 'l') === a];
    case 1: return [`l!=${a}`, (object) => label(object, 'l') !== a];
    case 2: return [`l in (${a},${b})`, (object) => [a, b].includes(label(object, 'l') ?? '')];
    case 3: return [`l notin (${a},${b}),m`, (object) => ![a, b].includes(label(object, 'l') ?? '') && label(object, 'm') !== undefined];
    case 4: return ['l', (object) => label(object, 'l') !== undefined];
    case 5: return ['!l', (object) => label(object, 'l') === undefined];
    default: return [`l=${a},m==${b}`, (object) => label(object, 'l') === a && label(object, 'm') === b];
  }
}

function someFields(chance: Chance, kind: ModelKind): [string, (object: Json) => boolean] {
  const name = chance.of(names);
  const field = chance.of(['metadata.name', 'metadata.name', ...(kind.namespaced ? ['metadata.namespace'] : []), ...Object.keys(kind.selectable)]);
  if (field === 'metadata.name') return chance.oneIn(3) ? [`${field}!=${name}`, ({ metadata }) => metadata.name !== name] : [`${field}=${name}`, ({ metadata }) => metadata.name === name];
  if (field === 'metadata.namespace') return [`${field}=a`, ({ metadata }) => metadata.namespace === 'a'];
  const value = chance.of(kind.selectable[field]!);
  const at = (object: Json) => read(object, field) ?? '';
  return chance.oneIn(4) ? [`${field}!=${value}`, (object) => at(object) !== value] : [`${field}=${value}`, (object) => at(object) === value];
}
