// What a patch by a webhook or a policy makes of a draft.
import type { Kind } from '../../api/kind.ts';
import { checkShape } from '../../api/schema/check-fields.ts';
import type { KubeObject } from '../../api/types.ts';
import type { AdmissionRequest } from './admission.ts';

/**
 * The draft in place, with what it lost and what it won; checked and filled in as if it had been sent so. `as`: the form in which `changed` is.
 * What a connection is asked for by has no schema: who serves it checks it.
 */
export function changeDraft({ kind, verb, draft }: AdmissionRequest, as: Kind, changed: object): void {
  const isConnection = verb === 'connect';
  if (!isConnection) checkShape(as.storedAs ? as : kind, changed);
  const stored: object = as.storedAs ? as.storedAs.toStored(changed as KubeObject) : changed;
  const target = draft as unknown as Record<string, unknown>;
  for (const field of Object.keys(target)) if (!Object.hasOwn(stored, field)) delete target[field];
  Object.assign(target, stored);
  if (!isConnection) kind.defaults?.(draft!);
}
