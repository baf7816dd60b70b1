// Which of its names a definition may have, beside those that others of its group have already.
import type { CustomResourceDefinition } from '../../api/types.ts';

export type Names = CustomResourceDefinition['spec']['names'];

export interface NamesVerdict {
  readonly accepted: Names;
  /** Undefined: all that were asked for. */
  readonly conflict?: { readonly reason: string; readonly message: string };
}

export function acceptNames(definition: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): NamesVerdict {
  const group = others.filter(({ spec, metadata }) => spec.group === definition.spec.group && metadata.name !== definition.metadata.name);
  const taken = group.map(({ status }) => status.acceptedNames).filter((names) => names !== undefined);
  const resources = new Set(taken.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames]));
  const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind]));
  const wanted = definition.spec.names;
  const before: Partial<Names> = definition.status.acceptedNames ?? {};
  const accepted: Record<string, unknown> = { ...before, categories: wanted.categories };
  let conflict: NamesVerdict['conflict'];
  const claim = (field: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string | undefined>, reason: string) => {
    const name = wanted[field];
    if (name && name !== before[field] && used.has(name)) conflict = { reason, message: `${JSON.stringify(name)} is already in use` };
    else accepted[field] = name;
  };
  claim('plural', resources, 'PluralConflict');
  claim('singular', resources, 'SingularConflict');
  const clashing = (wanted.shortNames ?? []).filter((name) => !before.shortNames?.includes(name) && resources.has(name)).map((name) => `${JSON.stringify(name)} is already in use`);
  if (clashing.length > 0) conflict = { reason: 'ShortNamesConflict', message: clashing.length === 1 ? clashing[0]! : `[${clashing.join(', ')}]` };
  else accepted['shortNames'] = wanted.shortNames;
  claim('kind', kinds, 'KindConflict');
  claim('listKind', kinds, 'ListKindConflict');
  const defined = Object.fromEntries(Object.entries({ plural: '', kind: '', ...accepted }).filter(([, value]) => value !== undefined));
  return { accepted: defined as unknown as Names, conflict };
}
