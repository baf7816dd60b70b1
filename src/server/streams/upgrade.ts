// Takes over a connection that asks to be upgraded: chooses the protocol, and hands it to what speaks it.
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ApiError } from '../../api/error.ts';
import type { Clock } from '../../base/clock.ts';
import { Channels } from './channels.ts';
import { serveChannelCommand } from './channel-command.ts';
import { openLocal } from './local.ts';
import { portForwardProtocol, queriedPorts, serveChannelPortForward, serveSpdyPortForward } from './port-forward.ts';
import { commandOptions } from './remote-command.ts';
import { commandProtocols, serveSpdyCommand } from './spdy-command.ts';
import type { StreamTarget, Streams } from './streams.ts';
import { acceptWebSocket } from './web-socket.ts';

export function createStreams({ clock }: { readonly clock: Clock }): Streams {
  return {
    open: openLocal,
    async upgrade(request, socket, head, target, signal) {
      socket.on('error', () => {});
      if (socket instanceof Socket) socket.setKeepAlive(true, keepAliveMs);
      using _idle = socket instanceof Socket ? endWhenIdle(socket, clock) : undefined;
      try {
        await serve(request, socket, head, target, clock, signal);
      } catch (error) {
        if (error instanceof NotRunning) refuseInPlainWords(socket, error.cause);
        else refuse(socket, ApiError.of(error));
      }
    },
  };
}

/** Finds clients that vanished without a word. */
const keepAliveMs = 30_000;

/** As the kubelet's streamingConnectionIdleTimeout. */
const idleMs = 4 * 3600 * 1000;
const lookEveryMs = idleMs / 16;

