// What can be done at which path, before it is written as OpenAPI v2 or v3.
import { servedGroups, type ServedResource, type ServedVersion } from '../../discovery/served.ts';
import type { Kind } from '../../kind.ts';
import type { GroupVersionKind } from '../schema.ts';
import { definitionNameOf } from './definitions.ts';

export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly id: string;
  readonly description: string;
  /** `x-kubernetes-action`. */
  readonly action: string;
  readonly gvk: GroupVersionKind;
  readonly tag: string;
  readonly query: readonly QueryParameter[];
  /** On a kind that a CustomResourceDefinition declares. */
  readonly isCustom: boolean;
  /** Names of definitions. */
  readonly body?: string;
  readonly answer: string;
}

export interface QueryParameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

export interface VersionOperations {
  /** `api/v1` or `apis/apps/v1`. */
  readonly root: string;
  readonly group: string;
  readonly version: string;
  readonly operations: readonly Operation[];
}

export const metaV1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Every path of the kinds, by group and version. */
export function operationsOf(kinds: readonly Kind[]): VersionOperations[] {
  return servedGroups(kinds).flatMap(({ versions }) =>
    versions.map((served) => {
      const root = served.group === '' ? `api/${served.version}` : `apis/${served.group}/${served.version}`;
      return { root, group: served.group, version: served.version, operations: served.resources.flatMap((resource) => operationsOn(resource, root, served)) };
    }),
  );
}

const parameter = (name: string, type: QueryParameter['type'], description: string): QueryParameter => ({ name, type, description });
const dryRun = parameter('dryRun', 'string', 'With All, the request is processed whole but nothing is stored.');
const fieldManager = parameter('fieldManager', 'string', 'The name of the actor that makes the change.');
const fieldValidation = parameter('fieldValidation', 'string', 'What becomes of unknown and duplicate fields: Ignore, Warn or Strict.');
const force = parameter('force', 'boolean', 'Take over fields that other managers own; for apply patches only.');
const deleting = [
  dryRun,
  parameter('gracePeriodSeconds', 'integer', 'Seconds until the object is removed; 0 removes it at once.'),
  parameter('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  parameter('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const listing = [
  parameter('allowWatchBookmarks', 'boolean', 'Send BOOKMARK events in a watch.'),
  parameter('continue', 'string', 'The token of the answer that this list goes on from.'),
  parameter('fieldSelector', 'string', 'Only objects whose fields match.'),
  parameter('labelSelector', 'string', 'Only objects whose labels match.'),
  parameter('limit', 'integer', 'At most so many objects in one answer.'),
  parameter('resourceVersion', 'string', 'The version to read at or watch from.'),
  parameter('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  parameter('sendInitialEvents', 'boolean', 'Begin a watch with what is there.'),
  parameter('timeoutSeconds', 'integer', 'End the call after so long.'),
  parameter('watch', 'boolean', 'Watch instead of list.'),
];

function operationsOn({ kind, response, verbs, subresources }: ServedResource, root: string, served: ServedVersion): Operation[] {
  const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
  const all = `/${root}${scope}/${kind.plural}`;
  const one = `${all}/{name}`;
  const name = idParts(served, kind);
  const isCustom = kind.custom !== undefined;
  const base = { gvk: response, tag: name.tag, isCustom };
  const own = kind.schemaName;
  const list = `${own}List`;

  const possible: Operation[] = [
    { ...base, path: all, method: 'get', action: 'list', id: name.of('list'), description: `list or watch objects of kind ${kind.kind}`, query: listing, answer: list },
    { ...base, path: all, method: 'post', action: 'post', id: name.of('create'), description: `create a ${kind.kind}`, query: [dryRun, fieldManager, fieldValidation], body: own, answer: own },
    { ...base, path: all, method: 'delete', action: 'deletecollection', id: name.of('delete', 'Collection'), description: `delete collection of ${kind.kind}`, query: [...deleting, ...listing], body: `${metaV1}.DeleteOptions`, answer: `${metaV1}.Status` },
    { ...base, path: one, method: 'get', action: 'get', id: name.of('read'), description: `read the specified ${kind.kind}`, query: [], answer: own },
    { ...base, path: one, method: 'put', action: 'put', id: name.of('replace'), description: `replace the specified ${kind.kind}`, query: [dryRun, fieldManager, fieldValidation], body: own, answer: own },
    { ...base, path: one, method: 'patch', action: 'patch', id: name.of('patch'), description: `partially update the specified ${kind.kind}`, query: [dryRun, fieldManager, fieldValidation, force], body: `${metaV1}.Patch`, answer: own },
    { ...base, path: one, method: 'delete', action: 'delete', id: name.of('delete'), description: `delete a ${kind.kind}`, query: deleting, body: `${metaV1}.DeleteOptions`, answer: `${metaV1}.Status` },
  ];
  const found = possible.filter(({ action }) => verbs.includes(verbOf[action] ?? action));
  if (kind.namespaced && verbs.includes('list')) {
    found.push({ ...base, path: `/${root}/${kind.plural}`, method: 'get', action: 'list', id: name.forAll, description: `list or watch objects of kind ${kind.kind}`, query: listing, answer: list });
  }
  for (const sub of subresources) {
    const shape = sub.response.kind === kind.kind && sub.response.group === kind.group ? own : definitionNameOf(sub.response);
    if (!shape || kind.connects?.includes(sub.name)) continue; // streams have no object
    const at = { gvk: sub.response, tag: name.tag, isCustom, path: `${one}/${sub.name}`, answer: shape };
    const title = sub.name.charAt(0).toUpperCase() + sub.name.slice(1);
    const writing = [dryRun, fieldManager, fieldValidation];
    if (sub.verbs.includes('get')) found.push({ ...at, method: 'get', action: 'get', id: name.of('read') + title, description: `read ${sub.name} of the specified ${kind.kind}`, query: [] });
    if (sub.verbs.includes('create')) found.push({ ...at, method: 'post', action: 'post', id: name.of('create') + title, description: `create ${sub.name} of a ${kind.kind}`, query: writing, body: shape });
    if (sub.verbs.includes('update')) found.push({ ...at, method: 'put', action: 'put', id: name.of('replace') + title, description: `replace ${sub.name} of the specified ${kind.kind}`, query: writing, body: shape });
    if (sub.verbs.includes('patch')) found.push({ ...at, method: 'patch', action: 'patch', id: name.of('patch') + title, description: `partially update ${sub.name} of the specified ${kind.kind}`, query: [...writing, force], body: `${metaV1}.Patch` });
  }
  return found;
}

const verbOf: Readonly<Record<string, string>> = { post: 'create', put: 'update' };

/** `listCoreV1NamespacedPod`, `deleteAppsV1CollectionNamespacedDeployment`, `listCoreV1PodForAllNamespaces`. */
function idParts({ group, version }: ServedVersion, kind: Kind) {
  const title = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  const first = group === '' ? 'core' : group.split('.')[0]!;
  const api = title(first) + title(version);
  const scope = kind.namespaced ? 'Namespaced' : '';
  return {
    tag: `${first}_${version}`,
    of: (verb: string, many = '') => `${verb}${api}${many}${scope}${kind.kind}`,
    forAll: `list${api}${kind.kind}ForAllNamespaces`,
  };
}
