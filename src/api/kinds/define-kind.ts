// Fills in what most kinds have in common, so that a kind's own file is a small table of what is special about it.
import type { Column, Kind } from '../kind.ts';
import type { KubeObject } from '../types.ts';
import { ageColumn, nameColumn } from './columns.ts';

type Table<T extends KubeObject> = Partial<Kind<T>> & Pick<Kind<T>, 'kind'>;

/** Unless the table says otherwise: core/v1, namespaced, no status, plural with an `s`, columns NAME and AGE. */
export function defineKind<T extends KubeObject>(table: Table<T>): Kind<T> {
  const { kind, group = '', version = 'v1' } = table;
  const singular = kind.toLowerCase();
  const columns: readonly Column<T>[] = [nameColumn, ageColumn];
  return {
    group,
    version,
    plural: `${singular}s`,
    singular,
    listKind: `${kind}List`,
    namespaced: true,
    shortNames: [],
    categories: [],
    hasStatus: false,
    hasGeneration: false,
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: false,
    schemaName: `io.k8s.api.${(group || 'core').split('.')[0]}.${version}.${kind}`,
    columns,
    ...table,
  };
}
