// A node in another process, over the HTTPS that it serves: what is a call for the node beside the API server. Streams go as
// SPDY, which can close each direction on its own.
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ApiError } from '../api/error.ts';
import type { LogOptions, NodePage, NodeService, NodeUsage, PodTarget, StreamSet } from '../api/node-service.ts';
import type { Node, Status } from '../api/types.ts';
import type { Clock } from '../base/clock.ts';
import type { HttpCalls } from '../base/http-calls.ts';
import { SpdyConnection } from '../base/spdy/connection.ts';
import type { SpdyStream } from '../base/spdy/stream.ts';
import { portForwardProtocol } from './streams/port-forward.ts';

export interface RemoteNodesOptions {
  /** Who has signed the nodes' certificates, and by what they know us; PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clock: Clock;
  /** Told of each request. */
  readonly calls: HttpCalls;
}

export interface RemoteNodes {
  (node: Node): NodeService | undefined;
  /** Ends connections that wait for the next request. */
  close(): void;
}

/** A node that does not even take a connection in this time is told as unreachable. */
const connectMs = 10_000;
const idleConnections = 4;

export function createRemoteNodes({ ca, cert, key, clock, calls }: RemoteNodesOptions): RemoteNodes {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: idleConnections, ca, cert, key });
  const services = new Map<string, { readonly at: string; readonly service: NodeService }>();
  const serviceOf = (node: Node): NodeService | undefined => {
    const { name } = node.metadata;
    const host = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const port = node.status.daemonEndpoints?.kubeletEndpoint?.Port;
    if (!host || !port) return undefined;
    const at = `${host} ${port}`;
    const known = services.get(name);
    if (known?.at === at) return known.service;
    const service = remoteNode({ host, port, agent, ca, cert, key }, name, clock, calls);
    services.set(name, { at, service });
    return service;
  };
  return Object.assign(serviceOf, { close: () => agent.destroy() });
}

type Where = Pick<RequestOptions, 'host' | 'port' | 'agent' | 'ca' | 'cert' | 'key'>;

