// One HTTP request from end to end: who, what, may they, do it, answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { describe, type Log } from '../../base/log.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { ApiError } from '../../api/error.ts';
import type { Deprecation } from '../../api/kind.ts';
import { managerOf } from '../../api/patch/managed-fields.ts';
import { hasMessages } from '../../api/protobuf/facts.ts';
import type { ApiRequest, PatchType } from '../../api/request.ts';
import type { Aggregation } from '../aggregation/aggregation.ts';
import type { Api } from '../api.ts';
import type { Authorize } from '../auth/access.ts';
import type { Answer, Body } from '../registry/registry.ts';
import { createAnswers, setHeaders } from './answers.ts';
import { wantedBy, type Wanted } from './accept.ts';
import { decodeBody, decodePatch, patchTypeOf, readBody } from './body.ts';
import type { Documents } from './documents.ts';
import { createElsewhere, type ElsewhereOptions } from './elsewhere.ts';
import type { Incoming, Outgoing } from './exchange.ts';
import { through, type Filter } from './filters.ts';
import type { RequestMetrics } from './metrics.ts';
import { Passing } from './passing.ts';
import { Refused } from './refused.ts';
import type { Query } from './query.ts';
import type { Frames } from './protobuf.ts';
import { render, renderError, renderErrorInProtobuf, renderObject, type Rendered } from './render.ts';
import type { Route } from './route.ts';
import { watchSink } from './watch-response.ts';

