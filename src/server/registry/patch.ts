// PATCH: an object, its status or a subresource, changed by a document that says how.
import { ApiError } from '../../api/error.ts';
import type { Kind, Subresource } from '../../api/kind.ts';
import { applyPatch, validatePatchedFields } from '../../api/patch/apply-patch.ts';
import { readOwners, writeOwners, type Owner } from '../../api/patch/managed-fields.ts';
import { ownersAfterScale, ownersOfScale } from '../../api/patch/scale-owners.ts';
import { turningOf } from '../../api/kinds/versions.ts';
import { checkShape } from '../../api/schema/check-fields.ts';
import { cannotBeHandled } from '../../api/schema/field-validation.ts';
import type { KubeObject } from '../../api/types.ts';
import { exclusively } from './commit.ts';
import { createUnlessThere, nameMismatch } from './create.ts';
import { apiVersionOf } from './receive.ts';
import { itemAnswer, open, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { shapeOf, writeThrough } from './subresource.ts';
import { speaksOfOwners, withoutOwners } from './track.ts';
import { checkRevision, replace } from './update.ts';

export function patch(registry: Registry, request: WriteRequest, subresource?: Subresource<KubeObject>): Promise<Answer> {
  const { kind, namespace, name } = request;
  return exclusively(registry, kind, namespace, name, async () => {
    const isNew = request.patchType === 'apply' && request.subresource === undefined && !registry.cache.of(kind).get(namespace, name);
    if (isNew) {
      const { draft, warnings } = patchedAs(request, undefined, registry.clock.wallMs());
      draft.metadata.name ||= name;
      if (kind.namespaced) draft.metadata.namespace ||= namespace;
      return createUnlessThere(registry, request, draft, warnings);
    }
    const before = await open(registry, kind, namespace, name);
    if (subresource) {
      if (!subresource.read) throw ApiError.methodNotAllowed(kind, 'patch');
      const view = subresource.read(before.object) as KubeObject;
      const { draft, warnings, owners } = patchedView(request, subresource, before.object, view, registry.clock.wallMs());
      const item = await writeThrough(registry, request, subresource, before, draft, owners);
      return { type: 'object', code: 200, object: subresource.read(item.object), warnings };
    }
    const { draft, warnings } = patchedAs(request, before.object, registry.clock.wallMs());
    if (draft.metadata.name !== name) throw nameMismatch(draft.metadata.name, name);
    checkRevision(kind, draft, before);
    return itemAnswer(kind, await replace(registry, request, before, draft), 200, warnings);
  });
}

/** A subresource's object. `owners`: after an apply, the parent's. */
function patchedView(request: WriteRequest, subresource: Subresource<KubeObject>, parent: KubeObject, view: KubeObject, nowMs: number): Patched & { readonly owners?: readonly Owner[] } {
  const { replicasPath } = subresource;
  if (request.patchType !== 'apply' || !replicasPath) return patched(request, shapeOf(subresource), view, nowMs);
  const before = readOwners(parent.metadata) ?? [];
  const current = { ...view, metadata: { ...view.metadata, managedFields: writeOwners(ownersOfScale(before, replicasPath)) } } as unknown as KubeObject;
  const { draft, warnings } = patched(request, shapeOf(subresource), current, nowMs);
  const owners = ownersAfterScale(before, readOwners(draft.metadata) ?? [], replicasPath, apiVersionOf(request.as ?? request.kind));
  return { draft: withoutOwners(draft), warnings, owners };
}

/** In the form that the patch is for, and then as it is stored. */
function patchedAs(request: WriteRequest, stored: KubeObject | undefined, nowMs: number): Patched {
  const { kind, as } = request;
  if (!as) return patched(request, kind, stored, nowMs);
  const { draft, warnings } = patched(request, as, stored && as.storedAs!.fromStored(stored), nowMs);
  as.defaults?.(draft);
  const turned = as.storedAs!.toStored(draft);
  const { typeErrors } = checkShape(kind, turned);
  if (typeErrors.length > 0) throw ApiError.badRequest(cannotBeHandled(as, typeErrors[0]!));
  return { draft: turned, warnings };
}

interface Patched {
  readonly draft: KubeObject;
  readonly warnings: readonly string[];
}

type Shape = Pick<Kind, 'group' | 'version' | 'kind' | 'schemaName'>;

/** What is there is as it should be, so what is wrong afterwards came with the patch. */
function patched(request: WriteRequest, shape: Shape, current: KubeObject | undefined, nowMs: number): Patched {
  const { patchType = 'merge', body, options, subresource } = request;
  const draft = applyPatch(shape, patchType, patchType === 'apply' || speaksOfOwners(body.value) ? current : withoutOwners(current), body.value, { ...options, subresource, nowMs, turning: turningOf(request.kind, request.as ?? request.kind) });
  const warnings = validatePatchedFields(shape, draft, body.value, options.fieldValidation ?? 'Warn', body.duplicates);
  draft['metadata'] ??= {};
  return { draft: draft as unknown as KubeObject, warnings };
}
