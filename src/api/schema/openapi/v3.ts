// OpenAPI v3 (`/openapi/v3`): an index, and a document for each group and version. kubectl from 1.27 explains with it,
// and looks there whether the server validates fields.
import { createHash } from 'node:crypto';
import type { Kind } from '../../kind.ts';
import { v3Style, writeDefinitions, type Json } from './definitions.ts';
import { operationsOf, type Operation, type VersionOperations } from './operations.ts';
import { patchTypesOf } from './v2.ts';

/** Documents by their root (`api/v1`, `apis/apps/v1`), each at a URL that changes with its content. */
export function openApiV3Index(kinds: readonly Kind[], version?: string): Json {
  const groups = Map.groupBy(kinds, (kind) => `${kind.group}/${kind.version}`);
  const paths = [...groups.values()].flatMap((own) => operationsOf(own).map((served) => [served.root, { serverRelativeURL: `/openapi/v3/${served.root}?hash=${hashOf(own, served, version)}` }]));
  return { paths: Object.fromEntries(paths) };
}

/** By the first of its kinds: most groups never change, and to write them all anew for one that did would take long. */
const hashes = new WeakMap<Kind, { readonly kinds: readonly Kind[]; readonly hash: string }>();

function hashOf(kinds: readonly Kind[], served: VersionOperations, version: string | undefined): string {
  const known = hashes.get(kinds[0]!);
  if (known && known.kinds.length === kinds.length && known.kinds.every((kind, i) => kind === kinds[i])) return known.hash;
  const hash = createHash('sha512').update(JSON.stringify(writeDocument(served, kinds, version))).digest('hex').toUpperCase();
  hashes.set(kinds[0]!, { kinds, hash });
  return hash;
}

/** Undefined when nothing of the group and version is served. */
export function openApiV3Document(group: string, version: string, kinds: readonly Kind[], serverVersion?: string): Json | undefined {
  const own = kinds.filter((kind) => kind.group === group && kind.version === version);
  const served = operationsOf(own)[0];
  return served && writeDocument(served, own, serverVersion);
}

function writeDocument({ operations }: VersionOperations, kinds: readonly Kind[], version = 'v1.36.0'): Json {
  const roots = new Set(operations.flatMap(({ body, answer }) => (body ? [body, answer] : [answer])));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = (paths[operation.path] ??= pathParameters(operation.path));
    path[operation.method] = writeOperation(operation);
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version }, paths, components: { schemas: writeDefinitions(roots, v3Style, kinds) } };
}

function pathParameters(path: string): Record<string, unknown> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } }));
  return names.length > 0 ? { parameters: names } : {};
}

function writeOperation({ isCustom, id, description, action, gvk, tag, query, body, answer }: Operation): Json {
  const parameters = query.map(({ name, type, description: about }) => ({ name, in: 'query', description: about, schema: { type, uniqueItems: true } }));
  const content = (types: readonly string[], name: string) => Object.fromEntries(types.map((type) => [type, { schema: { $ref: v3Style.refPrefix + name } }]));
  return {
    description,
    tags: [tag],
    operationId: id,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { content: content(action === 'patch' ? patchTypesOf(isCustom) : ['*/*'], body) } } : {}),
    responses: { 200: { description: 'OK', content: content(['application/json', 'application/yaml'], answer) }, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  };
}
