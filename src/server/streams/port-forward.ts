// Port-forward: many TCP connections over one upgraded one. kubectl opens two SPDY streams for each (data and error,
// tied by a request id); older clients of WebSockets name their ports in the query and get two channels for each.
import { Duplex, type Writable } from 'node:stream';
import { ApiError } from '../../api/error.ts';
import type { Clock } from '../../base/clock.ts';
import { SpdyConnection } from '../../base/spdy/connection.ts';
import type { SpdyStream } from '../../base/spdy/stream.ts';
import { Channels } from './channels.ts';
import type { StreamTarget } from './streams.ts';

export const portForwardProtocol = 'portforward.k8s.io';

/** How long the second stream of a pair may take, as in the kubelet. */
const streamCreationMs = 30_000;

/** Resolves when the client has closed the connection. `socket` may be a WebSocket that tunnels SPDY. */
export async function serveSpdyPortForward(socket: Duplex, head: Buffer, target: StreamTarget, clock: Clock, signal: AbortSignal): Promise<void> {
  const gone = new AbortController();
  const either = AbortSignal.any([signal, gone.signal]);
  const pairs = new StreamPairs(clock, ({ port, data, error }) => void forward(target, port, data, error, either));
  const connection = new SpdyConnection(socket, { side: 'server', onStream: (stream) => pairs.add(stream) }, head);
  const onAbort = () => connection.end();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  await connection.closed;
  signal.removeEventListener('abort', onAbort);
  gone.abort(new Error('the client has left'));
  pairs.clear();
}

/** Resolves when all ports' connections are over. */
export async function serveChannelPortForward(messages: Duplex, codec: 'binary' | 'base64', ports: readonly number[], target: StreamTarget, signal: AbortSignal): Promise<void> {
  const channels = new Channels(messages, codec);
  const either = AbortSignal.any([signal, channels.gone]);
  await Promise.all(ports.map((port, index) => {
    const [data, error] = [channels.writer(index * 2), channels.writer(index * 2 + 1)];
    const portBytes = Buffer.alloc(2);
    portBytes.writeUInt16LE(port);
    data.write(portBytes);
    error.write(portBytes);
    return forward(target, port, Duplex.from({ readable: channels.reader(index * 2), writable: data }), error, either);
  }));
  channels.end();
}

/** The `ports` of the query, also as the kubelet names and joins them. Throws ApiError BadRequest. */
export function queriedPorts(query: URLSearchParams): number[] {
  const texts = [...query.getAll('ports'), ...query.getAll('port')].flatMap((value) => value.split(','));
  if (texts.length === 0) throw ApiError.badRequest('query parameter "port" is required');
  return texts.map(parsePort);
}

interface Pair {
  readonly port: number;
  readonly data: SpdyStream;
  readonly error: SpdyStream;
}

/** Brings together the two streams of a request. What stays single for too long is dropped. */
class StreamPairs {
  readonly #single = new Map<string, { readonly stream: SpdyStream; readonly type: string; readonly timer: Disposable }>();
  readonly #clock: Clock;
  readonly #onPair: (pair: Pair) => void;

  constructor(clock: Clock, onPair: (pair: Pair) => void) {
    this.#clock = clock;
    this.#onPair = onPair;
  }

  /** Throws when the stream's headers are wrong, which refuses it. */
  add(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype') ?? '';
    const port = parsePort(stream.headers.get('port') ?? '');
    if (type !== 'data' && type !== 'error') throw ApiError.badRequest(`invalid stream type ${JSON.stringify(type)}`);
    const request = requestOf(stream, type);
    const other = this.#single.get(request);
    if (other?.type === type) throw ApiError.badRequest(`${type} stream already assigned`);
    if (!other) {
      const timer = this.#clock.schedule(streamCreationMs, () => {
        this.#single.delete(request);
        stream.destroy();
      });
      this.#single.set(request, { stream, type, timer });
      return;
    }
    other.timer[Symbol.dispose]();
    this.#single.delete(request);
    // Accepted first, so that no data overtakes the reply.
    queueMicrotask(() => this.#onPair(type === 'data' ? { port, data: stream, error: other.stream } : { port, data: other.stream, error: stream }));
  }

  clear(): void {
    for (const { timer } of this.#single.values()) timer[Symbol.dispose]();
    this.#single.clear();
  }
}

/** Clients before Kubernetes 1.2 send no id: their error stream comes right before its data stream. */
function requestOf(stream: SpdyStream, type: string): string {
  return stream.headers.get('requestid') ?? `stream ${type === 'error' ? stream.id : stream.id - 2}`;
}

/** Never rejects: a failure goes to the error stream. */
async function forward(target: StreamTarget, port: number, data: Duplex, error: Writable, signal: AbortSignal): Promise<void> {
  const { pod, service } = target;
  let report = '';
  data.on('error', () => {});
  if (error instanceof Duplex) error.resume();
  try {
    await service.portForward(pod, port, data, signal);
  } catch (cause) {
    report = `error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  if (!data.destroyed) data.resume().end();
  await new Promise<void>((resolve) => {
    if (error.destroyed) return resolve();
    error.once('finish', resolve).once('close', resolve);
    error.end(report);
  });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) throw ApiError.badRequest(`unable to parse ${JSON.stringify(text)} as a port`);
  if (port < 1) throw ApiError.badRequest(`port ${JSON.stringify(text)} must be > 0`);
  return port;
}
