// A plug-in's refusal: `pods "web" is forbidden: …`.
import { ApiError } from '../../api/error.ts';
import type { AdmissionRequest } from './admission.ts';

/** An object without a name yet is called by its generateName, as upstream does. */
export function forbidden({ kind, name, draft, before }: AdmissionRequest, why: string): ApiError {
  const { metadata } = draft ?? before ?? {};
  return ApiError.forbidden(kind, name || metadata?.name || metadata?.generateName || 'Unknown', why);
}
