// The request option `fieldValidation`: what becomes of fields that the schema lacks or that stand twice.
import { ApiError } from '../error.ts';
import { checkShape } from './check-fields.ts';
import type { Shaped } from './schema.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

interface Of extends Shaped {
  readonly kind: string;
  readonly version: string;
}

/**
 * Checks, prunes and canonicalizes `draft` in place, and gives the warnings for the client (only for Warn).
 * Throws BadRequest for a wrong type, and with Strict for unknown and duplicate fields.
 * `duplicates` are what duplicateFields found in the request's text.
 */
export function validateFields(of: Of, draft: object, validation: FieldValidation, duplicates: readonly string[] = []): string[] {
  const { unknown, typeErrors } = checkShape(of, draft);
  if (typeErrors.length > 0) throw ApiError.badRequest(cannotBeHandled(of, typeErrors[0]!));
  if (validation === 'Ignore' || (unknown.length === 0 && duplicates.length === 0)) return [];
  const complaints = strictComplaints(unknown, duplicates);
  if (validation === 'Strict') throw ApiError.badRequest(cannotBeHandled(of, strictDecodingError(complaints)));
  return complaints;
}

/** One line each, as strict decoding words them. */
export function strictComplaints(unknown: readonly string[], duplicates: readonly string[]): string[] {
  return [...duplicates.map((path) => `duplicate field "${path}"`), ...unknown.map((path) => `unknown field "${path}"`)];
}

export function strictDecodingError(complaints: readonly string[]): string {
  return `strict decoding error: ${complaints.join(', ')}`;
}

/** `Pod in version "v1" cannot be handled as a Pod: …`: how the API server words every failure to decode a body. */
export function cannotBeHandled(of: Pick<Of, 'kind' | 'version'>, why: string): string {
  return `${of.kind} in version "${of.version}" cannot be handled as a ${of.kind}: ${why}`;
}
