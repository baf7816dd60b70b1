// The one catalogue of errors that the API gives: each is a Status with Kubernetes' reason, code and words.
import type { Status } from './types.ts';

export interface FieldCause {
  /** FieldValueInvalid, FieldValueRequired, FieldValueDuplicate, FieldValueNotSupported … */
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

interface Of {
  readonly group?: string;
  /** The plural, as in `pods "web" not found`. */
  readonly plural: string;
}

const qualified = (of: Of) => (of.group ? `${of.plural}.${of.group}` : of.plural);

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly details: Status['details'];
  /** The Status' metadata: an expired list says here how to go on. */
  readonly listMeta: Status['metadata'];

  constructor(code: number, reason: string, message: string, details?: Status['details'], options?: ErrorOptions & { listMeta?: Status['metadata'] }) {
    super(message, options);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.listMeta = options?.listMeta;
  }

  static from(status: Status): ApiError {
    return new ApiError(status.code ?? 500, status.reason ?? '', status.message ?? '', status.details);
  }

  /** Any error as one that may be shown to a client; a bug becomes InternalError. */
  static of(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] }, { cause: error });
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.listMeta ?? {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }

  static badRequest(message: string): ApiError {
    return new ApiError(400, 'BadRequest', message);
  }

  static unauthorized(): ApiError {
    return new ApiError(401, 'Unauthorized', 'Unauthorized');
  }

  /** `pods "web" is forbidden: …` */
  static forbidden(of: Of, name: string, why: string): ApiError {
    const subject = name ? `${qualified(of)} ${JSON.stringify(name)}` : qualified(of);
    return new ApiError(403, 'Forbidden', `${subject} is forbidden: ${why}`, { name, group: of.group, kind: of.plural });
  }

  static notFound(of: Of, name: string): ApiError {
    return new ApiError(404, 'NotFound', `${qualified(of)} ${JSON.stringify(name)} not found`, { name, group: of.group, kind: of.plural });
  }

  /** No such path or resource at all. */
  static noSuchResource(): ApiError {
    return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
  }

  static methodNotAllowed(of: Of, verb: string): ApiError {
    return new ApiError(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind ${JSON.stringify(qualified(of))}`, { group: of.group, kind: of.plural });
  }

  static alreadyExists(of: Of, name: string): ApiError {
    return new ApiError(409, 'AlreadyExists', `${qualified(of)} ${JSON.stringify(name)} already exists`, { name, group: of.group, kind: of.plural });
  }

  static conflict(of: Of, name: string, why: string): ApiError {
    return new ApiError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(of)} ${JSON.stringify(name)}: ${why}`, { name, group: of.group, kind: of.plural });
  }

  /** The words for a lost race: read again, change, write again. */
  static modified(of: Of, name: string): ApiError {
    return ApiError.conflict(of, name, 'the object has been modified; please apply your changes to the latest version and try again');
  }

  static expired(message: string): ApiError {
    return new ApiError(410, 'Expired', message);
  }

  static tooLarge(limitBytes: number): ApiError {
    return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
  }

  static unsupportedMediaType(accepted: readonly string[]): ApiError {
    return new ApiError(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`);
  }

  static notAcceptable(offered: readonly string[]): ApiError {
    return new ApiError(406, 'NotAcceptable', `only the following media types are accepted: ${offered.join(', ')}`);
  }

  /** `Pod "web" is invalid: spec.containers: Required value` */
  static invalid(of: { group: string; kind: string }, name: string, causes: readonly FieldCause[]): ApiError {
    const lines = causes.map((cause) => `${cause.field}: ${cause.message}`);
    const all = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
    const subject = `${of.group ? `${of.kind}.${of.group}` : of.kind} ${JSON.stringify(name)}`;
    return new ApiError(422, 'Invalid', `${subject} is invalid: ${all}`, { name, group: of.group || undefined, kind: of.kind, causes: causes.map((cause) => ({ ...cause })) });
  }

  static tooManyRequests(why: string, retryAfterSeconds: number): ApiError {
    return new ApiError(429, 'TooManyRequests', why, { retryAfterSeconds });
  }

  static timeout(why: string, retryAfterSeconds = 1): ApiError {
    return new ApiError(504, 'Timeout', `Timeout: ${why}`, { retryAfterSeconds });
  }

  static unavailable(why: string): ApiError {
    return new ApiError(503, 'ServiceUnavailable', why, { retryAfterSeconds: 1 });
  }
}

/** Whether an error is the API's answer with this reason: `isReason(error, 'NotFound')`. */
export function isReason(error: unknown, ...reasons: string[]): error is ApiError {
  return error instanceof ApiError && reasons.includes(error.reason);
}
