// A port where clients come in: asked for again and again while something else has it.
//
//   closed ──open──▶ asking ──▶ listening ──close──▶ closed
//                     ▲   │ taken: `failed` is told
//                     └───┘ after a while
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext, Server as TlsServer } from 'node:tls';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { http1Exchange, http2Exchange } from '../../base/reverse-proxy/exchange.ts';
import { clientAddressOf, type Serving } from './serve.ts';

export interface Listener {
  /** Undefined: not listening. */
  readonly port: number | undefined;
  open(): void;
  /** The certificate for clients that name no host. */
  useWithoutName(keyed: { readonly cert: Buffer; readonly key: Buffer } | undefined): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly serving: Serving;
  /** Set: TLS, with the certificate for a server name; undefined for a name that has none. */
  readonly contextFor?: (serverName: string | undefined) => SecureContext | undefined;
  /** When `port` has changed, or could not be had. */
  readonly changed: (failure?: Error) => void;
  readonly failed: (error: unknown) => void;
  readonly clock: Clock;
}

const retry = { initialMs: 1_000, longestMs: 10_000 };
const mostStreams = 250;

export function createListener({ port, serving, contextFor, changed, failed, clock }: ListenerOptions): Listener {
  const scheme = contextFor ? 'https' : 'http';
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let listening: number | undefined;
  let failures = 0;
  let waiting: Disposable | undefined;
  let withoutName: { readonly cert: Buffer; readonly key: Buffer } | undefined;

  const entry = (socket: { readonly remoteAddress?: string } | undefined) => ({ scheme, port: listening ?? port, clientAddress: clientAddressOf(socket) }) as const;

  function made(): Server {
    const one = (contextFor ? createSecureServer({ allowHTTP1: true, ...withoutName, settings: { maxConcurrentStreams: mostStreams }, SNICallback: (name, done) => pick(contextFor, name, done) }) : createServer()) as Server;
    one.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.on('error', () => {});
      serving.serve(http1Exchange(request, response), request.url ?? '/', entry(request.socket)).catch((error) => (failed(error), response.destroy()));
    });
    // With a listener for `request`, node serves HTTP/2 through its compatibility layer as well.
    one.removeAllListeners('stream');
    one.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      stream.on('error', () => {});
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
      serving.serve(http2Exchange(stream, rawHeaders), headers[':path'] ?? '/', entry(stream.session?.socket)).catch((error) => (failed(error), stream.destroy()));
    });
    one.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => {});
      serving.upgrade(request, socket, head, entry(request.socket)).catch((error) => (failed(error), socket.destroy()));
    });
    for (const quiet of ['sessionError', 'tlsClientError']) one.on(quiet, () => {});
    one.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    return Object.assign(one, { headersTimeout: 60_000, requestTimeout: 0, keepAliveTimeout: 75_000 });
  }

  function open(): void {
    if (server || waiting) return;
    const one = made();
    server = one;
    one.once('error', (error) => {
      server = undefined;
      changed(error);
      waiting = clock.schedule(backoffMs(++failures, retry), () => {
        waiting = undefined;
        open();
      });
    });
    one.listen(port, () => {
      failures = 0;
      listening = (one.address() as AddressInfo).port;
      one.removeAllListeners('error');
      one.on('error', failed);
      changed();
    });
  }

  return {
    get port() {
      return listening;
    },
    open,
    useWithoutName(keyed) {
      withoutName = keyed;
      (server as Partial<TlsServer> | undefined)?.setSecureContext?.(keyed ?? {});
    },
    async close() {
      waiting?.[Symbol.dispose]();
      waiting = undefined;
      const one = server;
      server = undefined;
      if (!one || listening === undefined) return void one?.close();
      listening = undefined;
      const closed = new Promise<void>((resolve) => one.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      changed();
    },
  };
}

/** The connection of a client that names a host without a certificate is ended in its handshake. */
function pick(contextFor: NonNullable<ListenerOptions['contextFor']>, name: string | undefined, done: (error: Error | null, context?: SecureContext) => void): void {
  const context = contextFor(name);
  if (context) done(null, context);
  else done(new Error(`there is no certificate for ${name ?? 'clients that name no host'}`));
}
