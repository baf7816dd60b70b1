// The socket: TLS, HTTP/1.1 and HTTP/2 on one port, and upgrades for streams.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { Authenticate, CertificateSubject } from '../auth/access.ts';
import { isHttp2, type Incoming } from './exchange.ts';
import type { Handler } from './handler.ts';
import { renderError } from './render.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** Certificates that it has signed say who a client is. PEM. */
  readonly clientCa: string;
}

export type Upgrade = (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Ends every connection and resolves when all are closed. */
  close(): Promise<void>;
}

export async function listen(options: ListenOptions, handler: Handler, upgrade: Upgrade): Promise<Listening> {
  const { host, port, key, cert, clientCa } = options;
  const server = createSecureServer({ key, cert, ca: clientCa, requestCert: true, rejectUnauthorized: false, allowHTTP1: true, settings: { maxConcurrentStreams: 1000 } });
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', handler);
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.on('clientError', (_error: Error, socket: Duplex) => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'));
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    upgrade(incoming, socket, head).catch((error) => refuse(socket, ApiError.of(error)));
  });
  keepHttp1Bounded(server);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * Who sends a request: what the connection's certificate says, asked once for each connection; else what the header says,
 * asked again when a connection comes with another one.
 */
export function authenticator(authenticate: Authenticate): (incoming: Incoming) => UserInfo | undefined {
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
    if (found && authorization !== undefined) byHeader.set(connection, { authorization, user: found });
    return found;
  };
}

function verifiedCertificate(socket: TLSSocket): { subject: CertificateSubject } | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  return subject ? { subject: subject as unknown as CertificateSubject } : undefined;
}

/** Node's limits for slow headers and idle connections; they apply to the HTTP/1.1 side. */
function keepHttp1Bounded(server: Http2SecureServer): void {
  Object.assign(server, { headersTimeout: 60_000, requestTimeout: 0, keepAliveTimeout: 120_000 });
}

/** A refusal before the upgrade is a plain answer. */
function refuse(socket: Duplex, error: ApiError): void {
  if (socket.destroyed) return;
  const { code, body } = renderError(error);
  socket.end(`HTTP/1.1 ${code} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString()}`);
}
