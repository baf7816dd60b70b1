// gRPC over a unix socket: calls with one answer and calls with a stream of them, on one HTTP/2 connection that is made
// when it is first needed and again after it broke. (Importing @grpc/grpc-js was measured at 41 ms and 17 MB against 18 ms
// and 12 MB of node:http2, which is loaded anyway; protobufjs with CRI's descriptors at another 43 ms and 13 MB.)
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { createConnection } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import { Channel } from '../../../base/channel.ts';
import type { Message, Method } from './protobuf.ts';

export interface CallOptions {
  /** From now; the server is told as well and gives up by itself. */
  readonly deadlineMs: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Grpc {
  call(method: Method, request: Message, options: CallOptions, signal: AbortSignal): Promise<Message>;
  /** Ends when the server ends it or the signal aborts; throws GrpcError when it breaks. Has no deadline. */
  stream(method: Method, request: Message, options: Omit<CallOptions, 'deadlineMs'>, signal: AbortSignal): AsyncIterable<Message>;
  close(): void;
}

export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly status: GrpcStatus;
  constructor(status: GrpcStatus, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const statuses = [
  'OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted',
  'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated',
] as const;
export type GrpcStatus = (typeof statuses)[number];

const longestMessageBytes = 64 * 1024 * 1024;
/** Messages that a slow reader of a stream lets wait before the stream is broken off. */
const streamCapacity = 4096;
const windowBytes = 4 * 1024 * 1024;

export function connectGrpc(socketPath: string, clock: Clock): Grpc {
  let session: ClientHttp2Session | undefined;
  let closed = false;

  const open = (): ClientHttp2Session => {
    if (closed) throw new GrpcError('Canceled', 'the connection was closed');
    if (session && !session.closed && !session.destroyed) return session;
    const made = connect('http://localhost', {
      createConnection: () => createConnection(socketPath),
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    session = made;
    const forget = () => void (session === made && (session = undefined));
    // Each open call hears of the failure through its own stream.
    made.on('error', forget).on('close', forget).on('goaway', forget);
    // It may have been closed while it was connecting.
    made.once('connect', () => made.destroyed || made.setLocalWindowSize(windowBytes));
    return made;
  };

  /** `take` gets each answer; resolves when the server says OK. */
  const run = (method: Method, request: Message, { deadlineMs, headers }: Partial<CallOptions>, take: (answer: Message) => void, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      signal.throwIfAborted();
      const stream = open().request({
        ':method': 'POST', ':path': method.path, te: 'trailers', 'content-type': 'application/grpc', 'user-agent': 'peapod',
        ...(deadlineMs === undefined ? {} : { 'grpc-timeout': `${Math.ceil(deadlineMs)}m` }),
        ...headers,
      });
      let status: { name: GrpcStatus; message: string } | undefined;
      let failure: unknown;
      const fail = (error: unknown) => {
        failure ??= error;
        stream.close(constants.NGHTTP2_CANCEL);
        settle();
      };
      const onAbort = () => fail(signal.reason);
      const timer = deadlineMs === undefined ? undefined : clock.schedule(deadlineMs, () => fail(new GrpcError('DeadlineExceeded', `${method.path} took longer than ${deadlineMs} ms`)));
      const settle = () => {
        timer?.[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        if (failure !== undefined) reject(failure);
        else if (!status) reject(new GrpcError('Unavailable', 'the connection was lost'));
        else if (status.name !== 'OK') reject(new GrpcError(status.name, status.message));
        else resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const unframe = framing((bytes) => take(method.response.decode(bytes)));
      stream.on('response', (answer) => (status ??= statusOf(answer)));
      stream.on('trailers', (answer) => (status ??= statusOf(answer)));
      stream.on('data', (chunk: Buffer) => {
        try {
          unframe(chunk);
        } catch (error) {
          fail(new GrpcError('Internal', `${method.path} answered what cannot be read`, { cause: error }));
        }
      });
      stream.on('error', (error) => (failure ??= new GrpcError('Unavailable', unreachable(socketPath, error), { cause: error })));
      stream.on('close', settle);
      send(stream, method.request.encode(request));
    });

  return {
    async call(method, request, options, signal) {
      let answer: Message;
      await run(method, request, options, (message) => (answer = message), signal);
      if (answer === undefined) throw new GrpcError('Internal', `${method.path} gave no answer`);
      return answer;
    },
    async *stream(method, request, options, signal) {
      const leaving = new AbortController();
      const messages = new Channel<Message>(streamCapacity, () => new GrpcError('ResourceExhausted', `${method.path}: more than ${streamCapacity} messages wait to be read`));
      void run(method, request, options, (message) => messages.push(message), AbortSignal.any([signal, leaving.signal])).then(
        () => messages.close(),
        (error) => messages.close(signal.aborted ? undefined : error),
      );
      try {
        yield* messages.read(signal);
      } finally {
        leaving.abort();
      }
    },
    close() {
      closed = true;
      session?.destroy();
    },
  };
}

function send(stream: ClientHttp2Stream, message: Buffer): void {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  stream.end(framed);
}

/** Cuts the stream's bytes into messages: a flag byte (0: not compressed), four bytes of length, the message. */
function framing(take: (message: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let neededBytes = 5;
  return (chunk) => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < neededBytes) return;
    let bytes = waiting.length === 1 ? chunk : Buffer.concat(waiting);
    while (bytes.length >= 5) {
      if (bytes[0] !== 0) throw new Error('a compressed message, which was not asked for');
      neededBytes = 5 + bytes.readUInt32BE(1);
      if (neededBytes > longestMessageBytes) throw new Error(`a message of ${neededBytes} bytes`);
      if (bytes.length < neededBytes) break;
      take(bytes.subarray(5, neededBytes));
      bytes = bytes.subarray(neededBytes);
      neededBytes = 5;
    }
    waiting = [bytes];
    waitingBytes = bytes.length;
  };
}

function statusOf(headers: Record<string, unknown>): { name: GrpcStatus; message: string } | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) {
    return headers[':status'] === undefined || headers[':status'] === 200 ? undefined : { name: 'Unavailable', message: `HTTP status ${String(headers[':status'])}` };
  }
  return { name: statuses[Number(code)] ?? 'Unknown', message: unescape(String(headers['grpc-message'] ?? '')) };
}

/** gRPC writes bytes beyond printable ASCII as %XX; what is no such escape stays as it is. */
function unescape(text: string): string {
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'));
}

/** A call that never got a connection fails as cancelled, with the reason as its cause. */
function unreachable(socketPath: string, error: Error): string {
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ECONNREFUSED' ? `nothing listens on ${socketPath}` : message;
}
