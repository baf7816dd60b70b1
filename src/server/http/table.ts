// What `kubectl get` prints: the columns of a kind with a row for each object, computed by the server.
import type { Column, Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Item } from '../watch/item.ts';
import type { Query } from './query.ts';

export interface TableOptions {
  readonly includeObject: Query['includeObject'];
  readonly version: 'v1' | 'v1beta1';
  readonly nowMs: number;
  /** A watch shows the columns only with its first event. */
  readonly withColumns: boolean;
}

export function tableOf({ columns = [] }: Pick<Kind, 'columns'>, items: readonly Pick<Item, 'object'>[], metadata: object, options: TableOptions): object {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withColumns ? columns.map(({ name, type, format = '', description, priority }) => ({ name, type: wireType(type), format, description, priority })) : [],
    rows: items.map(({ object }) => ({ cells: columns.map((column) => column.cell(object, options.nowMs)), object: rowObject(object, options) })),
  };
}

/** Metadata alone, for clients that need no more. */
export function partialOf(object: KubeObject, version: 'v1' | 'v1beta1' = 'v1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

function rowObject(object: KubeObject, { includeObject, version }: TableOptions): object | null {
  switch (includeObject) {
    case 'None':
      return null;
    case 'Metadata':
      return partialOf(object, version);
    case 'Object':
      return object;
  }
}

/** Ages are computed here, so that on the wire they are text. */
function wireType(type: Column<KubeObject>['type']): string {
  return type === 'date' ? 'string' : type;
}
