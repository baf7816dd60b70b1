// The one entry for patches of every type.
import { unreachable } from '../../base/assert.ts';
import { ApiError } from '../error.ts';
import type { PatchType } from '../request.ts';
import { checkShape } from '../schema/check-fields.ts';
import { strictComplaints, strictDecodingError, type FieldValidation } from '../schema/field-validation.ts';
import type { Of } from './differences-by-version.ts';
import { applyJsonPatch } from './json-patch.ts';
import { isObject, type JsonObject } from './json.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyServerSide, type ApplyOptions } from './server-side-apply.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

/**
 * `current` as the patch leaves it: an own, unfrozen object that shares nothing with `current` or `patch`. Its fields
 * are not checked: see validatePatchedFields. `options` are for `apply` alone. `current` is undefined only for an `apply` that creates.
 * Throws BadRequest for a patch that cannot be read, and Invalid or Conflict for one that cannot be applied.
 */
export function applyPatch(of: Of, type: PatchType, current: object | undefined, patch: unknown, options: ApplyOptions): JsonObject {
  const patched = type === 'apply' ? applyServerSide(of, current, patch, options) : perform(of, type, current ?? {}, patch);
  if (isObject(patched)) return patched;
  throw invalidPatch(patch, `json: cannot unmarshal ${Array.isArray(patched) ? 'array' : typeof patched} into Go value of type ${of.version}.${of.kind}`);
}

function perform(of: Of, type: Exclude<PatchType, 'apply'>, current: object, patch: unknown): unknown {
  switch (type) {
    case 'json': return applyJsonPatch(current, patch);
    case 'merge':
      if (!isObject(patch)) throw ApiError.badRequest('Invalid JSON Patch');
      return applyMergePatch(current, patch);
    case 'strategic':
      if (of.schema) throw ApiError.unsupportedMediaType(ofCustomKinds);
      return applyStrategicMergePatch(of.schemaName, current, patch);
    default: return unreachable(type);
  }
}

/** A strategic merge needs to know the type's Go struct, and there is none. */
const ofCustomKinds = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml', 'application/apply-patch+cbor'];

/**
 * Checks and prunes what a patch left, as validateFields does for a whole object, in the words that upstream has for
 * patches: what is wrong must have come with the patch. Gives the warnings.
 */
export function validatePatchedFields(of: Of, draft: object, patch: unknown, validation: FieldValidation, duplicates: readonly string[] = []): string[] {
  const { unknown, typeErrors } = checkShape(of, draft);
  if (typeErrors.length > 0) throw invalidPatch(patch, typeErrors[0]!);
  const complaints = validation === 'Ignore' ? [] : strictComplaints(unknown, duplicates);
  if (validation === 'Strict' && complaints.length > 0) throw invalidPatch(patch, strictDecodingError(complaints));
  return complaints;
}

/** ` "" is invalid: patch: Invalid value: "{…}": strict decoding error: …`: upstream names neither kind nor object here. */
function invalidPatch(patch: unknown, why: string): ApiError {
  return ApiError.invalid({ group: '', kind: '' }, '', [{ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(JSON.stringify(patch))}: ${why}`, field: 'patch' }]);
}
