// From a request's body to a draft: an own copy of the right kind, in the form that typed decoding gives it.
import { ApiError } from '../../api/error.ts';
import { draftOf } from '../../api/meta.ts';
import { validateFields } from '../../api/schema/field-validation.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Body, WriteRequest } from './registry.ts';
import { withoutOwners } from './track.ts';

export interface Received {
  readonly draft: KubeObject;
  readonly warnings: readonly string[];
}

interface Shape {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schemaName: string;
}

export function receive(request: WriteRequest): Received {
  const { kind, namespace, body, options } = request;
  // Who gives no manager's name, a part of this process, has nothing to say of owners either.
  const isUnnamed = options.fieldManager === undefined && !body.isOwn && isObject(body.value);
  const received = receiveAs(kind, isUnnamed ? { ...body, value: withoutOwners(body.value as unknown as KubeObject) } : body, options.fieldValidation);
  const { metadata } = received.draft;
  if (kind.namespaced) {
    metadata.namespace ||= namespace;
    if (metadata.namespace !== namespace) throw ApiError.badRequest('the namespace of the provided object does not match the namespace sent on the request');
  } else if (metadata.namespace === '') {
    delete metadata.namespace;
  }
  return received;
}

/** The body as an object of any shape in the schema; also for what subresources take (Scale, Binding). */
export function receiveAs(shape: Shape, body: Body, fieldValidation: WriteRequest['options']['fieldValidation'] = 'Warn'): Received {
  const { value } = body;
  if (!isObject(value)) throw ApiError.badRequest(`the object provided is unrecognized (must be of type ${shape.kind}): it is not an object`);
  const draft = (body.isOwn ? value : draftOf(value)) as unknown as KubeObject;
  checkType(shape, draft);
  const warnings = validateFields(shape, draft, fieldValidation, body.duplicates);
  draft.apiVersion = apiVersionOf(shape);
  draft.kind = shape.kind;
  draft.metadata ??= {} as KubeObject['metadata'];
  return { draft, warnings };
}

export function apiVersionOf({ group, version }: Pick<Shape, 'group' | 'version'>): string {
  return group ? `${group}/${version}` : version;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What leaves its kind or version out is taken to be what the path says. */
function checkType(shape: Shape, { kind, apiVersion }: KubeObject): void {
  if (kind && kind !== shape.kind) {
    const version = typeof apiVersion === 'string' ? apiVersion.split('/').at(-1)! : shape.version;
    throw ApiError.badRequest(
      `${kind} in version "${version}" cannot be handled as a ${shape.kind}: converting (${version}.${kind}) to (${shape.group || 'core'}.${shape.kind}): unknown conversion`,
    );
  }
  if (apiVersion && apiVersion !== apiVersionOf(shape)) {
    throw ApiError.badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(shape)})`);
  }
}