export interface HandlerOptions extends ElsewhereOptions {
  readonly api: Api;
  readonly documents: Documents;
  /** What every request goes through first. */
  readonly filters: readonly Filter[];
  /** Takes an upgraded connection over; resolves when it is over, or goes on without us. */
  readonly upgraded: (passing: Passing) => Promise<void>;
  readonly authorize: Authorize;
  readonly aggregation: Pick<Aggregation, 'of'>;
  readonly metrics: RequestMetrics;
  /** Of a watch that does not say when it ends; it is up to twice as long. */
  readonly minRequestTimeoutSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Handler {
  serve(incoming: Incoming, outgoing: Outgoing): void;
  /** Rejects with what the client is to be told in place of an upgrade. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

export function createHandler(options: HandlerOptions): Handler {
  const { api, log, metrics, clock } = options;
  const answers = createAnswers(clock);
  const { answerWith, reply } = answers;
  const elsewhere = createElsewhere(options, answers);
  const pass = through(options.filters, (passing) => (passing.upgrade ? options.upgraded(passing) : handle(passing)));

  return {
    serve(incoming, outgoing) {
      outgoing.on('error', () => {}); // the client is gone; `close` tells those who must know
      const passing = new Passing(incoming, outgoing, undefined, metrics.begin(incoming.method ?? 'GET'));
      try {
        pass(passing)?.catch((error) => fail(error, passing));
      } catch (error) {
        fail(error, passing);
      }
    },
    async upgrade(incoming, socket, head) {
      const measuring = metrics.begin(incoming.method ?? 'GET');
      const passing = new Passing(incoming, undefined, { incoming, socket, head }, measuring);
      try {
        await pass(passing);
      } catch (error) {
        tellAudit(error, passing);
        measuring.end(ApiError.of(error).code);
        throw error;
      }
    },
  };

  /** Not an async function: what can be answered at once is. */
  function handle(passing: Passing): void | Promise<void> {
    const { route, incoming, measuring } = passing;
    const user = passing.user!;
    const remote = options.aggregation.of(route);
    if (remote) return elsewhere.aggregate(remote, passing);
    if (route.type === 'path') return documentFor(route, passing);
    const { request, query } = route;
    // Counted under its name only when it is one that is served: anybody may ask for any name, and there is no end of them.
    const { deprecation } = api.servedKind(request);
    measuring.request = request;
    if (deprecation) tellDeprecation(deprecation, request, passing);
    const { accept } = incoming.headers;
    if (request.subresource === 'proxy') return elsewhere.proxy(request, passing);
    if (request.verb === 'get' || request.verb === 'list') {
      if (request.subresource === 'log') return elsewhere.streamLog(request, passing);
      if (isConnect(request)) throw upgradeRequired();
      const wanted = wantedOf(request, accept as string | undefined);
      const answer = api.read(request, user);
      if (answer instanceof Promise) return answer.then((found) => replyWith(found, wanted, query, passing));
      if (passing.audit || answer.type !== 'item' || wanted.form !== 'object' || wanted.encoding !== 'json' || isPretty(query, incoming)) return replyWith(answer, wanted, query, passing);
      return answerWith(passing, 200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' }, answer.item.encoded());
    }
    if (request.verb === 'watch') return startWatch(request, query, passing);
    if (isConnect(request)) throw upgradeRequired();
    return write(request, query, passing);
  }

  /** Of a subresource only where it is of the same kind. */
  function tellDeprecation(deprecation: Deprecation, { resource, subresource }: ApiRequest, passing: Passing): void {
    if (subresource !== undefined && subresource !== 'status') return;
    passing.deprecation = deprecation;
    metrics.deprecatedApi(resource, subresource, deprecation.removedRelease);
    passing.audit?.annotate('k8s.io/deprecated', 'true');
    if (deprecation.removedRelease) passing.audit?.annotate('k8s.io/removed-release', deprecation.removedRelease);
  }

  async function write(request: ApiRequest, query: Query, passing: Passing): Promise<void> {
    const wanted = wantedOf(request, passing.incoming.headers.accept as string | undefined);
    const write = await withBody(request, query, passing.incoming);
    passing.measuring.request = write.request;
    passing.audit?.requested(write.body.value);
    return replyWith(await api.write({ ...write.request, waited: passing.measuring.waited }, write.body, passing.user!), wanted, query, passing);
  }

  async function replyWith(answer: Answer, wanted: Wanted, query: Query, passing: Passing): Promise<void> {
    passing.audit?.responded(answer);
    return reply(await render(answer, { wanted, query, isPretty: isPretty(query, passing.incoming), nowMs: options.clock.wallMs() }), passing);
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
    if (request.verb !== 'delete' && request.verb !== 'deletecollection') return { request: managed(request, undefined, incoming), body: await decodeBody(bytes, contentType, kind, request.options.fieldValidation !== 'Ignore', isTextOnly(request)) };
    if (bytes.length === 0) return { request, body: { value: query.deleteOptions, isOwn: true, duplicates: [] } };
    return { request, body: await decodeBody(bytes, contentType, 'DeleteOptions', false) };
  }

  /** Of a kind that others have declared, or of Peapod's own: no client knows its fields' numbers. */
  function isTextOnly({ resource }: ApiRequest): boolean {
    return !api.kindOf(resource).schemaName.startsWith('io.k8s.') || !hasMessages(resource);
  }

  function wantedOf(request: ApiRequest, accept: string | undefined): Wanted {
    return wantedBy(accept, accept?.includes('protobuf') && isTextOnly(request));
  }

  function startWatch(request: ApiRequest, query: Query, passing: Passing): void | Promise<void> {
    const wanted = wantedOf(request, passing.incoming.headers.accept as string | undefined);
    if (wanted.encoding !== 'protobuf') return beginWatch(request, query, passing, wanted);
    return import('./protobuf.ts').then(({ framesOf }) => beginWatch(request, query, passing, wanted, framesOf(api.kindOf(request.resource), wanted)));
  }

  function beginWatch(request: ApiRequest, query: Query, passing: Passing, wanted: Wanted, frames?: Frames): void {
    const { user, measuring } = passing;
    const outgoing = passing.outgoing!;
    const kind = api.kindOf(request.resource);
    outgoing.setHeader('content-type', frames ? 'application/vnd.kubernetes.protobuf;stream=watch' : 'application/json');
    outgoing.setHeader('cache-control', 'no-cache, private');
    setHeaders(passing);
    // An error must still become a Status: until the first write nothing has been sent.
    // One that says nothing of its end has one all the same, each another, so that they do not all come back at once.
    const timeoutSeconds = request.options.timeoutSeconds || Math.round(options.minRequestTimeoutSeconds * (1 + options.random.next()));
    const sink = watchSink(outgoing, kind, wanted, query, options.clock, metrics.watchEvents(kind), frames);
    let watching: Disposable;
    try {
      watching = api.watch({ ...request, options: { ...request.options, timeoutSeconds } }, user!, sink);
    } catch (error) {
      // That history does not reach back so far is told where events are, as upstream: clients list anew.
      if (!(error instanceof ApiError) || error.code !== 410) throw error;
      measuring.end(200);
      return sink.error(error);
    }
    const going = measuring.goesOn(200);
    outgoing.once('close', () => {
      going[Symbol.dispose]();
      watching[Symbol.dispose]();
    });
    if (outgoing.destroyed) watching[Symbol.dispose]();
    else (outgoing as ServerResponse).flushHeaders(); // both kinds have it
  }

  async function documentFor(route: Extract<Route, { type: 'path' }>, passing: Passing): Promise<void> {
    const { path } = route;
    const { headers: asked } = passing.incoming;
    const decision = options.authorize({ user: passing.user!, verb: passing.method.toLowerCase(), path });
    passing.audit?.decided(decision);
    if (!decision.allowed) throw new ApiError(403, 'Forbidden', `forbidden: ${decision.why}`, {});
    const { code, type, body, etag } = await options.documents.get(route, asked.accept as string | undefined);
    if (passing.method !== 'GET' && passing.method !== 'HEAD') throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const headers = { 'content-type': type, 'cache-control': etag ? 'public' : 'no-cache, private', ...(etag ? { etag, vary: 'Accept' } : {}) };
    if (etag && asked['if-none-match'] === etag) return answerWith(passing, 304, headers, Buffer.alloc(0));
    if (route.query.pretty && type === 'application/json') return reply({ code, ...(await renderObject(JSON.parse(body.toString()), { encoding: 'json' }, true)) }, passing);
    return reply({ code, headers, body }, passing);
  }

  function fail(error: unknown, passing: Passing): void {
    const { incoming, measuring } = passing;
    const outgoing = passing.outgoing!;
    tellAudit(error, passing);
    if (error instanceof Refused && !outgoing.headersSent) return answerWith(passing, error.code, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', ...error.headers }, Buffer.from(`${error.message}\n`));
    const shown = ApiError.of(error);
    if (!(error instanceof ApiError)) log.error('a request failed', { method: incoming.method, url: incoming.url, error, stack: error instanceof Error ? error.stack : describe(error) });
    if (outgoing.headersSent || outgoing.destroyed) {
      measuring.end(shown.code);
      return void outgoing.destroy();
    }
    if (!prefersProtobuf(passing.incoming.headers.accept as string | undefined)) return tellError(renderError(shown), passing);
    renderErrorInProtobuf(shown).then((rendered) => tellError(rendered, passing), (why) => log.error('an error could not be told in protobuf', { error: why }));
  }

  function tellError({ code, headers, body }: Rendered, passing: Passing): void {
    answerWith(passing, code, headers, body);
  }
}

/** Errors go out in the first encoding that the client names; one who accepts nothing gets JSON. */
function prefersProtobuf(accept: string | undefined): boolean {
  if (!accept?.includes('protobuf')) return false;
  try {
    return wantedBy(accept).encoding === 'protobuf';
  } catch {
    return false;
  }
}

/** What nobody foresaw is to the audit log what a panic is to kube-apiserver's. */
function tellAudit(error: unknown, { audit }: Passing): void {
  if (error instanceof ApiError) audit?.failed(error);
  else if (!(error instanceof Refused)) audit?.panic(error);
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
