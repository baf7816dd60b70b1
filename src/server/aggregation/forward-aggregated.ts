// Requests for what another server serves go there as they came, with who asks in place of their sender's credentials; watches and
// upgraded connections too. The words when it cannot be done are upstream's, which are plain text here.
import type { Socket } from 'node:net';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ProxiedExchange } from '../../base/reverse-proxy/exchange.ts';
import { forward, NotAnswered, type ForwardLimits, type Upstream } from '../../base/reverse-proxy/forward.ts';
import { replaced, requestHeaders, valuesOf, type RawHeaders } from '../../base/reverse-proxy/headers.ts';
import { answerOnSocket, forwardUpgrade } from '../../base/reverse-proxy/upgrade.ts';
import type { Api } from '../api.ts';
import type { Authorize } from '../auth/access.ts';
import type { Upgrading } from '../http/passing.ts';
import type { Route } from '../http/route.ts';
import { wordsOf } from '../proxy/words.ts';
import type { Aggregation, Remote } from './aggregation.ts';
import { userHeaders, withoutIdentity } from './user-headers.ts';

export interface AggregatedForwarding {
  /** Throws ApiError where the user may not. */
  admit(route: Route, method: string, user: UserInfo): void;
  /** Resolves when the client has its answer. `answered` is told its code; the other server, `auditId`. Rejects with Unreachable. */
  serve(remote: Remote, user: UserInfo, url: string, clientAddress: string, auditId: string, exchange: ProxiedExchange, answered: (code: number) => void): Promise<void>;
  /** Resolves when the connection is over. */
  upgrade(remote: Remote, user: UserInfo, upgrade: Upgrading): Promise<void>;
}

/** The server cannot be asked: the client is told so in plain words. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

const limits: ForwardLimits = { connectMs: 30_000 };

export function createAggregatedForwarding(aggregation: Aggregation, api: Api, authorize: Authorize, clock: Clock, log: Log): AggregatedForwarding {
  async function wayTo(remote: Remote): Promise<Upstream> {
    if (!remote.isAvailable) throw new Unreachable('service unavailable');
    try {
      return await aggregation.upstream(remote);
    } catch (error) {
      log.warn('an aggregated API cannot be reached', { name: remote.name, error });
      throw new Unreachable('service unavailable');
    }
  }

  return {
    admit(route, method, user) {
      if (route.type === 'resource') return api.enterElsewhere(route.request, user);
      const decision = authorize({ user, verb: method.toLowerCase(), path: route.path });
      if (!decision.allowed) throw new ApiError(403, 'Forbidden', `forbidden: ${decision.why}`, {});
    },

    async serve(remote, user, url, clientAddress, auditId, exchange, answered) {
      const to = await wayTo(remote);
      const headers = replaced(headersFor(exchange.headers, user, clientAddress), ['X-Forwarded-Uri', url.split('?', 1)[0]!, 'Audit-Id', auditId]);
      try {
        await forward(exchange, to, { path: url, headers }, limits, clock, (head) => {
          answered(head.code);
          return { head };
        });
      } catch (error) {
        if (error instanceof NotAnswered) throw new Unreachable(`error trying to reach service: ${wordsOf(error, to)}`);
        throw error;
      }
    },

    async upgrade(remote, user, { incoming, socket, head }) {
      try {
        const to = await wayTo(remote);
        const headers = headersFor(incoming.rawHeaders, user, (socket as Socket).remoteAddress ?? '');
        const refused = await forwardUpgrade(incoming, socket, head, to, { path: incoming.url ?? '/', headers }, limits, clock);
        if (refused) await answerOnSocket(socket, refused.answer);
      } catch (error) {
        if (!(error instanceof Unreachable) && !(error instanceof NotAnswered)) throw error;
        throw ApiError.unavailable(error instanceof Unreachable ? error.message : `error dialing backend: ${error.code}`);
      }
    },
  };
}

function headersFor(headers: RawHeaders, user: UserInfo, clientAddress: string): string[] {
  const kept = withoutIdentity(requestHeaders(headers)).filter((_, index, all) => !['x-forwarded-for', 'x-forwarded-uri'].includes(all[index - (index % 2)]!.toLowerCase()));
  return [...kept, ...userHeaders(user), 'X-Forwarded-For', [...valuesOf(headers, 'x-forwarded-for'), clientAddress.replace(/^::ffff:/, '')].join(', ')];
}