function remoteNode(where: Where, name: string, clock: Clock, calls: HttpCalls): NodeService {
  const host = `${where.host}:${where.port}`;
  const unreachable = (error: Error) => ApiError.unavailable(`error dialing backend: the node ${JSON.stringify(name)} cannot be reached: ${error.message}`);

  /** Resolves with the answer to a plain request; throws ApiError for one that says no. */
  async function get(path: string, query: URLSearchParams, signal: AbortSignal): Promise<IncomingMessage> {
    const text = query.toString();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ ...where, method: 'GET', path: text ? `${path}?${text}` : path, signal }, (incoming) => {
        calls.count(host, 'GET', incoming.statusCode);
        resolve(incoming);
      });
      sent.once('error', (error) => {
        calls.count(host, 'GET', undefined);
        reject(signal.aborted ? (signal.reason as Error) : unreachable(error));
      });
      giveUpConnecting(sent, clock);
      sent.end();
    });
    if (answer.statusCode! < 400) return answer;
    throw errorOf(answer.statusCode!, await textOf(answer));
  }

  async function upgrade(path: string, query: URLSearchParams, protocol: string, signal: AbortSignal): Promise<SpdyConnection> {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol };
    return new Promise((resolve, reject) => {
      // A connection of its own: what is upgraded is not given back.
      const sent = request({ ...where, agent: false, method: 'POST', path: `${path}?${query}`, headers, signal });
      sent.once('upgrade', (_, socket, head) => {
        calls.count(host, 'POST', 101);
        resolve(new SpdyConnection(socket, { side: 'client' }, head));
      });
      sent.once('response', (answer) => {
        calls.count(host, 'POST', answer.statusCode);
        textOf(answer).then((text) => {
          const error = errorOf(answer.statusCode ?? 500, text);
          reject(new Error(`unable to upgrade connection: ${error.message}`, { cause: error }));
        }, reject);
      });
      sent.once('error', (error) => reject(signal.aborted ? (signal.reason as Error) : unreachable(error)));
      giveUpConnecting(sent, clock);
      sent.end();
    });
  }

  async function command(kind: 'exec' | 'attach', { namespace, name: pod, uid }: PodTarget, container: string, words: readonly string[], streams: StreamSet, signal: AbortSignal): Promise<number> {
    const query = new URLSearchParams(words.map((word): [string, string] => ['command', word]));
    for (const wanted of ['stdin', 'stdout', 'stderr', 'tty'] as const) if (streams[wanted]) query.set(wanted, 'true');
    const connection = await upgrade(`/${kind}/${namespace}/${pod}/${uid}/${container}`, query, 'v4.channel.k8s.io', signal);
    const onAbort = () => connection.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const open = (type: string) => connection.openStream(new Map([['streamtype', type]]), signal);
      const error = await open('error');
      const outcome = textOf(error);
      outcome.catch(() => {});
      // All of them before anything is sent: who is behind with one stream reads none, and would not see the next opened.
      const stdin = streams.stdin && (await open('stdin'));
      const stdout = streams.stdout && (await open('stdout'));
      const stderr = streams.stderr && !streams.tty ? await open('stderr') : undefined;
      if (streams.tty) void sendSizes(streams.resize, await open('resize')).catch(() => {});
      if (stdin) feed(streams.stdin!, stdin);
      await Promise.all([stdout && pour(stdout, streams.stdout!), stderr && pour(stderr, streams.stderr!)]);
      const text = await outcome;
      signal.throwIfAborted();
      if (text === '') throw unreachable(new Error('the connection was lost'));
      return exitCodeOf(JSON.parse(text) as Status);
    } finally {
      signal.removeEventListener('abort', onAbort);
      connection.end();
    }
  }

  return {
    async *logs({ namespace, name: pod, uid }, container, options, signal) {
      yield* await get(`/containerLogs/${namespace}/${pod}/${container}`, logQuery(uid, options), signal);
    },
    exec: (pod, container, words, streams, signal) => command('exec', pod, container, words, streams, signal),
    attach: async (pod, container, streams, signal) => void (await command('attach', pod, container, [], streams, signal)),
    // Its node is asked with the command itself.
    checkRunning() {},
    async usage(signal) {
      return JSON.parse(await textOf(await get('/peapod/usage', new URLSearchParams(), signal))) as NodeUsage;
    },
    async page(path, query, signal): Promise<NodePage> {
      const answer = await get(encodeURI(path), query, signal);
      return { code: answer.statusCode!, type: answer.headers['content-type'] ?? 'text/plain', body: answer };
    },
    async portForward({ namespace, name: pod, uid }, port, stream, signal) {
      const connection = await upgrade(`/portForward/${namespace}/${pod}`, new URLSearchParams({ uid }), portForwardProtocol, signal);
      const onAbort = () => connection.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const open = (type: string) => connection.openStream(new Map([['streamtype', type], ['port', String(port)], ['requestid', '0']]), signal);
        const error = await open('error');
        const complaint = textOf(error);
        complaint.catch(() => {});
        error.end();
        const data = await open('data');
        feed(stream, data);
        await pour(data, stream);
        const text = await complaint.catch(() => '');
        if (text) throw new Error(text.replace(/^error forwarding port \d+ to pod \S+, uid \S+: /, ''));
      } finally {
        signal.removeEventListener('abort', onAbort);
        connection.end();
      }
    },
  };
}

function giveUpConnecting(sent: ReturnType<typeof request>, clock: Clock): void {
  sent.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = clock.schedule(connectMs, () => sent.destroy(new Error('it does not answer')));
    socket.once('secureConnect', () => timer[Symbol.dispose]()).once('close', () => timer[Symbol.dispose]());
  });
}

/** As fast as it is taken; ends with what it is fed from. */
function feed(from: Readable | Duplex, to: SpdyStream): void {
  from.pipe(to);
  from.once('close', () => to.writableEnded || to.end());
}

/** Resolves when all has come; the end is its holder's to write. */
async function pour(from: SpdyStream, to: Writable): Promise<void> {
  from.pipe(to, { end: false });
  to.once('close', () => from.destroy());
  await finished(from, { writable: false }).catch(() => {});
}

async function sendSizes(sizes: StreamSet['resize'], to: SpdyStream): Promise<void> {
  for await (const { width, height } of sizes ?? []) if (to.writable) to.write(JSON.stringify({ Width: width, Height: height }));
}

function exitCodeOf(status: Status): number {
  if (status.status === 'Success') return 0;
  const code = status.reason === 'NonZeroExitCode' ? status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message : undefined;
  if (code !== undefined) return Number(code);
  throw ApiError.from(status as never);
}

function logQuery(uid: string, options: LogOptions): URLSearchParams {
  const query = new URLSearchParams({ uid });
  for (const [name, value] of Object.entries(options)) if (value !== undefined && value !== false) query.set(name, String(value));
  return query;
}

function errorOf(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return ApiError.from(status as never);
  } catch {
    // In plain words, as a kubelet speaks.
  }
  return new ApiError(code, code === 404 ? 'NotFound' : code === 403 ? 'Forbidden' : 'InternalError', text.trim() || `the node answered ${code}`);
}

/** Of what is small. */
async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
