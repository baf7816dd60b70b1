// The connections that there are. Node.js 24 loses some: where a client is reset while a last write to it is under way, the write never ends; the
// HTTP/2 session is destroyed and waits for it, or the TLS connection is closed and its socket is not. Nobody is told, and since nothing is read
// of such a socket, its end is not seen. So it is looked for:
//
//   open ──(session or TLS is over)──▶ left ──(still there at the next look)──▶ destroyed
//     └──────────(closes)──────────▶ gone ◀──────────(closes by itself)────────┘
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';

interface Connection {
  tls?: { readonly destroyed: boolean };
  session?: { readonly destroyed: boolean };
  isLeft: boolean;
}

export class Connections implements Disposable {
  readonly #clock: Clock;
  readonly #checkEveryMs: number;
  readonly #connections = new Map<Socket, Connection>();
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

  /** Ends them all. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #under(tls: TLSSocket): Connection | undefined {
    // The one name of node's own that is used; without it no connection is looked after, and all else is as it was.
    const { _parent: socket } = tls as TLSSocket & { readonly _parent?: Socket };
    return socket && this.#connections.get(socket);
  }

  #lookLater(): Disposable {
    return this.#clock.schedule(this.#checkEveryMs, () => {
      for (const [socket, connection] of this.#connections) {
        if (connection.isLeft) socket.destroy();
        else connection.isLeft = connection.session?.destroyed === true || connection.tls?.destroyed === true;
      }
      this.#timer = this.#connections.size > 0 ? this.#lookLater() : undefined;
    });
  }
}
