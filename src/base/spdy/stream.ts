// One stream of a SPDY connection, as a Duplex: ending it closes our half, its end is the peer's.
import { Duplex } from 'node:stream';
import type { SpdyHeaders } from './header-block.ts';

/** What a stream asks of its connection. */
export interface StreamPort {
  /** Writes data frames, the last with `fin`; `done` is called once the socket has taken them. */
  send(stream: SpdyStream, chunks: readonly Buffer[], fin: boolean, done: (error?: Error | null) => void): void;
  /** The stream's reader wants more. */
  wanted(stream: SpdyStream): void;
  /** Both halves were closed in order. */
  closed(stream: SpdyStream): void;
  /** Our side is through with the stream, whether or not its halves are closed. */
  dropped(stream: SpdyStream): void;
}

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #port: StreamPort;
  #remoteEnded = false;
  #localEnded = false;
  #reset = false;

  constructor(id: number, headers: SpdyHeaders, port: StreamPort) {
    super({ allowHalfOpen: true, highWaterMark: 128 * 1024 });
    this.id = id;
    this.headers = headers;
    this.#port = port;
    // A stream that nobody uses may fail too; that must not end the process.
    this.on('error', () => {});
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Whether the peer gave the stream up. */
  get wasReset(): boolean {
    return this.#reset;
  }

  /** From the connection: the peer sent data. False: the reader is behind. */
  receive(bytes: Buffer): boolean {
    return this.#remoteEnded || this.destroyed || bytes.length === 0 || this.push(bytes);
  }

  /** From the connection: the peer's half is closed. */
  receiveEnd(): void {
    if (this.#remoteEnded) return;
    this.#remoteEnded = true;
    if (!this.destroyed) this.push(null);
    // An ended stream is not asked for more, so it would hold up the connection for ever.
    this.#port.wanted(this);
    if (this.#localEnded) this.#port.closed(this);
  }

  /** From the connection: the peer gave the stream up. As in Go, readers see an end and writers fail. */
  receiveReset(): void {
    this.#reset = true;
    this.receiveEnd();
  }

  override _read(): void {
    this.#port.wanted(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk], false, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(chunks.map(({ chunk }) => chunk), false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#localEnded = true;
    if (this.#reset) return done();
    this.#send([], true, (error) => {
      if (this.#remoteEnded) this.#port.closed(this);
      done(error);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#port.dropped(this);
    done(error);
  }

  #send(chunks: readonly Buffer[], fin: boolean, done: (error?: Error | null) => void): void {
    if (this.#reset) done(new Error('the peer has reset the stream'));
    else this.#port.send(this, chunks, fin, done);
  }
}
