// For subresources that are written as the whole Pod.
import { ApiError } from '../../error.ts';
import type { Pod } from '../../types.ts';

/** Throws ApiError when the Pod that is sent is not the one that the path names. */
export function checkSamePod({ metadata: given }: Pod, { metadata: { name, uid } }: Pod): void {
  if (given.name && given.name !== name) throw ApiError.badRequest(`the name of the object (${given.name}) does not match the name on the URL (${name})`);
  if (given.uid && given.uid !== uid) throw ApiError.conflict({ plural: 'pods' }, name, `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${uid}`);
}
