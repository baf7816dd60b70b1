// What a patch by a webhook or a policy is made against, and what it makes of a draft.
import type { Kind, Subresource, WriteContext } from '../../api/kind.ts';
import { draftOf } from '../../api/meta.ts';
import { checkShape } from '../../api/schema/check-fields.ts';
import type { Shaped } from '../../api/schema/schema.ts';
import type { KubeObject } from '../../api/types.ts';
import { shapeOf } from '../registry/subresource.ts';
import type { AdmissionRequest } from './admission.ts';

/** The draft, or what it replaces, as `as` shows it, or as the subresource does through which it is written. */
export function shown(request: AdmissionRequest, as: Kind, object: KubeObject): KubeObject {
  const through = throughOf(request);
  if (through) return (through.read?.(object) as KubeObject | undefined) ?? object;
  return as.storedAs ? as.storedAs.fromStored(object) : object;
}

/** Undefined for what a connection is asked for by, which has no schema: who serves it checks it. */
export function shapeOfDraft(request: AdmissionRequest, as: Kind): (Shaped & Pick<Kind, 'group' | 'version' | 'kind'>) | undefined {
  if (request.verb === 'connect') return undefined;
  const through = throughOf(request);
  if (through) return shapeOf(through);
  return as.storedAs ? as : request.kind;
}

/** The draft in place, with what it lost and what it won; checked and filled in as if it had been sent so. `changed`: it as it was `shown`, and changed. */
export function changeDraft(request: AdmissionRequest, as: Kind, changed: object, context: WriteContext): void {
  const { kind, verb, draft } = request;
  const shape = shapeOfDraft(request, as);
  if (shape) checkShape(shape, changed);
  const through = throughOf(request);
  if (through) return replace(draft!, through.read ? written(request, through, changed, context) : changed);
  replace(draft!, as.storedAs ? as.storedAs.toStored(changed as KubeObject) : changed);
  if (verb !== 'connect') kind.defaults?.(draft!);
}

/** The parent, as if the changed view had been written to what is stored. Who owns what is known already. */
function written({ before, draft }: AdmissionRequest, through: Subresource<KubeObject>, changed: object, context: WriteContext): object {
  const next = draftOf(through.write(before!, changed as never, context));
  const { managedFields } = draft!.metadata;
  if (managedFields) next.metadata.managedFields = managedFields;
  else delete next.metadata.managedFields;
  return next;
}

/** Undefined: the object itself is written, or its status. */
export function throughOf({ kind, verb, subresource }: AdmissionRequest): Subresource<KubeObject> | undefined {
  return subresource !== undefined && verb !== 'connect' ? kind.subresources?.[subresource] : undefined;
}

function replace(draft: KubeObject, by: object): void {
  const target = draft as unknown as Record<string, unknown>;
  for (const field of Object.keys(target)) if (!Object.hasOwn(by, field)) delete target[field];
  Object.assign(target, by);
}
