// The audit log: which requests are told of, and to whom the events go.
import type { Clock } from '../../base/clock.ts';
import type { MetricsText } from '../../base/metrics-text.ts';
import { Auditing, namespaceOf, type AuditedRequest } from './auditing.ts';
import type { DecideLevel, Level } from './policy.ts';

/** Where events go. It never makes a request wait. */
export interface AuditBackend {
  /** As metrics name it. */
  readonly name: string;
  /** One event as a line of JSON. */
  take(event: string): void;
  /** Events that did not get where they should: since there was no room, or since it could not be written. */
  readonly lost: number;
  /** What was taken is written first. */
  close(): Promise<void>;
}

export interface AuditLogOptions {
  readonly decide: DecideLevel;
  readonly backends: readonly AuditBackend[];
  readonly clock: Clock;
}

export class AuditLog {
  readonly clock: Clock;
  readonly #decide: DecideLevel;
  readonly #backends: readonly AuditBackend[];
  #events = 0;
  readonly #byLevel = new Map<Level, number>();

  constructor({ decide, backends, clock }: AuditLogOptions) {
    this.clock = clock;
    this.#decide = decide;
    this.#backends = backends;
  }

  /** Undefined: nothing is told of this request. Else it is told that it has come. */
  begin(of: AuditedRequest): Auditing | undefined {
    const auditing = this.#auditingOf(of);
    auditing?.received();
    return auditing;
  }

  /** Its sender could not be known. */
  unauthenticated(of: AuditedRequest, message: string): void {
    this.#auditingOf(of)?.unauthenticated(message);
  }

  /** For `Auditing`. */
  take(event: string): void {
    this.#events++;
    for (const backend of this.#backends) backend.take(event);
  }

  write(text: MetricsText): void {
    text.one('apiserver_audit_event_total', 'counter', '[ALPHA] Counter of audit events generated and sent to the audit backend.', this.#events);
    const lost = text.family('apiserver_audit_error_total', 'counter', '[ALPHA] Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.');
    for (const backend of this.#backends) lost({ plugin: backend.name }, backend.lost);
    const byLevel = text.family('apiserver_audit_level_total', 'counter', '[ALPHA] Counter of policy levels for audit events (1 per request).');
    for (const [level, count] of this.#byLevel) byLevel({ level }, count);
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #auditingOf(of: AuditedRequest): Auditing | undefined {
    const { request, user, verb, requestUri } = of;
    const mark = requestUri.indexOf('?');
    const decided = this.#decide({
      user, verb, path: mark < 0 ? requestUri : requestUri.slice(0, mark),
      resource: request && { ...request.resource, subresource: request.subresource, namespace: namespaceOf(request), name: request.name },
    });
    const level = decided?.level ?? 'None';
    this.#byLevel.set(level, (this.#byLevel.get(level) ?? 0) + 1);
    return decided && new Auditing(this, of, decided);
  }
}
