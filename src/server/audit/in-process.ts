// Requests of what lives in the server's own process, as the audit log tells of them: they come from this machine, under a path that
// they would have had.
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { ApiRequest } from '../../api/request.ts';
import type { Random } from '../../base/random.ts';
import type { Answer } from '../registry/registry.ts';
import type { AuditLog } from './audit-log.ts';
import type { Auditing } from './auditing.ts';

export interface LocalAudit {
  readonly log: AuditLog;
  readonly random: Random;
}

export async function audited(audit: LocalAudit, user: UserInfo, request: ApiRequest, answer: (request: ApiRequest) => Promise<Answer>): Promise<Answer> {
  const auditing = begin(audit, user, request, false);
  if (!auditing) return answer(request);
  auditing.requested(request.body);
  try {
    const answered = await answer({ ...request, annotate: auditing.annotate });
    auditing.responded(answered);
    auditing.complete(answered.type === 'list' ? 200 : answered.code);
    return answered;
  } catch (error) {
    if (error instanceof ApiError) auditing.failed(error);
    else auditing.panic(error);
    auditing.complete(ApiError.of(error).code);
    throw error;
  }
}

/** Undefined: nothing is told of it. It is over when it is disposed. */
export function auditedWatch(audit: LocalAudit, user: UserInfo, request: ApiRequest): (Disposable & { readonly request: ApiRequest }) | undefined {
  const auditing = begin(audit, user, request, true);
  if (!auditing) return undefined;
  auditing.started(200);
  return { request: { ...request, annotate: auditing.annotate }, [Symbol.dispose]: () => auditing.complete(200) };
}

function begin({ log, random }: LocalAudit, user: UserInfo, request: ApiRequest, isLongRunning: boolean): Auditing | undefined {
  return log.begin({ auditId: random.uuid(), user, verb: request.verb, requestUri: uriOf(request), sourceIps: ['127.0.0.1'], userAgent: 'peapod', request, isLongRunning });
}

function uriOf({ verb, resource: { group, version, plural }, namespace, name, subresource, options }: ApiRequest): string {
  const parts = [group ? `/apis/${group}/${version}` : `/api/${version}`, ...(namespace ? ['namespaces', namespace] : []), plural, ...(name ? [name] : []), ...(subresource ? [subresource] : [])];
  const { labelSelector, fieldSelector, resourceVersion } = options;
  const query = new URLSearchParams(Object.entries({ labelSelector, fieldSelector, resourceVersion, ...(verb === 'watch' ? { watch: 'true' } : {}) }).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return parts.join('/') + (query.size > 0 ? `?${query}` : '');
}
