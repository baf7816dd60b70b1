// A request that is to be forwarded and the way to answer it, the same over HTTP/1.1 and HTTP/2.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { byName, filtered, replaced, valueOf, type RawHeaders } from './headers.ts';

export interface Head {
  readonly code: number;
  readonly headers: RawHeaders;
}

export interface ProxiedExchange {
  readonly method: string;
  readonly headers: RawHeaders;
  /** Undefined: the request has none. Not read by anybody before. */
  readonly body: Readable | undefined;
  /** True when the client has gone before it had the whole answer. Told by a plain call: an AbortSignal costs as much as all else here. */
  readonly isGone: boolean;
  whenGone: (() => void) | undefined;
  readonly isAnswered: boolean;
  /** Sends the head, at once where nothing says that a body follows closely, and gives what takes the body. */
  answer(head: Head): Writable;
  /** After the last of the body and before its end; only where the head had a `Trailer`. */
  trailers(headers: RawHeaders): void;
  /** Ends the connection, or the stream: the client must not take what it has for the whole. */
  destroy(): void;
}

/** `own`: what the answer's head says in any case, whatever the other server says of it. */
export function http1Exchange(request: IncomingMessage, response: ServerResponse, own: RawHeaders = []): ProxiedExchange {
  const { headers } = request;
  return goneWith(response, {
    method: request.method ?? 'GET',
    headers: request.rawHeaders,
    body: headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0 ? request : undefined,
    isGone: response.destroyed,
    whenGone: undefined,
    get isAnswered() {
      return response.headersSent;
    },
    answer({ code, headers: theirs }) {
      const headers = replaced(theirs, own);
      // Only after chunks can there be trailers.
      const hasChunks = request.method !== 'HEAD' && request.httpVersionMinor > 0 && code !== 204 && code !== 304;
      response.writeHead(code, (hasChunks ? headers : filtered(headers, (name) => name !== 'trailer')) as string[]);
      if (valueOf(headers, 'content-length') === undefined) response.flushHeaders();
      return response;
    },
    trailers: (headers) => response.addTrailers(pairs(headers)),
    destroy: () => void response.destroy(),
  });
}

/** `own`: as above. */
export function http2Exchange(stream: ServerHttp2Stream, rawHeaders: RawHeaders, own: RawHeaders = []): ProxiedExchange {
  let trailing: RawHeaders = [];
  stream.on('error', () => {});
  return goneWith(stream, {
    method: valueOf(rawHeaders, ':method') ?? 'GET',
    headers: rawHeaders,
    body: stream.endAfterHeaders ? undefined : stream,
    isGone: stream.destroyed,
    whenGone: undefined,
    get isAnswered() {
      return stream.headersSent;
    },
    answer({ code, headers: theirs }) {
      const headers = replaced(theirs, own);
      const waitForTrailers = valueOf(headers, 'trailer') !== undefined;
      if (waitForTrailers) stream.once('wantTrailers', () => stream.sendTrailers(byName(trailing)));
      if (!stream.destroyed) stream.respond({ ...byName(filtered(headers, (name) => name !== 'connection')), ':status': code }, { waitForTrailers });
      return stream;
    },
    trailers: (headers) => void (trailing = headers),
    // Without an error the stream would end as if all had been sent.
    destroy: () => void stream.destroy(new Error('the answer was cut off')),
  });
}

function goneWith(answer: Writable, exchange: ProxiedExchange): ProxiedExchange {
  const gone = () => {
    if (exchange.isGone) return;
    (exchange as { isGone: boolean }).isGone = true;
    exchange.whenGone?.();
  };
  answer.once('close', () => answer.writableFinished || gone());
  // Of HTTP/2: a client that takes back its request without calling it an error; node then ends our side by itself.
  answer.once('aborted', gone);
  return exchange;
}

function pairs(headers: RawHeaders): [string, string][] {
  return Array.from({ length: headers.length / 2 }, (_, index) => [headers[index * 2]!, headers[index * 2 + 1]!]);
}
