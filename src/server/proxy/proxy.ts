// `pods/NAME/proxy/…`, `services/NAME/proxy/…` and `nodes/NAME:PORT/proxy/…`: what a Pod or a node serves, seen through the API
// server. The headers, and the words when it fails, are upstream's.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { ApiRequest } from '../../api/request.ts';
import type { Node, Pod, Service } from '../../api/types.ts';
import type { ProxiedExchange } from '../../base/reverse-proxy/exchange.ts';
import { forward, NotAnswered, type Edit, type ForwardLimits, type Upstream } from '../../base/reverse-proxy/forward.ts';
import { filtered, requestHeaders, valueOf, valuesOf, type RawHeaders } from '../../base/reverse-proxy/headers.ts';
import { answerOnSocket, forwardUpgrade } from '../../base/reverse-proxy/upgrade.ts';
import type { Api } from '../api.ts';
import { admitProxy } from './admit-proxy.ts';
import { nodeUpstream, podUpstream, serviceUpstream, splitName } from './proxy-target.ts';
import { wordsOf } from './words.ts';
import { linkRewriter, rewriteUrl } from './rewrite-links.ts';

export interface Way {
  readonly upstream: Upstream;
  /** There. As admission left it. */
  readonly path: string;
}

export interface Proxying {
  /** Throws ApiError where the sender may not, or there is nothing. */
  wayTo(request: ApiRequest, user: UserInfo): Promise<Way>;
  /** Resolves when the client has its answer; `answered` is told its code. */
  serve(to: Way, request: ApiRequest, url: string, clientAddress: string, exchange: ProxiedExchange, answered: (code: number) => void): Promise<void>;
  /** Resolves when the connection is over. */
  upgrade(to: Way, incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

/** As for every dial of upstream; an answer may take as long as it likes. */
const limits: ForwardLimits = { connectMs: 30_000 };

export function createProxying(api: Api): Proxying {
  const { registry } = api;
  return {
    async wayTo(request, user) {
      const kindWord = ({ pods: 'pod', services: 'service', nodes: 'node' } as const)[request.resource.plural as 'pods'];
      if (!kindWord) throw ApiError.noSuchResource();
      const asked = request.name ?? '';
      const name = splitName(kindWord, asked);
      const { kind, object } = api.connect(request, user, name.name);
      const path = await admitProxy(registry, kind, request, name.name, user);
      if (kindWord === 'pod') return { upstream: podUpstream(object as Pod, name), path };
      if (kindWord === 'service') return { upstream: serviceUpstream(registry, object as Service, asked, name, registry.random), path };
      return { upstream: nodeUpstream(object as Node, name), path };
    },

    async serve({ upstream: to, path }, request, url, clientAddress, exchange, answered) {
      const place = placeOf(to, request, url, exchange.headers);
      const headers = [...proxiedHeaders(exchange.headers, clientAddress), 'X-Forwarded-Uri', pathOf(url)];
      const edit: Edit = async ({ code, headers }) => {
        answered(code);
        const kept = filtered(headers, (name) => !cors.has(name));
        const location = valueOf(kept, 'location');
        if (location !== undefined) return { head: { code, headers: [...filtered(kept, (name) => name !== 'location'), 'Location', rewriteUrl(location, place)] } };
        const isPage = (valueOf(kept, 'content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase() === 'text/html';
        const body = isPage && exchange.method !== 'HEAD' && code !== 204 && code !== 304 ? await linkRewriter(valueOf(kept, 'content-encoding') ?? '', place) : undefined;
        return body ? { head: { code, headers: filtered(kept, (name) => name !== 'content-length') }, body } : { head: { code, headers: kept } };
      };
      try {
        await forward(exchange, to, { path: upstreamPath(path, url), headers }, limits, registry.clock, edit);
      } catch (error) {
        if (error instanceof NotAnswered) throw ApiError.unavailable(`error trying to reach service: ${wordsOf(error, to)}`);
        throw error;
      }
    },

    async upgrade({ upstream: to, path }, incoming, socket, head) {
      const { url = '/', rawHeaders } = incoming;
      try {
        const refused = await forwardUpgrade(incoming, socket, head, to, { path: upstreamPath(path, url), headers: proxiedHeaders(rawHeaders, (socket as Socket).remoteAddress ?? '') }, limits, registry.clock);
        if (!refused) return;
        const { statusCode = 0 } = refused.answer;
        if (statusCode >= 400) return await answerOnSocket(socket, refused.answer);
        refused.answer.destroy();
        throw new ApiError(500, 'InternalError', `invalid upgrade response: status code ${statusCode}`);
      } catch (error) {
        if (!(error instanceof NotAnswered)) throw error;
        throw new ApiError(500, 'InternalError', error.phase === 'connecting' ? `error dialing backend: ${wordsOf(error, to)}` : wordsOf(error, to));
      }
    },
  };
}

/** Upstream answers these itself, or not at all. */
const cors: ReadonlySet<string> = new Set(['access-control-allow-credentials', 'access-control-allow-headers', 'access-control-allow-methods', 'access-control-allow-origin']);

/** Who the sender is concerns only this server. */
function proxiedHeaders(headers: RawHeaders, clientAddress: string): string[] {
  const kept = filtered(requestHeaders(headers), (name) => name !== 'authorization' && !name.startsWith('impersonate-') && name !== 'x-forwarded-for' && name !== 'x-forwarded-uri');
  return [...kept, 'X-Forwarded-For', [...valuesOf(headers, 'x-forwarded-for'), clientAddress.replace(/^::ffff:/, '')].join(', ')];
}

function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

/** As it was written, so that what is escaped stays so; without `.` and `..`. */
function upstreamPath(path: string, url: string): string {
  const parts: string[] = [];
  for (const part of path.split('/').slice(1)) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  if (/\/\.\.?$/.test(path)) parts.push('');
  return `/${parts.join('/')}${url.slice(pathOf(url).length)}`;
}

function placeOf({ host, port }: Upstream, { path = '' }: ApiRequest, url: string, headers: RawHeaders) {
  const whole = pathOf(url);
  return { prefix: whole.slice(0, whole.length - path.length), upstreamHost: `${host.includes(':') ? `[${host}]` : host}:${port}`, requestHost: valueOf(headers, 'host') ?? valueOf(headers, ':authority') ?? '' };
}
