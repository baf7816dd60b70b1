// resourceVersion as clients give it: a decimal revision of the store.
import { ApiError, type FieldCause } from '../../api/error.ts';
import type { Revision } from '../../store/store.ts';

/** Undefined: none was given, or 0, which asks for nothing in particular. Throws ApiError for what is none, and for one to come. */
export function revisionOf(resourceVersion: string | undefined, newest: Revision): Revision | undefined {
  if (!resourceVersion || resourceVersion === '0') return undefined;
  if (!/^\d+$/.test(resourceVersion)) {
    const text = JSON.stringify(resourceVersion);
    throw ApiError.badRequest(`invalid resource version: resourceVersion: Invalid value: ${text}: strconv.ParseUint: parsing ${text}: invalid syntax`);
  }
  const revision = Number(resourceVersion);
  if (revision <= newest) return revision;
  const message = `Timeout: Too large resource version: ${resourceVersion}, current: ${newest}`;
  throw new ApiError(504, 'Timeout', message, { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 });
}

/** What may not be together, in upstream's words: all of it is told. */
export function forbidden(field: string, why: string): FieldCause {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${why}` };
}

export function invalidListOptions(causes: readonly FieldCause[]): ApiError {
  return ApiError.invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
}
