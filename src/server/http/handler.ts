// One HTTP request from end to end: who, what, may they, do it, answer.
import type { ServerResponse } from 'node:http';
import { describe, type Log } from '../../base/log.ts';
import type { Clock } from '../../base/clock.ts';
import { http1Exchange, http2Exchange } from '../../base/reverse-proxy/exchange.ts';
import type { Upstream } from '../../base/reverse-proxy/forward.ts';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { NodeServices } from '../../api/node-service.ts';
import { managerOf } from '../../api/patch/managed-fields.ts';
import type { ApiRequest, PatchType } from '../../api/request.ts';
import type { Api } from '../api.ts';
import type { Authorize } from '../auth/access.ts';
import { isAgents, type NodeProxy } from '../node-proxy.ts';
import { openLog } from '../pod-streams.ts';
import type { Proxying } from '../proxy/proxy.ts';
import type { Body } from '../registry/registry.ts';
import { wantedBy } from './accept.ts';
import { decodeBody, decodePatch, patchTypeOf, readBody } from './body.ts';
import type { Documents } from './documents.ts';
import { isHttp2, send, type Incoming, type Outgoing } from './exchange.ts';
import type { Measuring, RequestMetrics } from './metrics.ts';
import type { Query } from './query.ts';
import { compressed, render, renderError, renderObject, type Rendered } from './render.ts';
import { routeOf, type Route } from './route.ts';
import { watchSink } from './watch-response.ts';

