// Hands on a request for another protocol (WebSocket, SPDY …); once the server behind has taken it up, bytes go both ways
// until one side ends.
import { request as httpRequest, STATUS_CODES, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { Clock } from '../clock.ts';
import { isConnected, NotAnswered, timedOut, type ForwardLimits, type Upstream, type UpstreamRequest } from './forward.ts';
import { endToEnd, type RawHeaders } from './headers.ts';

/** Something else than 101; its body is for whoever asked, and is to be read or destroyed. */
export interface Refused {
  readonly answer: IncomingMessage;
}

/** `request.headers` lack those of the connection: they are set here. Resolves when all is over, or with a refusal. Throws NotAnswered. */
export async function forwardUpgrade(incoming: IncomingMessage, client: Duplex, first: Buffer, to: Upstream, request: UpstreamRequest, limits: ForwardLimits, clock: Clock): Promise<Refused | undefined> {
  client.on('error', () => {});
  const headers = [...request.headers, 'Connection', 'Upgrade', 'Upgrade', incoming.headers.upgrade ?? ''];
  const options = { host: to.host, port: to.port, path: request.path, method: incoming.method, headers, agent: false, rejectUnauthorized: false, setHost: false, ...to.tls };
  const outgoing = to.protocol === 'https' ? httpsRequest(options as never) : httpRequest(options as never);
  const leave = () => outgoing.destroy();
  client.once('close', leave);
  const answered = await new Promise<{ answer: IncomingMessage; server?: Socket; more?: Buffer } | undefined>((resolve, reject) => {
    let phase: 'connecting' | 'waiting' = 'connecting';
    let timer: Disposable | undefined = clock.schedule(limits.connectMs, () => outgoing.destroy(timedOut()));
    const over = () => {
      timer?.[Symbol.dispose]();
      timer = undefined;
    };
    outgoing.once('socket', (socket: Socket) => {
      const connected = () => {
        over();
        phase = 'waiting';
        if (limits.headMs !== undefined) timer = clock.schedule(limits.headMs, () => outgoing.destroy(timedOut()));
      };
      if (isConnected(socket)) connected();
      else socket.once(to.protocol === 'https' ? 'secureConnect' : 'connect', connected);
    });
    outgoing.once('upgrade', (answer, server, more) => (over(), resolve({ answer, server, more })));
    outgoing.once('response', (answer) => (over(), resolve({ answer })));
    outgoing.once('error', (error: NodeJS.ErrnoException) => (over(), client.destroyed ? resolve(undefined) : reject(new NotAnswered(phase, error.code ?? 'ERR', false, { cause: error }))));
    outgoing.once('close', () => (over(), resolve(undefined)));
    outgoing.end();
  });
  outgoing.on('error', () => {});
  client.off('close', leave);
  if (!answered) return undefined;
  const { answer, server, more } = answered;
  if (!server) return { answer };
  server.on('error', () => {});
  if (client.destroyed) return void server.destroy();
  client.write(headOf(answer, answer.rawHeaders), 'latin1');
  if (more?.length) server.unshift(more);
  if (first.length > 0) client.unshift(first);
  server.setKeepAlive(true, keepAliveMs);
  await joined(client, server);
  return undefined;
}

/** Until both are closed; one that ends half ends that half of the other. */
function joined(a: Duplex, b: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    for (const [one, other] of [[a, b], [b, a]] as const) {
      one.allowHalfOpen = true;
      one.pipe(other);
      one.once('close', () => {
        if (!one.readableEnded || !one.writableFinished) other.destroy();
        if (--open === 0) resolve();
      });
    }
  });
}

/** Finds peers that vanished without a word. */
const keepAliveMs = 30_000;

/** Writes an answer that is no upgrade onto the connection that had asked for one, and ends it. */
export async function answerOnSocket(client: Duplex, answer: IncomingMessage): Promise<void> {
  client.write(headOf(answer, [...endToEnd(answer.rawHeaders), 'Connection', 'close']), 'latin1');
  await pipeline(answer, client).catch(() => client.destroy());
  await finished(client).catch(() => {});
}

function headOf({ statusCode = 502, statusMessage }: IncomingMessage, headers: RawHeaders): string {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage || STATUS_CODES[statusCode] || ''}\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${head}\r\n`;
}
