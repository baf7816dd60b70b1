// A WebSocket on the server's side as a Duplex, with back-pressure and an orderly close. `ws` is loaded with the first.
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** The largest message a client may send; kubectl's are 32 KB, other clients send a whole input at once. */
const mostMessageBytes = 16 * 1024 * 1024;
const normalClosure = 1000;

/**
 * Completes the handshake. `messages`: each chunk is one message, a Buffer (binary) or a string (text). `bytes`: message
 * borders mean nothing. Undefined: the handshake was malformed and has been refused, or the client has left.
 */
export async function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string, mode: 'messages' | 'bytes'): Promise<Duplex | undefined> {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: mostMessageBytes });
  // `SPDY/3.1+portforward.k8s.io` is no token by RFC 6455, and `ws` would refuse it: so it never sees the names.
  delete request.headers['sec-websocket-protocol'];
  if (protocol) server.once('headers', (headers: string[]) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, (webSocket) => resolve(new WebSocketStream(webSocket, mode)));
  });
}

class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket;

  constructor(webSocket: WebSocket, mode: 'messages' | 'bytes') {
    super({ objectMode: mode === 'messages', decodeStrings: false });
    this.#webSocket = webSocket;
    // Joins what is written together: in `messages` mode each chunk must stay a message of its own.
    if (mode === 'bytes') this._writev = (chunks, done) => this._write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), 'buffer' as BufferEncoding, done);
    webSocket.on('message', (message: Buffer, isBinary) => {
      if (!this.push(isBinary || mode === 'bytes' ? message : message.toString())) webSocket.pause();
    });
    webSocket.on('error', (error: Error) => this.destroy(error));
    webSocket.on('close', () => {
      this.push(null);
      this.end();
      // A stream that nobody reads would never close by itself.
      if (this.readableLength === 0) this.destroy();
    });
    this.on('error', () => {});
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#webSocket.send(chunk, { binary: typeof chunk !== 'string' }, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    // gorilla's clients take any other code for a failure.
    this.#webSocket.close(normalClosure);
    // The client's answer to it must be read to be seen.
    if (this.#webSocket.isPaused) this.#webSocket.resume();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#webSocket.terminate();
    done(error);
  }
}
