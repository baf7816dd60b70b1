// What nodes and Pods use, as metrics.k8s.io shows it: computed when it is asked for, never stored.
import type { Column } from '../kind.ts';
import { addQuantities, formatQuantity, quantity } from '../quantity.ts';
import type { KubeObject } from '../types.ts';
import { nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';

export interface ResourceUsage {
  readonly cpu: string;
  readonly memory: string;
}

export interface NodeMetrics extends KubeObject {
  /** The end of the window. */
  readonly timestamp: string;
  /** The time over which CPU was averaged, as Go writes durations. */
  readonly window: string;
  readonly usage: ResourceUsage;
}

export interface PodMetrics extends KubeObject {
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly { readonly name: string; readonly usage: ResourceUsage }[];
}

const group = 'metrics.k8s.io';
const version = 'v1beta1';
const verbs = ['get', 'list'] as const;
const window: Column<NodeMetrics | PodMetrics> = text('Window', 'The time over which CPU was averaged.', (metrics) => metrics.window);

export const nodeMetrics = defineKind<NodeMetrics>({
  kind: 'NodeMetrics', group, version, verbs, schemaName: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics', plural: 'nodes', singular: '', namespaced: false,
  columns: [
    nameColumn,
    text('cpu', 'CPU, averaged over the window.', ({ usage }) => usage.cpu),
    text('memory', 'The working set of memory.', ({ usage }) => usage.memory),
    window,
  ],
});

export const podMetrics = defineKind<PodMetrics>({
  kind: 'PodMetrics', group, version, verbs, schemaName: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics', plural: 'pods', singular: '',
  columns: [
    nameColumn,
    text('cpu', 'CPU of all containers, averaged over the window.', ({ containers }) => sum(containers, 'cpu')),
    text('memory', 'The working sets of all containers.', ({ containers }) => sum(containers, 'memory')),
    window,
  ],
});

function sum(containers: PodMetrics['containers'], resource: keyof ResourceUsage): string {
  const [first, ...rest] = containers.map(({ usage }) => quantity(usage[resource]));
  return first ? formatQuantity(rest.reduce(addQuantities, first)) : '0';
}