export interface HandlerOptions {
  readonly api: Api;
  readonly nodes: NodeServices;
  readonly documents: Documents;
  readonly authenticate: (incoming: Incoming) => UserInfo | undefined | Promise<UserInfo | undefined>;
  readonly authorize: Authorize;
  readonly nodeProxy: NodeProxy;
  readonly proxying: Proxying;
  readonly metrics: RequestMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

export type Handler = (incoming: Incoming, outgoing: Outgoing) => void;

export function createHandler(options: HandlerOptions): Handler {
  const { api, log, metrics } = options;

  return (incoming, outgoing) => {
    outgoing.on('error', () => {}); // the client is gone; `close` tells those who must know
    const measuring = metrics.begin(incoming.method ?? 'GET');
    handle(incoming, outgoing, measuring).catch((error) => fail(error, incoming, outgoing, measuring));
  };

  async function handle(incoming: Incoming, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const sender = options.authenticate(incoming);
    const user = sender instanceof Promise ? await sender : sender;
    if (!user) throw ApiError.unauthorized();
    const method = incoming.method ?? 'GET';
    const route = routeOf(method, incoming.url ?? '/');
    if (route.type === 'path') return documentFor(route, user, incoming, outgoing, measuring);
    const { request, query } = route;
    measuring.request = request;
    const { accept } = incoming.headers;
    if (request.subresource === 'proxy') return proxy(request, user, incoming, outgoing, measuring);
    if (request.verb === 'get' || request.verb === 'list') {
      if (request.subresource === 'log') return streamLog(request, user, outgoing, measuring);
      if (isConnect(request)) throw upgradeRequired();
      const wanted = wantedBy(accept as string | undefined);
      const reading = api.read(request, user);
      const answer = reading instanceof Promise ? await reading : reading;
      if (answer.type === 'item' && wanted.form === 'object' && wanted.encoding === 'json' && !isPretty(query, incoming)) {
        measuring.end(200);
        return send(outgoing, 200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' }, answer.item.encoded());
      }
      return reply(await render(answer, { wanted, query, isPretty: isPretty(query, incoming), nowMs: options.clock.wallMs() }), incoming, outgoing, measuring);
    }
    if (request.verb === 'watch') return startWatch(request, query, user, incoming, outgoing, measuring);
    if (isConnect(request)) throw upgradeRequired();
    const wanted = wantedBy(accept as string | undefined);
    const write = await withBody(request, query, incoming);
    measuring.request = write.request;
    const answer = await api.write(write.request, write.body, user);
    return reply(await render(answer, { wanted, query, isPretty: isPretty(query, incoming), nowMs: options.clock.wallMs() }), incoming, outgoing, measuring);
  }

  async function withBody(request: ApiRequest, query: Query, incoming: Incoming): Promise<{ request: ApiRequest; body: Body }> {
    const contentType = incoming.headers['content-type'];
    if (request.verb === 'patch') {
      const patchType = patchTypeOf(contentType);
      const body = await decodePatch(await readBody(incoming), patchType, request.options.fieldValidation !== 'Ignore');
      return { request: { ...managed(request, patchType, incoming), patchType }, body };
    }
    const bytes = await readBody(incoming);
    const { kind } = api.kindOf(request.resource);
    if (request.verb !== 'delete' && request.verb !== 'deletecollection') return { request: managed(request, undefined, incoming), body: await decodeBody(bytes, contentType, kind, request.options.fieldValidation !== 'Ignore') };
    if (bytes.length === 0) return { request, body: { value: query.deleteOptions, isOwn: true, duplicates: [] } };
    return { request, body: await decodeBody(bytes, contentType, 'DeleteOptions', false) };
  }

  function startWatch(request: ApiRequest, query: Query, user: UserInfo, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): void {
    const wanted = wantedBy(incoming.headers.accept as string | undefined);
    const kind = api.kindOf(request.resource);
    outgoing.setHeader('content-type', 'application/json');
    outgoing.setHeader('cache-control', 'no-cache, private');
    // An error must still become a Status: until the first write nothing has been sent.
    const watching = api.watch(request, user, watchSink(outgoing, kind, wanted, query, options.clock));
    const going = measuring.goesOn(200);
    outgoing.once('close', () => {
      going[Symbol.dispose]();
      watching[Symbol.dispose]();
    });
    if (outgoing.destroyed) watching[Symbol.dispose]();
    else (outgoing as ServerResponse).flushHeaders(); // both kinds have it
  }

  async function proxy(request: ApiRequest, user: UserInfo, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const { url = '/', method = 'GET' } = incoming;
    measuring.request = { ...request, verb: 'connect' };
    const to = request.resource.plural === 'nodes' && isAgents(request) ? undefined : await options.proxying.wayTo(request, user);
    // The links of a page that is asked for without a slash at its end would lead beside it.
    if (request.path === '' && (method === 'GET' || method === 'HEAD')) return redirectToSlash(url, outgoing, measuring);
    if (to) return forwardTo(to, request, incoming, outgoing, measuring);
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const { code, type, body } = await options.nodeProxy(request, user, gone.signal);
    if (body instanceof Uint8Array) return reply({ code, headers: { 'content-type': type }, body: Buffer.from(body) }, incoming, outgoing, measuring);
    outgoing.statusCode = code;
    outgoing.setHeader('content-type', type);
    return pour(body, outgoing, gone.signal, measuring);
  }

  async function forwardTo(to: Upstream, request: ApiRequest, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const exchange = isHttp2(incoming) ? http2Exchange(incoming.stream, incoming.rawHeaders) : http1Exchange(incoming, outgoing as ServerResponse);
    const address = isHttp2(incoming) ? incoming.stream.session?.socket.remoteAddress : incoming.socket.remoteAddress;
    let going: Disposable | undefined;
    try {
      await options.proxying.serve(to, request, incoming.url ?? '/', address ?? '', exchange, (code) => void (going ??= measuring.goesOn(code)));
    } finally {
      going?.[Symbol.dispose]();
    }
  }

  function redirectToSlash(url: string, outgoing: Outgoing, measuring: Measuring): void {
    const mark = url.indexOf('?');
    measuring.end(301);
    send(outgoing, 301, { location: mark < 0 ? `${url}/` : `${url.slice(0, mark)}/${url.slice(mark)}` }, Buffer.alloc(0));
  }

  async function streamLog(request: ApiRequest, user: UserInfo, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const chunks = openLog(api, options.nodes, request, user, gone.signal);
    outgoing.setHeader('content-type', 'text/plain');
    return pour(chunks, outgoing, gone.signal, measuring);
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

  async function documentFor(route: Extract<Route, { type: 'path' }>, user: UserInfo, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const { path } = route;
    const decision = options.authorize({ user, verb: (incoming.method ?? 'get').toLowerCase(), path });
    if (!decision.allowed) throw new ApiError(403, 'Forbidden', `forbidden: ${decision.why}`, {});
    const { code, type, body, etag } = await options.documents.get(route, incoming.headers.accept as string | undefined);
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const headers = { 'content-type': type, 'cache-control': etag ? 'public' : 'no-cache, private', ...(etag ? { etag, vary: 'Accept' } : {}) };
    if (etag && incoming.headers['if-none-match'] === etag) {
      measuring.end(304);
      return send(outgoing, 304, headers, Buffer.alloc(0));
    }
    if (route.query.pretty && type === 'application/json') return reply({ code, ...(await renderObject(JSON.parse(body.toString()), { encoding: 'json' }, true)) }, incoming, outgoing, measuring);
    return reply({ code, headers, body }, incoming, outgoing, measuring);
  }

  async function reply(rendered: Rendered, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): Promise<void> {
    const { code, headers, body } = await compressed(rendered, incoming.headers['accept-encoding']);
    measuring.end(code);
    send(outgoing, code, headers, incoming.method === 'HEAD' ? Buffer.alloc(0) : body);
  }

  function fail(error: unknown, incoming: Incoming, outgoing: Outgoing, measuring: Measuring): void {
    const shown = ApiError.of(error);
    if (!(error instanceof ApiError)) log.error('a request failed', { method: incoming.method, url: incoming.url, error, stack: error instanceof Error ? error.stack : describe(error) });
    // Names of what is not served are not kept: there is no end of them.
    if (shown.code === 404 && !shown.details?.kind) measuring.request = undefined;
    measuring.end(shown.code);
    if (outgoing.headersSent || outgoing.destroyed) return void outgoing.destroy();
    const { code, headers, body } = renderError(shown);
    send(outgoing, code, headers, body);
  }
}

/** A client that does not say as whom it writes is known by its program; only an apply must say. */
function managed(request: ApiRequest, patchType: PatchType | undefined, { headers }: Incoming): ApiRequest {
  if (patchType === 'apply' || request.options.fieldManager) return request;
  return { ...request, options: { ...request.options, fieldManager: managerOf(undefined, headers['user-agent']) } };
}

/** As asked, or when a person seems to be reading. */
function isPretty({ pretty }: Query, { headers }: Incoming): boolean {
  if (pretty !== undefined) return pretty;
  const agent = headers['user-agent'];
  return agent !== undefined && (agent.startsWith('curl') || agent.startsWith('Wget') || agent.startsWith('Mozilla/5.0'));
}

const streams: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

function isConnect({ subresource }: ApiRequest): boolean {
  return subresource !== undefined && streams.has(subresource);
}

function upgradeRequired(): ApiError {
  return ApiError.badRequest('Upgrade request required');
}
