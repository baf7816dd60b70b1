// A request and its answer over HTTP/2, straight on the stream: as much of node's HTTP/1.1 pair as this server uses, under
// the same names. Node's own compatibility layer makes two streams and a dozen listeners for each request.
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';

export class Http2Incoming {
  readonly httpVersionMajor = 2;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: string[];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) {
    this.stream = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
  }

  get method(): string | undefined {
    return this.headers[':method'];
  }

  get url(): string | undefined {
    return this.headers[':path'];
  }

  on(event: string, listener: (...args: any[]) => void): this {
    this.stream.on(event, listener);
    return this;
  }

  once(event: string, listener: (...args: any[]) => void): this {
    this.stream.once(event, listener);
    return this;
  }

  destroy(): void {
    this.stream.destroy();
  }
}

/** What one connection has for its client to take, in bytes. */
export interface Waiting {
  bytes: number;
}

/** Less is not counted: so many streams as there may be have not much in all. */
const countedBytes = 64 * 1024;

export class Http2Outgoing {
  readonly #stream: ServerHttp2Stream;
  readonly #waiting: Waiting;
  #headers: OutgoingHttpHeaders | undefined;
  statusCode = 200;

  constructor(stream: ServerHttp2Stream, waiting: Waiting) {
    this.#stream = stream;
    this.#waiting = waiting;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get writableEnded(): boolean {
    return this.#stream.writableEnded;
  }

  get writableLength(): number {
    return this.#stream.writableLength;
  }

  setHeader(name: string, value: string | number | readonly string[]): void {
    (this.#headers ??= {})[name] = value as string;
  }

  writeHead(code: number, headers?: OutgoingHttpHeaders): void {
    this.statusCode = code;
    // A client that has gone meanwhile needs no answer.
    if (!this.#stream.destroyed && !this.#stream.closed) this.#stream.respond({ ...this.#headers, ...headers, ':status': code });
  }

  flushHeaders(): void {
    if (!this.#stream.headersSent) this.writeHead(this.statusCode);
  }

  write(chunk: Uint8Array, taken?: (error?: Error | null) => void): boolean {
    this.flushHeaders();
    return this.#stream.write(chunk, taken);
  }

  /** After an answer that has no body by its nature (to HEAD, 304) the stream has ended by itself. */
  end(chunk?: Uint8Array): void {
    this.flushHeaders();
    if (this.#stream.writableEnded) return;
    if (!chunk) return void this.#stream.end();
    const { length } = chunk;
    this.#stream.end(chunk);
    if (length < countedBytes || this.#stream.destroyed) return;
    this.#waiting.bytes += length;
    this.#stream.once('close', () => (this.#waiting.bytes -= length));
  }

  on(event: string, listener: (...args: any[]) => void): this {
    this.#stream.on(event, listener);
    return this;
  }

  once(event: string, listener: (...args: any[]) => void): this {
    this.#stream.once(event, listener);
    return this;
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
