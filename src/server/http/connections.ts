// The connections that there are. Node.js 24 loses some: where a client resets its connection while HTTP/2 is being written to it, the write never
// ends. The session waits for it for ever, or, destroyed, for its end; now and then TLS is closed and its socket is not. Nobody is told, and since
// nothing is read of such a socket, that its client is gone is not seen either. So it is looked for:
//
//   open ──(its session or TLS is over, or it has no other side)──▶ left ──(still there at the next look)──▶ destroyed
//     └───────────────────────(closes)──────────────────────▶ gone ◀───────────(closes by itself)──────────────┘
//
// It loses streams, too: where a client takes one back with NO_ERROR while its answer waits to be sent, what waits is never sent, and the stream
// waits for that. While it lives, its connection is neither idle nor, when the client goes, at its end. The same two looks find a stream that is
// closed and of which HTTP/2 itself knows nothing any more; what HTTP/2 has taken over for sending is sent all the same.
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';

/** Names of node's own that nothing public stands for. Where one is missing, less is found, and all else is as it was. */
interface Inner {
  readonly _parent?: Socket;
  readonly _handle?: { getpeername?(into: object): number } | null;
}

interface Connection {
  tls?: { readonly destroyed: boolean };
  session?: { readonly destroyed: boolean };
  isLeft: boolean;
}

export class Connections implements Disposable {
  readonly #clock: Clock;
  readonly #checkEveryMs: number;
  readonly #connections = new Map<Socket, Connection>();
  /** Whether each has been found lost. */
  readonly #streams = new Map<ServerHttp2Stream, boolean>();
  #timer: Disposable | undefined;

  constructor(clock: Clock, checkEveryMs: number) {
    this.#clock = clock;
    this.#checkEveryMs = checkEveryMs;
  }

  /** How many there are. */
  get size(): number {
    return this.#connections.size;
  }

  begin(socket: Socket): void {
    this.#connections.set(socket, { isLeft: false });
    socket.once('close', () => this.#connections.delete(socket));
    this.#timer ??= this.#lookLater();
  }

  /** TLS has been agreed upon on one of them, or could not be. */
  secure(tls: TLSSocket): void {
    const connection = this.#under(tls);
    if (connection) connection.tls = tls;
  }

  /** One of them speaks HTTP/2. */
  session(session: ServerHttp2Session): void {
    const connection = this.#under(session.socket as TLSSocket);
    if (connection) connection.session = session;
  }

  /** One of them carries an exchange over HTTP/2. */
  stream(stream: ServerHttp2Stream): void {
    this.#streams.set(stream, false);
    stream.once('close', () => this.#streams.delete(stream));
  }

  /** Ends them all. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #under(tls: TLSSocket): Connection | undefined {
    const { _parent: socket } = tls as TLSSocket & Inner;
    return socket && this.#connections.get(socket);
  }

  #lookLater(): Disposable {
    return this.#clock.schedule(this.#checkEveryMs, () => {
      for (const [socket, connection] of this.#connections) {
        if (connection.isLeft) socket.destroy();
        else connection.isLeft = connection.session?.destroyed === true || connection.tls?.destroyed === true || hasNoOtherSide(socket);
      }
      for (const [stream, isLost] of this.#streams) {
        if (isLost) stream.destroy();
        else if (stream.closed && !stream.destroyed && stream.state.state === constants.NGHTTP2_STREAM_STATE_IDLE) this.#streams.set(stream, true);
      }
      this.#timer = this.#connections.size > 0 ? this.#lookLater() : undefined;
    });
  }
}

/** As the kernel has it: reset. `remoteAddress` keeps what it was once told. */
function hasNoOtherSide(socket: Socket & Inner): boolean {
  return (socket._handle?.getpeername?.({}) ?? 0) < 0;
}
