// The socket: TLS, HTTP/1.1 and HTTP/2 on one port, and upgrades for streams.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { Authenticate, CertificateSubject } from '../auth/access.ts';
import { bearerToken } from '../auth/authenticate.ts';
import { defaultLimits, http1Limits, serverOptions, type ConnectionLimits } from './connection-limits.ts';
import { Connections } from './connections.ts';
import { isHttp2, send, type Incoming } from './exchange.ts';
import type { Handler } from './handler.ts';
import { Http2Incoming, Http2Outgoing, type Waiting } from './http2-exchange.ts';
import { IdleSessions } from './idle-sessions.ts';
import { renderError } from './render.ts';
import { dropUnread, isUnread } from './unread.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** Certificates that it has signed say who a client is. PEM. */
  readonly clientCa: string;
  readonly limits?: Partial<ConnectionLimits>;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Ends every connection and resolves when all are closed. */
  close(): Promise<void>;
}

export async function listen(options: ListenOptions, handler: Handler, clock: Clock): Promise<Listening> {
  const { host, port, key, cert, clientCa } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const server = createSecureServer({ ...serverOptions(limits), key, cert, ca: clientCa, requestCert: true, rejectUnauthorized: false, allowHTTP1: true });
  Object.assign(server, http1Limits(limits));
  const idleSessions = new IdleSessions(clock, limits.idleMs);
  const connections = new Connections(clock, limits.checkEveryMs);
  server.on('connection', (socket: Socket) => connections.begin(socket));
  server.on('secureConnection', (socket: TLSSocket) => connections.secure(socket));
  server.on('request', handler.serve);
  // With a listener for `request`, node serves HTTP/2 through its compatibility layer as well.
  server.removeAllListeners('stream');
  const waiting = new WeakMap<ServerHttp2Session, Waiting>();
  server.on('session', (session: ServerHttp2Session) => {
    waiting.set(session, { bytes: 0 });
    connections.session(session);
    idleSessions.begin(session);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    const others = stream.session && waiting.get(stream.session as ServerHttp2Session);
    // Taken back before anybody heard of it.
    if (!others) return;
    connections.stream(stream);
    idleSessions.stream(stream);
    if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
    const incoming = new Http2Incoming(stream, headers, rawHeaders);
    const outgoing = new Http2Outgoing(stream, others);
    if (others.bytes > limits.waitingBytes) refuseStream(incoming, outgoing, clock);
    else handler.serve(incoming, outgoing);
  });
  server.on('sessionError', () => {});
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => connections.secure(socket));
  server.on('clientError', refuseClient);
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    socket.once('finish', () => leaveUnread(socket as TLSSocket));
    handler.upgrade(incoming, socket, head).catch((error) => refuse(socket, ApiError.of(error)));
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      connections[Symbol.dispose]();
      await closed;
    },
  };
}

/** Asked for each request, since its answer changes with the objects that a token is bound to. */
export type AuthenticateToken = (token: string) => UserInfo | undefined | Promise<UserInfo | undefined>;

/**
 * Who sends a request: what the connection's certificate says, asked once for each connection; else what the header says,
 * asked again when a connection comes with another one; else whose token it holds. A promise only where one is needed.
 */
export function authenticator(authenticate: Authenticate, authenticateToken: AuthenticateToken): (incoming: Incoming) => UserInfo | undefined | Promise<UserInfo | undefined> {
  const byCertificate = new WeakMap<object, UserInfo | 'nobody'>();
  const byHeader = new WeakMap<object, { readonly authorization: string; readonly user: UserInfo }>();
  return (incoming) => {
    const connection = isHttp2(incoming) ? incoming.stream.session! : incoming.socket;
    let user = byCertificate.get(connection);
    if (user === undefined) {
      const certificate = verifiedCertificate((isHttp2(incoming) ? incoming.stream.session!.socket : incoming.socket) as TLSSocket);
      user = (certificate && authenticate({ certificate, path: '' })) ?? 'nobody';
      byCertificate.set(connection, user);
    }
    if (user !== 'nobody') return user;
    const { authorization } = incoming.headers;
    const last = byHeader.get(connection);
    if (last !== undefined && last.authorization === authorization) return last.user;
    const found = authenticate({ authorization, path: incoming.url ?? '' });
    if (authorization === undefined) return found;
    if (found) byHeader.set(connection, { authorization, user: found });
    const token = found ? undefined : bearerToken(authorization);
    return token === undefined ? found : authenticateToken(token);
  };
}

function verifiedCertificate(socket: TLSSocket): { subject: CertificateSubject } | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  return subject ? { subject: subject as unknown as CertificateSubject } : undefined;
}

/** How long, and how much, is still read of a client that was refused: a socket closed on unread data loses the answer. */
const lingerMs = 1000;
const lingerBytes = 4 * 1024 * 1024;

/** An upgrade that was refused has nobody who reads on: what the client had sent already would keep its leaving from being seen. */
function leaveUnread(socket: TLSSocket): void {
  if (socket.destroyed || socket.readableFlowing || socket.listenerCount('readable') > 0) return;
  socket.setTimeout(lingerMs, () => socket.destroy());
  socket.resume();
}

/** For what is no HTTP/1.1. Called again with all that comes after. */
function refuseClient(error: NodeJS.ErrnoException, socket: TLSSocket): void {
  if (error.code === 'ECONNRESET' || socket.bytesRead > lingerBytes) return void socket.destroy();
  if (!socket.writable) return;
  socket.setTimeout(lingerMs, () => socket.destroy());
  refuse(socket, unreadable(error));
  socket.resume();
}

function unreadable({ code, message }: NodeJS.ErrnoException): ApiError {
  if (code === 'HPE_HEADER_OVERFLOW') return new ApiError(431, 'RequestHeaderFieldsTooLarge', 'the header fields of the request are too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ApiError(408, 'RequestTimeout', 'the request did not come in time');
  return ApiError.badRequest(`the request cannot be read: ${message}`);
}

/** So that no client has the server keep more and more for it. */
function refuseStream(incoming: Http2Incoming, outgoing: Http2Outgoing, clock: Clock): void {
  const { code, headers, body } = renderError(ApiError.tooManyRequests('too many answers wait to be read on this connection', 1));
  send(outgoing, code, headers, body);
  if (isUnread(incoming)) dropUnread(incoming, clock);
}

/** A refusal before the upgrade is a plain answer. */
function refuse(socket: Duplex, error: ApiError): void {
  if (socket.destroyed) return;
  const { code, body } = renderError(error);
  socket.end(`HTTP/1.1 ${code} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString()}`);
}
