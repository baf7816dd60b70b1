// Subresources that read or write their parent through another kind of object: scale, binding, finalize.
import { ApiError } from '../../api/error.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import type { Kind, Subresource } from '../../api/kind.ts';
import { writeOwners, type Owner } from '../../api/patch/managed-fields.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { Item } from '../watch/item.ts';
import { exclusively } from './commit.ts';
import { apiVersionOf, receiveAs } from './receive.ts';
import { admit, mutate, open, writeContext, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { checkRevision, store } from './update.ts';
import { track } from './track.ts';

/** GET: throws ApiError NotFound for a parent that is not there. */
export function readSubresource(kind: Kind, { read }: Subresource<KubeObject>, parent: Item): Answer {
  if (!read) throw ApiError.methodNotAllowed(kind, 'get');
  return { type: 'object', code: 200, object: read(parent.object), warnings: [] };
}

/** POST and PUT. */
export function writeSubresource(registry: Registry, request: WriteRequest, subresource: Subresource<KubeObject>, isCreate: boolean): Promise<Answer> {
  const { kind, namespace, name, body, options } = request;
  const { draft, warnings } = receiveAs(shapeOf(subresource), body, options.fieldValidation);
  return exclusively(registry, kind, namespace, name, async () => {
    const item = await writeThrough(registry, request, subresource, await open(registry, kind, namespace, name), draft);
    if (!isCreate) return { type: 'object', code: 200, object: subresource.read?.(item.object) ?? item.object, warnings };
    return { type: 'object', code: 201, object: subresource.answer?.(item.object) ?? success, warnings };
  });
}

/** One write to the parent, within `exclusively`. `owners`: of the parent's fields afterwards, where an apply has said so. */
export async function writeThrough(registry: Registry, request: WriteRequest, subresource: Subresource<KubeObject>, before: Item, object: KubeObject, owners?: readonly Owner[]): Promise<Item> {
  const { kind, user, options } = request;
  checkRevision(kind, object, before, true);
  const dryRun = options.dryRun === true;
  const context = writeContext(registry, user);
  if (!subresource.read) await admitItself(registry, request, object, dryRun);
  const draft = draftOf(subresource.write(before.object, object as never, context));
  if (owners) draft.metadata.managedFields = writeOwners(owners) as never;
  else if (subresource.read) track(request, before.object, draft, context.nowMs);
  if (subresource.read) await admitParent(registry, request, before.object, draft, dryRun);
  if (kind.hasGeneration && !subresource.keepsGeneration && !sameJson(contentOf(draft), contentOf(before.object))) draft.metadata.generation = (before.object.metadata.generation ?? 0) + 1;
  return store(registry, kind, before, draft, dryRun);
}

/** What is sent is a view of the parent, which is what changes: admission is shown the view. */
async function admitParent(registry: Registry, { kind, namespace, name, user, subresource, warnings, annotate, waited }: WriteRequest, before: KubeObject, draft: KubeObject, dryRun: boolean): Promise<void> {
  const admission = { kind, verb: 'update', subresource, namespace, name, draft, before, user, dryRun, warnings, annotate, waited } as const;
  await mutate(registry, admission);
  if (kind.custom) {
    const causes = kind.validate?.(draft, before) ?? [];
    if (causes.length > 0) throw ApiError.invalid(kind, name, causes);
  }
  await admit(registry, admission);
}

/** What is sent is no view of the parent, but an object of its own (Binding): admission is shown that. */
async function admitItself(registry: Registry, { kind, namespace, name, user, subresource, warnings, annotate, waited }: WriteRequest, draft: KubeObject, dryRun: boolean): Promise<void> {
  const admission = { kind, verb: 'create', subresource, namespace, name, draft, user, dryRun, warnings, annotate, waited } as const;
  await mutate(registry, admission);
  await admit(registry, admission);
}

export function shapeOf({ group, version, kind }: Subresource<KubeObject>) {
  return { group, version, kind, schemaName: `io.k8s.api.${(group || 'core').split('.')[0]}.${version}.${kind}`, apiVersion: apiVersionOf({ group, version }) };
}

function contentOf({ metadata: _metadata, ...rest }: KubeObject): object {
  return { ...rest, status: undefined };
}

/** What a create answers that has nothing to show. */
export const success: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
