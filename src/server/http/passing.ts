// One request on its way through the filters: each adds what it has found out.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deprecation, UserInfo } from '../../api/kind.ts';
import type { Annotate } from '../../api/request.ts';
import type { Auditing } from '../audit/auditing.ts';
import type { Headers, Incoming, Outgoing } from './exchange.ts';
import type { Measuring } from './metrics.ts';
import { routeOf, type Route } from './route.ts';

export class Passing {
  readonly incoming: Incoming;
  /** Where the answer goes; undefined for an upgrade. */
  readonly outgoing: Outgoing | undefined;
  readonly upgrade: Upgrading | undefined;
  readonly measuring: Measuring;
  /** Who sent it; there once it is authenticated. */
  sender: UserInfo | undefined;
  /** As whom it is served; there once it is known whether its sender acts as someone else. */
  user: UserInfo | undefined;
  /** What filters have to say in the head of its answer, whatever that is. */
  headers: Headers | undefined;
  /** Also the audit log's name for it. */
  auditId = '';
  /** There when the audit log is told of it. */
  audit: Auditing | undefined;
  /** There when what it asks for is to be used no more. */
  deprecation: Deprecation | undefined;
  #route: Route | undefined;

  constructor(incoming: Incoming, outgoing: Outgoing | undefined, upgrade: Upgrading | undefined, measuring: Measuring) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.upgrade = upgrade;
    this.measuring = measuring;
  }

  get method(): string {
    return this.incoming.method ?? 'GET';
  }

  /** What is asked for. Throws ApiError for a URL that cannot be read. */
  get route(): Route {
    return (this.#route ??= routeOf(this.method, this.incoming.url ?? '/'));
  }

  /** Whoever decides something of the request tells it. */
  annotateBy(annotate: Annotate): void {
    const { route } = this;
    if (route.type === 'resource') this.#route = { ...route, request: { ...route.request, annotate } };
  }
}

export interface Upgrading {
  readonly incoming: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}
