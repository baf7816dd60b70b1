// A request and its answer, over HTTP/1.1 or HTTP/2.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Incoming, Http2Outgoing } from './http2-exchange.ts';

export type Incoming = IncomingMessage | Http2Incoming;
export type Outgoing = ServerResponse | Http2Outgoing;

/** A large body that is never in one piece unless someone needs it so. */
export interface Pieces {
  readonly length: number;
  whole(): Buffer;
  /** Each piece is to be used before the next is asked for: they may share their memory. */
  pieces(): Iterator<Buffer>;
}

export type Headers = Record<string, string | number | readonly string[]>;

/** Sends all of an answer. Does nothing when the client is gone. */
export function send(outgoing: Outgoing, code: number, headers: Headers, body: Buffer | Pieces): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  headers['content-length'] = body.length;
  // The two overloads of writeHead differ only in a status text that neither needs.
  (outgoing as ServerResponse).writeHead(code, headers as never);
  if (Buffer.isBuffer(body)) outgoing.end(body);
  else sendPieces(outgoing as ServerResponse, body.pieces());
}

/** A piece at a time, each when the one before has been taken, so that a long list holds up nobody else. */
function sendPieces(outgoing: ServerResponse, pieces: Iterator<Buffer>): void {
  const next = (error?: Error | null) => {
    if (error || outgoing.destroyed) return;
    const { value, done } = pieces.next();
    if (done) outgoing.end();
    else outgoing.write(value, next);
  };
  next();
}

export function isHttp2(incoming: Incoming): incoming is Http2Incoming {
  return incoming.httpVersionMajor === 2;
}