/** Ends a connection on which nothing has gone either way for so long. */
function endWhenIdle(socket: Socket, clock: Clock): Disposable {
  let [bytes, sinceMs] = [0, clock.monotonicMs()];
  let timer = clock.schedule(lookEveryMs, look);
  function look(): void {
    const now = socket.bytesRead + socket.bytesWritten;
    if (now !== bytes) [bytes, sinceMs] = [now, clock.monotonicMs()];
    if (clock.monotonicMs() - sinceMs >= idleMs) return void socket.destroy();
    timer = clock.schedule(lookEveryMs, look);
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

interface WebSocketProtocol {
  readonly name: string;
  readonly codec: 'binary' | 'base64';
  readonly errorFormat: 'status' | 'text';
}

/** '' is for clients that name none. */
const webSocketProtocols: readonly WebSocketProtocol[] = [
  { name: 'v5.channel.k8s.io', codec: 'binary', errorFormat: 'status' },
  { name: 'v4.channel.k8s.io', codec: 'binary', errorFormat: 'status' },
  { name: 'v4.base64.channel.k8s.io', codec: 'base64', errorFormat: 'status' },
  { name: 'channel.k8s.io', codec: 'binary', errorFormat: 'text' },
  { name: 'base64.channel.k8s.io', codec: 'base64', errorFormat: 'text' },
  { name: '', codec: 'binary', errorFormat: 'text' },
];

const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;

/** Throws before the upgrade only. */
function serve(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, clock: Clock, signal: AbortSignal): Promise<void> {
  switch (request.headers.upgrade?.toLowerCase()) {
    case 'websocket':
      return target.kind === 'portforward' ? webSocketPortForward(request, socket, head, target, clock, signal) : webSocketCommand(request, socket, head, target, signal);
    case 'spdy/3.1':
      return target.kind === 'portforward' ? spdyPortForward(request, socket, head, target, clock, signal) : spdyCommand(request, socket, head, target, clock, signal);
    default:
      throw ApiError.badRequest('Upgrade request required');
  }
}

async function webSocketCommand(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, signal: AbortSignal): Promise<void> {
  const options = commandOptions(target);
  const { name, codec, errorFormat } = webSocketProtocol(request, webSocketProtocols);
  const messages = await acceptWebSocket(request, socket, head, name, 'messages');
  if (!messages) return;
  await serveChannelCommand(new Channels(messages, codec), errorFormat, target, options, signal);
  await finished(messages).catch(() => {});
}

async function webSocketPortForward(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, clock: Clock, signal: AbortSignal): Promise<void> {
  if (offered(request, 'sec-websocket-protocol').includes(tunnelProtocol)) {
    const tunnel = await acceptWebSocket(request, socket, head, tunnelProtocol, 'bytes');
    if (tunnel) await serveSpdyPortForward(tunnel, Buffer.alloc(0), target, clock, signal);
    return;
  }
  const ports = queriedPorts(target.query);
  const { name, codec } = webSocketProtocol(request, webSocketProtocols.filter((protocol) => protocol.name === '' || protocol.name.startsWith('v4.')));
  const messages = await acceptWebSocket(request, socket, head, name, 'messages');
  if (!messages) return;
  await serveChannelPortForward(messages, codec, ports, target, signal);
  await finished(messages).catch(() => {});
}

async function spdyCommand(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, clock: Clock, signal: AbortSignal): Promise<void> {
  const options = commandOptions(target);
  try {
    target.service.checkRunning(target.pod, target.container ?? '');
  } catch (error) {
    throw new NotRunning(ApiError.of(error));
  }
  const protocol = acceptSpdy(request, socket, commandProtocols);
  await serveSpdyCommand(socket, head, protocol, target, options, clock, signal);
}

async function spdyPortForward(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, clock: Clock, signal: AbortSignal): Promise<void> {
  acceptSpdy(request, socket, [portForwardProtocol]);
  await serveSpdyPortForward(socket, head, target, clock, signal);
}

/** The first that the client offers and we speak. */
function webSocketProtocol(request: IncomingMessage, spoken: readonly WebSocketProtocol[]): WebSocketProtocol {
  const asked = offered(request, 'sec-websocket-protocol');
  const chosen = (asked.length ? asked : ['']).map((name) => spoken.find((protocol) => protocol.name === name)).find((protocol) => protocol !== undefined);
  if (chosen) return chosen;
  throw ApiError.badRequest(`unable to upgrade: requested protocol(s) are not supported: [${asked.join(' ')}]; supports [${spoken.map((protocol) => protocol.name).join(' ')}]`);
}

/** Answers 101 with the first protocol that the client offers and we speak. */
function acceptSpdy(request: IncomingMessage, socket: Duplex, spoken: readonly string[]): string {
  const asked = offered(request, 'x-stream-protocol-version');
  const chosen = asked.length ? asked.find((name) => spoken.includes(name)) : spoken.at(-1);
  if (!chosen) throw new ApiError(403, 'Forbidden', `unable to upgrade: unable to negotiate protocol: client supports [${asked.join(' ')}], server accepts [${spoken.join(' ')}]`);
  const named = asked.length ? `X-Stream-Protocol-Version: ${chosen}\r\n` : '';
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${named}\r\n`);
  return chosen;
}

/** A header that lists names, by commas or by being repeated. */
function offered(request: IncomingMessage, header: string): string[] {
  return (request.headersDistinct[header] ?? []).flatMap((value) => value.split(',')).map((name) => name.trim()).filter((name) => name !== '');
}

/** What the kubelet, and not the API server, refuses: clients that speak SPDY are told so by its words alone. */
class NotRunning extends Error {
  override readonly cause: ApiError;
  constructor(cause: ApiError) {
    super(cause.message);
    this.cause = cause;
  }
}

function refuseInPlainWords(socket: Duplex, { code, message }: ApiError): void {
  if (!socket.writable) return;
  socket.end(`HTTP/1.1 ${code} ${statusTexts[code] ?? 'Error'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`);
}

function refuse(socket: Duplex, error: ApiError): void {
  if (!socket.writable) return;
  const body = JSON.stringify(error.toStatus());
  const reason = statusTexts[error.code] ?? 'Error';
  socket.end(`HTTP/1.1 ${error.code} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

const statusTexts: Readonly<Record<number, string>> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 500: 'Internal Server Error', 503: 'Service Unavailable' };
