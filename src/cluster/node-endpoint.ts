// What a joined node serves to the API server, at the port of a kubelet: logs, streams and pages, over HTTPS, for whom the API
// server says may have them.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '../api/error.ts';
import type { UserInfo } from '../api/kind.ts';
import type { LogOptions, NodeService, PodTarget } from '../api/node-service.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { userOfCertificate, bearerToken } from '../server/auth/authenticate.ts';
import type { StreamKind } from '../server/streams/streams.ts';
import { createStreams } from '../server/streams/upgrade.ts';
import type { NodeAccess } from './node-access.ts';

export interface NodeEndpointOptions {
  readonly host: string;
  /** Where it is taken, any that is free. */
  readonly port: number;
  /** Signs those who may come with a certificate; PEM. */
  readonly clientCa: string;
  readonly access: NodeAccess;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NodeEndpoint {
  readonly port: number;
  /** It has a certificate. */
  readonly isServing: boolean;
  /** From here on it answers. */
  serve(service: NodeService): void;
  /** Without one nobody can come in; may be called again with a newer one. */
  useCertificate(cert: string, key: string): void;
  close(): Promise<void>;
}

/** What one of our own may ask for; anything else is a page. */
type Target =
  | { readonly type: 'logs'; readonly pod: PodTarget; readonly container: string }
  | { readonly type: 'stream'; readonly kind: StreamKind; readonly pod: PodTarget; readonly container?: string }
  | { readonly type: 'usage' }
  | { readonly type: 'page' };

export async function startNodeEndpoint({ host, port, clientCa, access, clock, log }: NodeEndpointOptions): Promise<NodeEndpoint> {
  const server = createServer({ ca: clientCa, requestCert: true, rejectUnauthorized: false });
  const streams = createStreams({ clock });
  const closing = new AbortController();
  const sockets = new Set<Duplex>();
  let service: NodeService | undefined;
  let isServing = false;
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('request', (incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => refuse(outgoing, ApiError.of(error)));
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    stream(incoming, socket, head).catch((error: unknown) => {
      const { code, body } = rendered(ApiError.of(error));
      socket.end(`HTTP/1.1 ${code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
    });
  });
  const bound = await listenOn(server, host, port);

  async function enter(incoming: IncomingMessage): Promise<{ service: NodeService; url: URL; target: Target; signal: AbortSignal }> {
    const url = new URL(incoming.url ?? '/', 'https://node');
    const user = await sender(incoming);
    if (!user) throw ApiError.unauthorized();
    await access.check(user, incoming.method ?? 'GET', url.pathname, closing.signal);
    if (!service) throw ApiError.unavailable('the node has not started yet');
    const gone = new AbortController();
    incoming.socket.once('close', () => gone.abort(new Error('the client has left')));
    return { service, url, target: targetOf(url), signal: AbortSignal.any([gone.signal, closing.signal]) };
  }

  async function sender(incoming: IncomingMessage): Promise<UserInfo | undefined> {
    const socket = incoming.socket as TLSSocket;
    const user = socket.authorized ? userOfCertificate(socket.getPeerCertificate().subject as never) : undefined;
    if (user) return user;
    const token = incoming.headers.authorization && bearerToken(incoming.headers.authorization);
    return token ? access.userOf(token, closing.signal) : undefined;
  }

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    outgoing.on('error', () => {});
    const { service, url, target, signal } = await enter(incoming);
    if (target.type === 'stream') throw ApiError.badRequest('Upgrade request required');
    if (incoming.method !== 'GET') throw new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    if (target.type === 'usage') return void outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(await service.usage(signal)));
    if (target.type === 'logs') return pourOut(outgoing, 200, 'text/plain', service.logs(target.pod, target.container, logOptions(url.searchParams), signal));
    const { code, type, body } = await service.page(decodeURI(url.pathname), url.searchParams, signal);
    if (body instanceof Uint8Array) return void outgoing.writeHead(code, { 'content-type': type, 'content-length': body.length }).end(body);
    return pourOut(outgoing, code, type, body);
  }

  async function stream(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { service, url, target, signal } = await enter(incoming);
    if (target.type !== 'stream') throw ApiError.badRequest('there is nothing to upgrade to');
    await streams.upgrade(incoming, socket, head, { kind: target.kind, pod: target.pod, container: target.container, service, query: url.searchParams }, signal);
  }

  return {
    port: bound,
    get isServing() {
      return isServing;
    },
    serve: (given) => void (service = given),
    useCertificate(cert, key) {
      server.setSecureContext({ ca: clientCa, cert, key });
      isServing = true;
      log.info('serving with a new certificate', { port: bound });
    },
    async close() {
      closing.abort(new Error('the node is shutting down'));
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listenOn(server: Server, host: string, port: number): Promise<number> {
  for (const wanted of [port, 0]) {
    try {
      server.listen(wanted, host);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || wanted === 0) throw error;
    }
  }
  throw new Error('unreachable');
}

/** Throws ApiError NotFound for a path that has too few parts. */
function targetOf({ pathname, searchParams }: URL): Target {
  const [, kind = '', namespace = '', name = '', third = '', fourth = ''] = pathname.split('/').map(decodeURIComponent);
  const uid = searchParams.get('uid') ?? '';
  const need = (...parts: string[]) => {
    if (parts.includes('')) throw new ApiError(404, 'NotFound', `404 page not found`);
  };
  switch (kind) {
    case 'containerLogs':
      need(namespace, name, third, uid);
      return { type: 'logs', pod: { namespace, name, uid }, container: third };
    case 'exec':
    case 'attach':
      need(namespace, name, third, fourth);
      return { type: 'stream', kind, pod: { namespace, name, uid: third }, container: fourth };
    case 'portForward':
      need(namespace, name, uid);
      return { type: 'stream', kind: 'portforward', pod: { namespace, name, uid } };
    case 'peapod':
      return { type: namespace === 'usage' ? 'usage' : 'page' };
    default:
      return { type: 'page' };
  }
}

/** The API server has checked them. */
function logOptions(query: URLSearchParams): LogOptions {
  const number = (name: string) => (query.has(name) ? Number(query.get(name)) : undefined);
  return {
    follow: query.has('follow'), previous: query.has('previous'), timestamps: query.has('timestamps'),
    sinceSeconds: number('sinceSeconds'), sinceTime: query.get('sinceTime') ?? undefined, tailLines: number('tailLines'), limitBytes: number('limitBytes'),
    stream: (query.get('stream') ?? undefined) as LogOptions['stream'],
  };
}

/** As fast as it is taken. The head goes with the first chunk, so that what fails before is told as such. */
async function pourOut(outgoing: ServerResponse, code: number, type: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  outgoing.statusCode = code;
  outgoing.setHeader('content-type', type);
  for await (const chunk of chunks) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk) && !outgoing.destroyed) await new Promise<void>((resolve) => outgoing.once('drain', resolve).once('close', resolve));
  }
  outgoing.end();
}

function refuse(outgoing: ServerResponse, error: ApiError): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  const { code, body } = rendered(error);
  outgoing.writeHead(code, { 'content-type': 'application/json' }).end(body);
}

function rendered(error: ApiError): { code: number; body: string } {
  return { code: error.code, body: JSON.stringify(error.toStatus()) };
}
