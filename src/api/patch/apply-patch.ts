// The one entry for patches that change an object that is there. (Server-side apply, which may also create one and
// keeps book of owners, is `server-side-apply.ts`.)
import { unreachable } from '../../base/assert.ts';
import { ApiError } from '../error.ts';
import type { Kind } from '../kind.ts';
import type { PatchType } from '../request.ts';
import type { KubeObject } from '../types.ts';
import { checkFields } from '../schema/check-fields.ts';
import { strictComplaints, strictDecodingError, type FieldValidation } from '../schema/field-validation.ts';
import { applyJsonPatch } from './json-patch.ts';
import { isObject } from './json.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

export interface Patched<T> {
  /** An own, unfrozen object that shares nothing with the current one or the patch. */
  readonly object: T;
  readonly warnings: readonly string[];
}

/**
 * `current` as the patch leaves it, with its fields checked and pruned. Throws BadRequest for a patch that cannot be
 * read, and Invalid for one that cannot be applied or whose result is no object of the kind.
 */
export function applyPatch<T extends KubeObject>(
  kind: Pick<Kind, 'kind' | 'version' | 'schemaName'>,
  type: Exclude<PatchType, 'apply'>,
  current: T,
  patch: unknown,
  validation: FieldValidation,
): Patched<T> {
  const object = patched(kind, type, current, patch);
  if (!isObject(object)) throw invalidPatch(patch, `json: cannot unmarshal ${Array.isArray(object) ? 'array' : typeof object} into Go value of type ${kind.version}.${kind.kind}`);
  const { unknown, typeErrors } = checkFields(kind.schemaName, object);
  if (typeErrors.length > 0) throw invalidPatch(patch, typeErrors[0]!);
  const complaints = validation === 'Ignore' ? [] : strictComplaints(unknown, []);
  if (validation === 'Strict' && complaints.length > 0) throw invalidPatch(patch, strictDecodingError(complaints));
  return { object: object as unknown as T, warnings: complaints };
}

function patched(kind: Pick<Kind, 'schemaName'>, type: Exclude<PatchType, 'apply'>, current: object, patch: unknown): unknown {
  switch (type) {
    case 'json': return applyJsonPatch(current, patch);
    case 'merge':
      if (!isObject(patch)) throw ApiError.badRequest('Invalid JSON Patch');
      return applyMergePatch(current, patch);
    case 'strategic': return applyStrategicMergePatch(kind.schemaName, current, patch);
    default: return unreachable(type);
  }
}

/** `"" is invalid: patch: Invalid value: "{…}": strict decoding error: …`: upstream names neither kind nor object here. */
function invalidPatch(patch: unknown, why: string): ApiError {
  return ApiError.invalid({ group: '', kind: '' }, '', [{ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(JSON.stringify(patch))}: ${why}`, field: 'patch' }]);
}
