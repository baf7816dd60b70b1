// One request, as the audit log tells of it: an event for each stage that it comes to.
//
//   begin ─▶ RequestReceived ─▶ (ResponseStarted, of what goes on) ─▶ ResponseComplete | Panic
//
// Objects are put into an event as the text that they are stored or answered in.
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { ApiRequest } from '../../api/request.ts';
import { formatMicroTime } from '../../base/clock.ts';
import type { Decision } from '../auth/access.ts';
import { apiVersionOf } from '../registry/receive.ts';
import type { Answer } from '../registry/registry.ts';
import type { AuditLog } from './audit-log.ts';
import type { Decided, Stage } from './policy.ts';

export interface AuditedRequest {
  readonly auditId: string;
  readonly user: UserInfo | undefined;
  readonly verb: string;
  readonly requestUri: string;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  /** Undefined: a path that is no resource. */
  readonly request: ApiRequest | undefined;
  readonly isLongRunning: boolean;
}

const longestAgent = 1024;

export class Auditing {
  readonly #log: AuditLog;
  readonly #of: AuditedRequest;
  readonly #decided: Decided;
  readonly #receivedAt: string;
  readonly #annotations = new Map<string, string>();
  #objectRef: Record<string, string> | undefined;
  #impersonated: UserInfo | undefined;
  #requestText: string | undefined;
  #responseText: string | undefined;
  #status: object | undefined;
  #isStarted = false;
  #isOver = false;

  constructor(log: AuditLog, of: AuditedRequest, decided: Decided) {
    this.#log = log;
    this.#of = of;
    this.#decided = decided;
    this.#receivedAt = formatMicroTime(log.clock.wallMs());
    this.#objectRef = of.request && refOf(of.request);
  }

  received(): void {
    this.#emit('RequestReceived', this.#receivedAt);
  }

  /** The first value of a key stays. */
  readonly annotate = (key: string, value: string): void => {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  };

  decided({ allowed, reason }: Decision): void {
    this.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    this.annotate('authorization.k8s.io/reason', reason ?? '');
  }

  impersonates(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** `value` is what came, before the server fills anything in: its text is taken now. */
  requested(value: unknown): void {
    this.#nameBy(value);
    if (value !== undefined && this.#decided.level !== 'Metadata') this.#requestText = JSON.stringify(this.#shown(value));
  }

  responded(answer: Answer): void {
    if (this.#decided.level !== 'RequestResponse') return;
    this.#responseText = this.#textOf(answer);
  }

  failed(error: ApiError): void {
    const { status, message, reason, details, code } = error.toStatus();
    this.#status = { metadata: {}, status, message, reason, details, code };
    if (this.#decided.level === 'RequestResponse') this.#responseText = JSON.stringify(error.toStatus());
  }

  /** What goes on has begun to be answered. */
  started(code: number): void {
    if (this.#isStarted || this.#isOver || !this.#of.isLongRunning) return;
    this.#isStarted = true;
    this.#status ??= { metadata: {}, code };
    this.#emit('ResponseStarted', this.#now);
  }

  complete(code: number): void {
    if (this.#isOver) return;
    this.started(code);
    this.#isOver = true;
    this.#status ??= { metadata: {}, code };
    this.#emit('ResponseComplete', this.#now);
  }

  panic(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#status = { metadata: {}, status: 'Failure', message: `APIServer panic'd: ${error instanceof Error ? error.message : String(error)}`, reason: 'InternalError', code: 500 };
    this.#emit('Panic', this.#now);
  }

  /** Nobody knows who sent it. */
  unauthenticated(message: string): void {
    this.#isOver = true;
    this.#status = { metadata: {}, message, code: 401 };
    this.#emit('ResponseStarted', this.#now);
  }

  get #now(): string {
    return formatMicroTime(this.#log.clock.wallMs());
  }

  /** A create's path has no name; its body has. */
  #nameBy(value: unknown): void {
    const metadata = (value as { metadata?: Record<string, unknown> } | null | undefined)?.metadata;
    if (!this.#objectRef || typeof metadata !== 'object' || metadata === null) return;
    for (const field of ['namespace', 'name', 'uid', 'resourceVersion']) {
      const said = metadata[field];
      if (typeof said === 'string' && said !== '') this.#objectRef[field] ??= said;
    }
  }

  #textOf(answer: Answer): string {
    const bare = this.#decided.omitManagedFields;
    switch (answer.type) {
      case 'item':
        return bare ? JSON.stringify(this.#shown(answer.item.object)) : answer.item.json;
      case 'object':
        return JSON.stringify(this.#shown(answer.object));
      case 'list': {
        const { kind, list } = answer;
        const items = list.items.map((item) => (bare ? JSON.stringify(this.#shown(item.object)) : item.json));
        return `{"kind":"${kind.listKind}","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify({ resourceVersion: String(list.revision), continue: list.continue, remainingItemCount: list.remainingItemCount })},"items":[${items.join(',')}]}`;
      }
    }
  }

  #shown(value: unknown): unknown {
    const metadata = this.#decided.omitManagedFields ? (value as { metadata?: { managedFields?: unknown } } | null)?.metadata : undefined;
    return metadata?.managedFields ? { ...(value as object), metadata: { ...metadata, managedFields: undefined } } : value;
  }

  #emit(stage: Stage, at: string): void {
    if (this.#decided.omitStages.has(stage)) return;
    const { auditId, user, verb, requestUri, sourceIps, userAgent } = this.#of;
    const isDone = stage !== 'RequestReceived';
    const head = JSON.stringify({
      kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: this.#decided.level, auditID: auditId, stage, requestURI: requestUri, verb,
      user: user ?? {}, impersonatedUser: this.#impersonated, sourceIPs: sourceIps.length > 0 ? sourceIps : undefined,
      userAgent: userAgent.length > longestAgent ? `${userAgent.slice(0, longestAgent)}...TRUNCATED` : userAgent || undefined,
      objectRef: this.#objectRef, responseStatus: isDone ? this.#status : undefined,
    });
    const tail = JSON.stringify({
      requestReceivedTimestamp: this.#receivedAt, stageTimestamp: at,
      annotations: isDone && this.#annotations.size > 0 ? Object.fromEntries([...this.#annotations].sort(([a], [b]) => (a < b ? -1 : 1))) : undefined,
    });
    const objects = (isDone && this.#requestText ? `,"requestObject":${this.#requestText}` : '') + (stage === 'ResponseComplete' && this.#responseText ? `,"responseObject":${this.#responseText}` : '');
    this.#log.take(`${head.slice(0, -1)}${objects},${tail.slice(1)}`);
  }
}

/** As requests name it: a Namespace is in itself. */
export function namespaceOf({ resource, namespace, name }: ApiRequest): string | undefined {
  return resource.plural === 'namespaces' && resource.group === '' ? name : namespace || undefined;
}

function refOf(request: ApiRequest): Record<string, string> {
  const { resource: { group, version, plural }, name, subresource } = request;
  const namespace = namespaceOf(request);
  return {
    resource: plural, ...(namespace ? { namespace } : {}), ...(name ? { name } : {}), ...(group ? { apiGroup: group } : {}), apiVersion: version, ...(subresource ? { subresource } : {}),
  };
}
