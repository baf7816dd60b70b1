// The API over HTTPS, for programs and nodes that do not live in the server's process. One HTTP/2 connection carries
// all requests and watches; it is made when first needed, and anew after it was lost.
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { PassThrough, pipeline, type Duplex } from 'node:stream';
import { ApiError } from '../api/error.ts';
import type { ApiRequest, PatchType, Transport, WatchEvent } from '../api/request.ts';
import type { Status } from '../api/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { jsonLines } from './json-lines.ts';
import { methodOf, pathOf } from '../api/request-path.ts';

export interface HttpTransportOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM; who may have signed the server's certificate. Undefined: those the system trusts. */
  readonly ca?: string;
  /** A client certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Sent as a bearer token; asked for at each request, so that it may be renewed. */
  readonly token?: () => string | undefined;
  /** As whom requests are made, where not as oneself. */
  readonly impersonate?: string;
  /** Which program asks, e.g. `kubelet/v1.36.0 (linux/amd64)`: the server calls the owner of what it writes by it. */
  readonly userAgent?: string;
  /** Told each warning that the server sends with an answer. */
  readonly warned?: (text: string) => void;
  /** Told of each request how it was answered; undefined: it was not. */
  readonly answered?: (host: string, method: string, code: number | undefined) => void;
  readonly clock: Clock;
  readonly random: Random;
}

const windowBytes = 4 * 1024 * 1024;
/** A connection that is silent for so long is asked for a sign of life, and given up when none comes in the same time. */
const silenceMs = 15_000;
/** An object is at most 3 MB as it is sent; what the server adds to it is less. */
const mostLineBytes = 8 * 1024 * 1024;

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** To be closed at the end: its connection would keep the process alive. */
export class HttpTransport implements Transport {
  #options: HttpTransportOptions;
  #session: ClientHttp2Session | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  async call<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    const chunks: Uint8Array[] = [];
    const over = Promise.withResolvers<void>();
    const whole = over.promise.catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
    // Where no answer has even begun, that is told first.
    whole.catch(() => {});
    const { status } = await this.#send(request, signal, (stream) => {
      stream.on('data', (chunk: Uint8Array) => void chunks.push(chunk));
      stream.once('end', over.resolve);
      stream.once('close', () => over.reject(unavailable(new Error('the connection was lost'))));
    });
    await whole;
    signal.throwIfAborted();
    const text = Buffer.concat(chunks).toString();
    if (status >= 400) throw errorFrom(status, text);
    return (request.subresource === 'log' ? text : text === '' ? undefined : JSON.parse(text)) as T;
  }

  async *watch<T>(request: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const body = new PassThrough();
    const { stream, status } = await this.#send(request, signal, (made) => void pipeline(made, body, () => {}));
    try {
      if (status >= 400) throw errorFrom(status, (await bytesOf(body)).toString());
      for await (const line of jsonLines(body, mostLineBytes)) {
        const event = line as WatchEvent<T>;
        if (event.type === 'ERROR') throw ApiError.from(event.object);
        yield event;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  connect(request: ApiRequest, signal: AbortSignal): Promise<Duplex> {
    const { server, ca, cert, key, random } = this.#options;
    const url = new URL(pathOf(request), server);
    const headers = {
      ...this.#sender(),
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.from(random.uuid().replaceAll('-', ''), 'hex').toString('base64'),
      'sec-websocket-protocol': 'v5.channel.k8s.io, v4.channel.k8s.io',
    };
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(url, { ca, cert, key, headers, signal, method: 'GET' });
      sent.once('upgrade', (_, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      sent.once('response', (response) => {
        bytesOf(response).then((body) => reject(errorFrom(response.statusCode ?? 500, body.toString())), reject);
      });
      sent.once('error', reject);
      sent.end();
    });
  }

  /** From now on comes with another certificate. Ends what goes on with the old one: whoever watches begins anew. */
  useCertificate(cert: string, key: string): void {
    this.#options = { ...this.#options, cert, key };
    this.close();
  }

  /** Ends the connection and all requests on it. A later request would make a new one. */
  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  /**
   * `read` is given the stream before anything can have come: a small answer may be over, all in one piece, before a promise
   * has told of its beginning, and Node.js throws away what nobody reads by then.
   */
  async #send(request: ApiRequest, signal: AbortSignal, read: (stream: ClientHttp2Stream) => void): Promise<{ stream: ClientHttp2Stream; status: number }> {
    signal.throwIfAborted();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers = {
      ...this.#sender(),
      ':method': methodOf(request),
      ':path': pathOf(request),
      accept: 'application/json',
      ...(body ? { 'content-type': request.patchType ? patchTypes[request.patchType] : 'application/json', 'content-length': body.length } : {}),
    };
    const stream = this.#connection().request(headers, { signal, endStream: !body });
    read(stream);
    const { answered, server } = this.#options;
    let isAnswered = false;
    return new Promise((resolve, reject) => {
      // Stays on: a connection lost later ends the reading of the body, which is where that is told.
      stream.on('error', (error) => reject(signal.aborted ? signal.reason : unavailable(error)));
      stream.once('response', (answer) => {
        for (const text of warningsOf(answer['warning'])) this.#options.warned?.(text);
        isAnswered = true;
        answered?.(new URL(server).host, headers[':method'], Number(answer[':status']));
        resolve({ stream, status: Number(answer[':status']) });
      });
      if (answered) stream.once('close', () => isAnswered || signal.aborted || answered(new URL(server).host, headers[':method'], undefined));
      stream.once('close', () => reject(unavailable(new Error('the connection was lost'))));
      if (body) stream.end(body);
    });
  }

  #sender(): Record<string, string> {
    const { impersonate, userAgent = 'peapod' } = this.#options;
    const token = this.#options.token?.();
    return { 'user-agent': userAgent, ...(token ? { authorization: `Bearer ${token}` } : {}), ...(impersonate ? { 'impersonate-user': impersonate } : {}) };
  }

  #connection(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { server, ca, cert, key, clock } = this.#options;
    const session = connect(server, { ca, cert, key, settings: { initialWindowSize: windowBytes, enablePush: false } });
    this.#session = session;
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.once('connect', () => session.destroyed || session.setLocalWindowSize(windowBytes * 4));
    session.on('error', forget);
    session.once('goaway', forget);
    session.once('close', forget);
    keepAlive(session, clock);
    return session;
  }
}

function keepAlive(session: ClientHttp2Session, clock: Clock): void {
  let timer = clock.schedule(silenceMs, ask);
  session.once('close', () => timer[Symbol.dispose]());

  function ask(): void {
    if (session.destroyed) return;
    timer = clock.schedule(silenceMs, () => session.destroy(new Error('the server is silent')));
    session.ping((error) => {
      timer[Symbol.dispose]();
      if (!error && !session.destroyed) timer = clock.schedule(silenceMs, ask);
    });
  }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function errorFrom(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return ApiError.from(status);
  } catch {
    // Not the API's own answer: a proxy's page, or cut short.
  }
  return new ApiError(code, '', text.slice(0, 1024) || `the server answered ${code}`);
}

/** `299 - "text"`, one or several to a header; the text is UTF-8 within what Node reads as latin1. */
function warningsOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  const quoted = [header].flat().join(',').matchAll(/299 \S+ ("(?:[^"\\]|\\.)*")/g);
  return [...quoted].map(([, text]) => JSON.parse(Buffer.from(text!, 'latin1').toString()) as string);
}

function unavailable(cause: Error): ApiError {
  return new ApiError(503, 'ServiceUnavailable', `the server cannot be reached: ${cause.message}`, undefined, { cause });
}
