// The CSINode: which storage drivers a node has. Data only: none is run here.
import type { CSINode } from '../types.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';

export const csiNodes = defineKind<CSINode>({
  kind: 'CSINode',
  group: 'storage.k8s.io',
  namespaced: false,
  defaults(draft) {
    draft.spec ??= { drivers: [] };
  },
  columns: [nameColumn, integer('Drivers', 'How many drivers the node has.', ({ spec }) => spec.drivers?.length ?? 0), ageColumn],
});
