// OpenAPI v2 (`/openapi/v2`): one document for everything. kubectl up to 1.26 explains and validates with it.
import type { Kind } from '../../kind.ts';
import { v2Style, writeDefinitions, type Json } from './definitions.ts';
import { operationsOf, type Operation } from './operations.ts';

export function openApiV2Document(kinds: readonly Kind[], version = 'v1.36.0'): Json {
  const operations = operationsOf(kinds).flatMap((served) => served.operations);
  const roots = new Set(operations.flatMap(({ body, answer }) => (body ? [body, answer] : [answer])));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = (paths[operation.path] ??= pathParameters(operation.path));
    path[operation.method] = writeOperation(operation);
  }
  return { swagger: '2.0', info: { title: 'Kubernetes', version }, paths, definitions: writeDefinitions(roots, v2Style, kinds) };
}

function pathParameters(path: string): Record<string, unknown> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, type: 'string', uniqueItems: true }));
  return names.length > 0 ? { parameters: names } : {};
}

function writeOperation({ isCustom, id, description, action, gvk, tag, query, body, answer }: Operation): Json {
  const parameters = query.map(({ name, type, description: about }) => ({ name, in: 'query', type, description: about, uniqueItems: true }));
  const bodyParameter = { name: 'body', in: 'body', required: action !== 'delete' && action !== 'deletecollection', schema: { $ref: v2Style.refPrefix + (body ?? '') } };
  return {
    description,
    tags: [tag],
    operationId: id,
    consumes: action === 'patch' ? patchTypesOf(isCustom) : ['*/*'],
    produces: ['application/json', 'application/yaml'],
    parameters: body ? [bodyParameter, ...parameters] : parameters,
    responses: { 200: { description: 'OK', schema: { $ref: v2Style.refPrefix + answer } }, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  };
}

/** A strategic merge needs to know more of a type than a schema says. */
export function patchTypesOf(isCustom: boolean): readonly string[] {
  return isCustom ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes;
}

const patchTypes: readonly string[] = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'];
