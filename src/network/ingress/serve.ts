// One request: to the endpoints that its host and path lead to, and back.
//
//   no route: 404 │ no Service, port or endpoint: 503 │ no endpoint answers: 502, or 504 where it took too long
//
// Another endpoint is tried where the first cannot have seen the request, or may see it twice: nothing but its connection was
// attempted, or it changes nothing and has no body.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { ProxiedExchange } from '../../base/reverse-proxy/exchange.ts';
import { forward, NotAnswered, type ForwardLimits, type Upstream } from '../../base/reverse-proxy/forward.ts';
import { filtered, requestHeaders, valueOf, type RawHeaders } from '../../base/reverse-proxy/headers.ts';
import { answerOnSocket, forwardUpgrade } from '../../base/reverse-proxy/upgrade.ts';
import type { Backend } from './backends.ts';

/** Where a client came in. */
export interface Entry {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  readonly clientAddress: string;
}

export interface Serving extends Disposable {
  serve(exchange: ProxiedExchange, url: string, entry: Entry): Promise<void>;
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, entry: Entry): Promise<void>;
}

export interface ServingDeps {
  /** Undefined: no Ingress leads there. */
  readonly backendOf: (host: string, path: string) => Backend | undefined;
  readonly clock: Clock;
}

const limits: ForwardLimits = { connectMs: 5_000, headMs: 60_000 };
const mostTries = 3;
/** An idle connection is kept for so long. */
const idleMs = 30_000;
const mostIdlePerEndpoint = 64;
/** May be sent twice (RFC 9110, 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export function createServing({ backendOf, clock }: ServingDeps): Serving {
  const keeping = { keepAlive: true, maxFreeSockets: mostIdlePerEndpoint, timeout: idleMs };
  const agents = { http: new HttpAgent(keeping), https: new HttpsAgent({ ...keeping, rejectUnauthorized: false }) };
  let turn = 0;

  /** From the one whose turn it is on; throws Refusal. */
  function upstreams(headers: RawHeaders, url: string): Upstream[] {
    const mark = url.indexOf('?');
    const backend = backendOf(hostOf(headers), mark < 0 ? url : url.slice(0, mark));
    if (!backend) throw new Refusal(404, 'no Ingress leads here');
    if (backend.type === 'missing') throw new Refusal(503, backend.why);
    const { endpoints, protocol } = backend;
    if (endpoints.length === 0) throw new Refusal(503, 'the Service has no endpoint that is ready');
    turn = (turn + 1) % 0x7fff_ffff;
    return Array.from({ length: Math.max(endpoints.length, 2) }, (_, index) => endpoints[(turn + index) % endpoints.length]!)
      .slice(0, mostTries)
      .map(({ ip, port }) => ({ protocol, host: ip, port }));
  }

  return {
    async serve(exchange, url, entry) {
      try {
        const canRepeat = idempotent.has(exchange.method) && exchange.body === undefined;
        const request = { path: url, headers: forwardedHeaders(exchange.headers, entry) };
        await tryEach(upstreams(exchange.headers, url), canRepeat, (to, attempt) => {
          // One that cannot be repeated gets a connection of its own: a kept one may just be closing. So does a repetition.
          const agent = canRepeat && attempt === 0 ? agents[to.protocol] : undefined;
          return forward(exchange, agent ? { ...to, agent } : to, request, limits, clock);
        });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (exchange.isGone || exchange.isAnswered) return;
        const text = Buffer.from(`${error.message}\n`);
        const sink = exchange.answer({ code: error.code, headers: ['content-type', 'text/plain; charset=utf-8', 'content-length', String(text.length)] });
        if (!sink.writableEnded) sink.end(text);
      }
    },

    async upgrade(incoming, socket, head, entry) {
      const { url = '/', rawHeaders } = incoming;
      try {
        const request = { path: url, headers: forwardedHeaders(rawHeaders, entry) };
        await tryEach(upstreams(rawHeaders, url), false, async (to) => {
          const refused = await forwardUpgrade(incoming, socket, head, to, request, limits, clock);
          if (refused) await answerOnSocket(socket, refused.answer);
        });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        socket.end(`HTTP/1.1 ${error.code} ${reasons[error.code]}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(error.message) + 1}\r\nconnection: close\r\n\r\n${error.message}\n`);
      }
    },

    [Symbol.dispose]() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/** What the client is told in place of an answer. */
class Refusal extends Error {
  readonly code: 404 | 502 | 503 | 504;

  constructor(code: Refusal['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const reasons: Readonly<Record<number, string>> = { 404: 'Not Found', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout' };

async function tryEach(upstreams: readonly Upstream[], canRepeat: boolean, attempt: (to: Upstream, number: number) => Promise<void>): Promise<void> {
  for (const [number, to] of upstreams.entries()) {
    try {
      return await attempt(to, number);
    } catch (error) {
      if (!(error instanceof NotAnswered)) throw error;
      const isSafe = error.phase === 'connecting' || (canRepeat && error.code !== 'ETIMEDOUT');
      if (isSafe && number < upstreams.length - 1) continue;
      if (error.code === 'ETIMEDOUT') throw new Refusal(504, 'the Service did not answer in time');
      throw new Refusal(502, 'the Service did not answer');
    }
  }
}

function hostOf(headers: RawHeaders): string {
  const host = valueOf(headers, 'host') ?? valueOf(headers, ':authority') ?? '';
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/** What a client says of earlier proxies is not believed. */
function forwardedHeaders(headers: RawHeaders, { scheme, port, clientAddress }: Entry): string[] {
  const kept = filtered(requestHeaders(headers), (name) => !name.startsWith('x-forwarded-') && name !== 'forwarded' && name !== 'x-real-ip');
  const address = clientAddress.replace(/^::ffff:/, '');
  return [...kept, 'X-Forwarded-For', address, 'X-Real-IP', address, 'X-Forwarded-Host', valueOf(kept, 'host') ?? '', 'X-Forwarded-Port', String(port), 'X-Forwarded-Proto', scheme];
}

export function clientAddressOf(socket: { readonly remoteAddress?: string } | undefined): string {
  return (socket as Socket | undefined)?.remoteAddress ?? '';
}
