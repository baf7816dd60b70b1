// Answers that are not made here: logs and pages of nodes, what Pods and Services serve, and what other servers do.
import type { ServerResponse } from 'node:http';
import type { ApiRequest } from '../../api/request.ts';
import type { NodeServices } from '../../api/node-service.ts';
import { http1Exchange, http2Exchange, type ProxiedExchange } from '../../base/reverse-proxy/exchange.ts';
import type { Remote } from '../aggregation/aggregation.ts';
import { Unreachable, type AggregatedForwarding } from '../aggregation/forward-aggregated.ts';
import type { Api } from '../api.ts';
import { isAgents, type NodeProxy } from '../node-proxy.ts';
import { openLog } from '../pod-streams.ts';
import type { Proxying, Way } from '../proxy/proxy.ts';
import { setHeaders, type Answers } from './answers.ts';
import { isHttp2, type Outgoing } from './exchange.ts';
import type { Measuring } from './metrics.ts';
import type { Passing } from './passing.ts';

export interface ElsewhereOptions {
  readonly api: Api;
  readonly nodes: NodeServices;
  readonly nodeProxy: NodeProxy;
  readonly proxying: Proxying;
  readonly aggregated: AggregatedForwarding;
}

export interface Elsewhere {
  proxy(request: ApiRequest, passing: Passing): Promise<void>;
  /** What another server serves. */
  aggregate(remote: Remote, passing: Passing): Promise<void>;
  streamLog(request: ApiRequest, passing: Passing): Promise<void>;
}

export function createElsewhere(options: ElsewhereOptions, { answerWith, reply }: Answers): Elsewhere {
  const { api } = options;
  return { proxy, aggregate, streamLog };

  async function proxy(request: ApiRequest, passing: Passing): Promise<void> {
    const { incoming: { url = '/' }, method, measuring } = passing;
    const user = passing.user!;
    const outgoing = passing.outgoing!;
    measuring.request = { ...request, verb: 'connect' };
    const to = request.resource.plural === 'nodes' && isAgents(request) ? undefined : await options.proxying.wayTo(request, user);
    // The links of a page that is asked for without a slash at its end would lead beside it.
    if (request.path === '' && (method === 'GET' || method === 'HEAD')) return redirectToSlash(url, passing);
    if (to) return forwardTo(to, request, passing);
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const { code, type, body } = await options.nodeProxy(request, user, gone.signal);
    if (body instanceof Uint8Array) return reply({ code, headers: { 'content-type': type }, body: Buffer.from(body) }, passing);
    outgoing.statusCode = code;
    outgoing.setHeader('content-type', type);
    setHeaders(passing);
    return pour(body, outgoing, gone.signal, measuring);
  }

  async function forwardTo(to: Way, request: ApiRequest, passing: Passing): Promise<void> {
    const { incoming, measuring } = passing;
    const { exchange, clientAddress } = exchangeOf(passing);
    let going: Disposable | undefined;
    try {
      await options.proxying.serve(to, request, incoming.url ?? '/', clientAddress, exchange, (code) => void (going ??= measuring.goesOn(code)));
    } finally {
      going?.[Symbol.dispose]();
    }
  }

  /** What another server serves. */
  async function aggregate(remote: Remote, passing: Passing): Promise<void> {
    const { incoming, measuring, route } = passing;
    options.aggregated.admit(route, passing.method, passing.user!);
    if (route.type === 'resource') measuring.request = route.request;
    let going: Disposable | undefined;
    try {
      const { exchange, clientAddress } = exchangeOf(passing);
      await options.aggregated.serve(remote, passing.user!, incoming.url ?? '/', clientAddress, passing.auditId, exchange, (code) => void (going ??= measuring.goesOn(code)));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      answerWith(passing, 503, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }, Buffer.from(`${error.message}\n`));
    } finally {
      going?.[Symbol.dispose]();
    }
  }

  function redirectToSlash(url: string, passing: Passing): void {
    const mark = url.indexOf('?');
    answerWith(passing, 301, { location: mark < 0 ? `${url}/` : `${url.slice(0, mark)}/${url.slice(mark)}` }, Buffer.alloc(0));
  }

  async function streamLog(request: ApiRequest, passing: Passing): Promise<void> {
    const outgoing = passing.outgoing!;
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const chunks = openLog(api, options.nodes, request, passing.user!, gone.signal);
    outgoing.setHeader('content-type', 'text/plain');
    setHeaders(passing);
    return pour(chunks, outgoing, gone.signal, passing.measuring);
  }

  /** As fast as the client takes it. */
  async function pour(chunks: AsyncIterable<Uint8Array>, outgoing: Outgoing, gone: AbortSignal, measuring: Measuring): Promise<void> {
    let going: Disposable | undefined;
    try {
      for await (const chunk of chunks) {
        going ??= measuring.goesOn(200);
        const isTaken = (outgoing as { write(chunk: Uint8Array): boolean }).write(chunk);
        if (!isTaken && !outgoing.destroyed) await new Promise<void>((resolve) => {
          outgoing.once('drain', resolve);
          outgoing.once('close', resolve);
        });
        if (gone.aborted) return;
      }
    } catch (error) {
      if (gone.aborted) return;
      throw error;
    } finally {
      going?.[Symbol.dispose]();
    }
    measuring.end(200);
    outgoing.end();
  }
}

function exchangeOf({ incoming, outgoing, headers = {} }: Passing): { readonly exchange: ProxiedExchange; readonly clientAddress: string } {
  const own = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
  const exchange = isHttp2(incoming) ? http2Exchange(incoming.stream, incoming.rawHeaders, own) : http1Exchange(incoming, outgoing as ServerResponse, own);
  const address = isHttp2(incoming) ? incoming.stream.session?.socket.remoteAddress : incoming.socket.remoteAddress;
  return { exchange, clientAddress: address ?? '' };
}
