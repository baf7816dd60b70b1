// The ComponentStatus: whether a part of the control plane works. Asked when it is asked for, never stored; and deprecated.
import type { KubeObject } from '../types.ts';
import { nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { deprecationOf } from './lifecycles.ts';

export interface ComponentStatus extends KubeObject {
  readonly conditions: readonly { readonly type: string; readonly status: 'True' | 'False' | 'Unknown'; readonly message?: string; readonly error?: string }[];
}

const healthOf = ({ conditions }: ComponentStatus) => conditions.find(({ type }) => type === 'Healthy');

export const componentStatuses = defineKind<ComponentStatus>({
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  deprecation: deprecationOf('', 'v1', 'ComponentStatus'),
  columns: [
    nameColumn,
    text('Status', 'Whether it works.', (component) => ({ True: 'Healthy', False: 'Unhealthy', Unknown: 'Unknown' })[healthOf(component)?.status ?? 'Unknown']),
    text('Message', 'What it says of itself.', (component) => healthOf(component)?.message ?? ''),
    text('Error', 'Why it could not be asked.', (component) => healthOf(component)?.error ?? ''),
  ],
});
