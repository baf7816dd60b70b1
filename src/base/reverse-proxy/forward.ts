// Hands a request on to a server behind, over HTTP/1.1, and its answer back; both bodies as streams, as fast as the slower
// side takes them.
//
//   connecting ──▶ sending, waiting for the head ──▶ answering ──▶ done
//       └──────────────────┴──▶ NotAnswered              └──▶ the exchange is destroyed: half an answer is none
import { request as httpRequest, type Agent, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Head, ProxiedExchange } from './exchange.ts';
import { endToEnd, valueOf, type RawHeaders } from './headers.ts';

export interface Upstream {
  readonly protocol: 'http' | 'https';
  /** An address, so that there is no name to look up. */
  readonly host: string;
  readonly port: number;
  /** Undefined: a connection for this request alone. */
  readonly agent?: Agent;
  /** By what the server is known, and we to it; absent: anyone will do. */
  readonly tls?: UpstreamTls;
}

export interface UpstreamTls {
  readonly servername: string;
  /** False: any certificate will do. */
  readonly rejectUnauthorized: boolean;
  /** PEM; absent: the machine's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface UpstreamRequest {
  readonly path: string;
  /** All of them, `Host` too, and none that concerns only a connection. */
  readonly headers: RawHeaders;
}

export interface ForwardLimits {
  readonly connectMs: number;
  /** From the connection to the head of the answer. Undefined: as long as it takes. */
  readonly headMs?: number;
}

/** What the answer becomes on its way; absent: it stays as it is. */
export type Edit = (head: Head) => Edited | Promise<Edited>;

export interface Edited {
  readonly head: Head;
  readonly body?: (from: Readable) => Readable;
}

/** Nothing has been told to the client, so it can still be told anything. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered';
  /** Whether the server behind can have seen anything of the request. */
  readonly phase: 'connecting' | 'waiting';
  readonly code: string;
  /** The connection had served others before: the server may have closed it when the request was on its way. */
  readonly wasReused: boolean;

  constructor(phase: 'connecting' | 'waiting', code: string, wasReused: boolean, options?: ErrorOptions) {
    super(`${phase}: ${code}`, options);
    this.phase = phase;
    this.code = code;
    this.wasReused = wasReused;
  }
}

/** Resolves when the client has its answer, or has gone. Throws NotAnswered. */
export async function forward(exchange: ProxiedExchange, to: Upstream, request: UpstreamRequest, limits: ForwardLimits, clock: Clock, edit?: Edit): Promise<void> {
  if (exchange.isGone) return;
  const answer = await answerOf(exchange, to, request, limits, clock);
  if (!answer) return;
  const plain: Head = { code: answer.statusCode!, headers: keepTrailer(answer) };
  const { head, body }: Edited = edit ? await edit(plain) : { head: plain };
  if (exchange.isGone) return void answer.destroy();
  const sink = exchange.answer(head);
  // To HEAD, or with 204 or 304: the stream has ended by itself.
  if (sink.writableEnded) return void answer.resume();
  const source = body ? body(answer) : answer;
  // The stream of an answer ends before its trailers are asked for.
  if (valueOf(head.headers, 'trailer') !== undefined) answer.once('end', () => exchange.trailers(answer.rawTrailers));
  if (!(await poured(source, answer, sink))) exchange.destroy();
}

/** As a pipeline of node's own, which costs more than the rest of the way; false: it was cut off. */
function poured(source: Readable, answer: IncomingMessage, sink: Writable): Promise<boolean> {
  return new Promise((resolve) => {
    const cut = () => {
      answer.destroy();
      source.destroy();
      resolve(false);
    };
    answer.once('error', cut);
    if (source !== answer) source.once('error', cut);
    sink.once('error', cut);
    sink.once('close', () => (sink.writableFinished ? resolve(true) : cut()));
    sink.once('finish', () => resolve(true));
    // One that ends too early ends without an error where nobody reads it any more.
    answer.once('close', () => answer.complete || cut());
    source.pipe(sink);
  });
}

/** Undefined: the client has gone. */
function answerOf(exchange: ProxiedExchange, { protocol, host, port, agent, tls }: Upstream, { path, headers }: UpstreamRequest, limits: ForwardLimits, clock: Clock): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const { method, body } = exchange;
    const options = { host, port, path, method, headers: framed(method, headers, body !== undefined), agent: agent ?? false, rejectUnauthorized: false, setHost: false, ...tls };
    const outgoing = protocol === 'https' ? httpsRequest(options as never) : httpRequest(options as never);
    let phase: 'connecting' | 'waiting' = 'connecting';
    let timer: Disposable | undefined;
    const over = () => {
      timer?.[Symbol.dispose]();
      timer = undefined;
    };
    const leave = () => outgoing.destroy();
    exchange.whenGone = leave;
    const connected = () => {
      over();
      phase = 'waiting';
      if (limits.headMs !== undefined) timer = clock.schedule(limits.headMs, () => outgoing.destroy(timedOut()));
      // Not before: what is not read yet can still go to another server.
      if (!body) return void outgoing.end();
      outgoing.flushHeaders(); // the body may be long in coming
      body.pipe(outgoing);
      body.once('error', leave);
    };
    outgoing.once('socket', (socket: Socket) => {
      if (isConnected(socket)) return connected();
      timer = clock.schedule(limits.connectMs, () => outgoing.destroy(timedOut()));
      socket.once(protocol === 'https' ? 'secureConnect' : 'connect', connected);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      over();
      if (phase === 'waiting') drop(body, outgoing);
      if (exchange.isGone) return resolve(undefined);
      reject(new NotAnswered(phase, error.code ?? 'ERR', outgoing.reusedSocket, { cause: error }));
    });
    outgoing.once('close', () => {
      over();
      if (phase === 'waiting') drop(body, outgoing);
      resolve(undefined);
    });
    outgoing.once('response', (answer) => {
      over();
      resolve(answer);
    });
  });
}

/** What a server does not want to read of a request must not hold up the client's connection. */
function drop(body: Readable | undefined, outgoing: Writable): void {
  body?.unpipe(outgoing);
  body?.resume();
}

export function isConnected(socket: Socket): boolean {
  return !socket.connecting && !(socket as TLSSocket & { secureConnecting?: boolean }).secureConnecting;
}

export function timedOut(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
}

/** Methods whose requests have no body unless they say so. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE']);

/**
 * Kept alive also where it is for one request: a server that is to close it may do so before it has read the body, and then its
 * answer is lost with the connection.
 */
function framed(method: string, headers: RawHeaders, hasBody: boolean): string[] {
  const kept = [...headers, 'Connection', 'keep-alive'];
  if (valueOf(headers, 'content-length') !== undefined) return kept;
  if (hasBody) return [...kept, 'Transfer-Encoding', 'chunked'];
  return bodiless.has(method) ? kept : [...kept, 'Content-Length', '0'];
}

/** An HTTP/1.1 answer of chunks is written in chunks again, with what follows them. */
function keepTrailer({ rawHeaders }: IncomingMessage): string[] {
  const trailer = valueOf(rawHeaders, 'trailer');
  return trailer === undefined || valueOf(rawHeaders, 'transfer-encoding') === undefined ? endToEnd(rawHeaders) : [...endToEnd(rawHeaders), 'Trailer', trailer];
}
