// The kinds that the model knows: what may be in them, and the few rules that they have of their own.
import type { ResourceName } from '../../../src/api/request.ts';

export type Json = Record<string, any>;

export interface ModelKind {
  readonly resource: ResourceName;
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly isCustom: boolean;
  readonly hasStatus: boolean;
  readonly hasGeneration: boolean;
  readonly hasScale: boolean;
  /** What every new object has, before defaults. */
  readonly body: Json;
  /** Maps of texts, by their path. */
  readonly maps: readonly string[];
  /** Fields of one value, with the values that they are given; some are refused. */
  readonly fields: Readonly<Record<string, readonly unknown[]>>;
  /** What fields come back to that an apply has given up. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly statusFields: Readonly<Record<string, readonly unknown[]>>;
  /** Whether an object may be stored in the place of `before`. */
  readonly accepts: (object: Json, before: Json | undefined) => boolean;
  /** Fields by which lists and watches may select, and values. */
  readonly selectable: Readonly<Record<string, readonly string[]>>;
}

const metadataMaps = ['metadata.labels', 'metadata.annotations'];
const selector = { matchLabels: { app: 'x' } };
const containers = [{ name: 'c', image: 'i' }];

const isFrozenAs = (parts: readonly string[]) => (object: Json, before: Json | undefined) =>
  !before?.['immutable'] || (object['immutable'] === true && parts.every((part) => sameText(object[part], before[part])));

/** Absent is not empty: so it is upstream, whose patches tell the two apart. */
function sameText(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown) => JSON.stringify(value === undefined ? null : Object.entries(value as Json).sort(([x], [y]) => (x < y ? -1 : 1)));
  return sorted(a) === sorted(b);
}

const colors = ['red', 'green', 'blue'];
const hasGoodColor = ({ spec }: Json) => spec === undefined || ((spec.color === undefined || colors.includes(spec.color)) && (spec.replicas === undefined || (spec.replicas >= 0 && spec.replicas <= 10)));

const base = { isCustom: false, hasStatus: false, hasGeneration: false, hasScale: false, body: {}, fields: {}, defaults: {}, statusFields: {}, selectable: {}, accepts: () => true };

export const modelKinds: readonly ModelKind[] = [
  { ...base, resource: { group: '', version: 'v1', plural: 'configmaps' }, kind: 'ConfigMap', apiVersion: 'v1', namespaced: true, maps: [...metadataMaps, 'data'], fields: { immutable: [true] }, accepts: isFrozenAs(['data']) },
  { ...base, resource: { group: '', version: 'v1', plural: 'secrets' }, kind: 'Secret', apiVersion: 'v1', namespaced: true, body: { type: 'Opaque' }, maps: [...metadataMaps, 'data'], selectable: { type: ['Opaque', 'other'] } },
  {
    ...base, resource: { group: 'apps', version: 'v1', plural: 'deployments' }, kind: 'Deployment', apiVersion: 'apps/v1', namespaced: true, hasStatus: true, hasGeneration: true, hasScale: true,
    body: { spec: { replicas: 1, selector, template: { metadata: { labels: { app: 'x' } }, spec: { containers } } } }, maps: metadataMaps,
    fields: { 'spec.replicas': [1, 2, 3, -1], 'spec.minReadySeconds': [1, 2, 3], 'spec.revisionHistoryLimit': [1, 2] }, defaults: { 'spec.replicas': 1, 'spec.revisionHistoryLimit': 10 }, statusFields: { 'status.replicas': [1, 2, 3], 'status.observedGeneration': [1, 2] },
    accepts: ({ spec }) => spec?.replicas !== -1 && spec?.template !== undefined && spec?.selector !== undefined,
  },
  { ...base, resource: { group: 'scheduling.k8s.io', version: 'v1', plural: 'priorityclasses' }, kind: 'PriorityClass', apiVersion: 'scheduling.k8s.io/v1', namespaced: false, hasGeneration: true, body: { value: 7 }, maps: metadataMaps, fields: { description: ['a', 'b'], value: [7, 8] }, accepts: (object, before) => !before || object['value'] === before['value'] },
  {
    ...base, resource: { group: '', version: 'v1', plural: 'pods' }, kind: 'Pod', apiVersion: 'v1', namespaced: true, hasStatus: true, hasGeneration: true,
    body: { spec: { containers, automountServiceAccountToken: false } }, maps: metadataMaps, fields: {}, statusFields: { 'status.phase': ['Pending', 'Running', 'Succeeded'] },
    selectable: { 'spec.nodeName': ['', 'n1', 'n2'], 'status.phase': ['Pending', 'Running', 'Succeeded'] }, accepts: ({ spec }) => spec?.containers !== undefined,
  },
  {
    ...base, resource: { group: 'example.com', version: 'v1', plural: 'things' }, kind: 'Thing', apiVersion: 'example.com/v1', namespaced: true, isCustom: true, hasStatus: true, hasGeneration: true, hasScale: true,
    body: { spec: { replicas: 1 } }, maps: [...metadataMaps, 'spec.data'], fields: { 'spec.color': [...colors, 'yellow'], 'spec.replicas': [0, 1, 2, 11] }, statusFields: { 'status.phase': ['x', 'y'] },
    selectable: { 'spec.color': ['', ...colors] }, accepts: hasGoodColor,
  },
  { ...base, resource: { group: 'example.com', version: 'v1', plural: 'globes' }, kind: 'Globe', apiVersion: 'example.com/v1', namespaced: false, isCustom: true, hasGeneration: true, maps: [...metadataMaps, 'spec.data'], fields: { 'spec.color': [...colors, 'yellow'] }, accepts: hasGoodColor },
];

const customSchema = {
  type: 'object',
  properties: {
    spec: { type: 'object', properties: { color: { type: 'string', enum: colors }, replicas: { type: 'integer', minimum: 0, maximum: 10 }, data: { type: 'object', additionalProperties: { type: 'string' } } } },
    status: { type: 'object', properties: { phase: { type: 'string' }, replicas: { type: 'integer' } } },
  },
};

export const definitions: readonly Json[] = [
  {
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing', singular: 'thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: customSchema }, selectableFields: [{ jsonPath: '.spec.color' }], subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } } }],
    },
  },
  {
    metadata: { name: 'globes.example.com' },
    spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'globes', kind: 'Globe', singular: 'globe', listKind: 'GlobeList' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: customSchema } }] },
  },
];
