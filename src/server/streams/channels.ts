// Kubernetes' channels in messages: the first byte of each names the channel, the rest is its data. In v5 channel 255
// closes a channel; in the base64 forms a message is text, the channel a digit.
import { Readable, Writable, type Duplex } from 'node:stream';

export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** What a channel may hold for a reader that is behind, before the whole connection is held up. */
const readerBytes = 256 * 1024;

export class Channels {
  /** Aborted when the peer has left, or the connection is lost. */
  readonly gone: AbortSignal;
  readonly #messages: Duplex;
  readonly #base64: boolean;
  readonly #readers = new Map<number, Readable>();
  readonly #behind = new Set<Readable>();
  #ended = false;

  /** `messages`: each chunk is one message, a Buffer or (base64) a string. */
  constructor(messages: Duplex, codec: 'binary' | 'base64' = 'binary') {
    this.#messages = messages;
    this.#base64 = codec === 'base64';
    const gone = new AbortController();
    this.gone = gone.signal;
    const onGone = () => {
      if (gone.signal.aborted) return;
      gone.abort(new Error('the client has left'));
      for (const reader of this.#readers.values()) reader.push(null);
      this.#readers.clear();
    };
    messages.on('data', (message: Buffer | string) => this.#onMessage(message));
    messages.once('end', onGone).once('close', onGone).on('error', onGone);
  }

  /** What the peer sends on a channel. A channel without a reader is read over. */
  reader(number: number): Readable {
    const reader: Readable = new Readable({
      highWaterMark: readerBytes,
      read: () => this.#caughtUp(reader),
      destroy: (error, done) => {
        this.#readers.delete(number);
        this.#caughtUp(reader);
        done(error);
      },
    });
    reader.on('error', () => {});
    if (this.gone.aborted) reader.push(null);
    else this.#readers.set(number, reader);
    return reader;
  }

  writer(number: number): Writable {
    const writer = new Writable({ write: (chunk: Buffer, _encoding, done) => void this.#messages.write(this.#frame(number, chunk), done) });
    writer.on('error', () => {});
    return writer;
  }

  /** Once what was written is out, closes the connection. What still comes in is passed over. */
  end(): void {
    this.#ended = true;
    this.#behind.clear();
    this.#messages.resume();
    this.#messages.end();
  }

  #onMessage(message: Buffer | string): void {
    if (message.length === 0 || this.#ended) return;
    const [number, data] = this.#parse(message);
    if (number === channel.close) return this.#onClose(data[0]);
    const reader = this.#readers.get(number);
    if (!reader || data.length === 0 || reader.push(data)) return;
    this.#behind.add(reader);
    this.#messages.pause();
  }

  #onClose(number: number | undefined): void {
    if (number === undefined) return;
    this.#readers.get(number)?.push(null);
    this.#readers.delete(number);
  }

  #caughtUp(reader: Readable): void {
    if (this.#behind.delete(reader) && this.#behind.size === 0) this.#messages.resume();
  }

  #parse(message: Buffer | string): [number: number, data: Buffer] {
    if (!this.#base64) {
      const bytes = typeof message === 'string' ? Buffer.from(message) : message;
      return [bytes[0]!, bytes.subarray(1)];
    }
    const text = message.toString();
    return [text.charCodeAt(0) - '0'.charCodeAt(0), Buffer.from(text.slice(1), 'base64')];
  }

  #frame(number: number, data: Buffer): Buffer | string {
    return this.#base64 ? `${number}${data.toString('base64')}` : Buffer.concat([Buffer.of(number), data]);
  }
}
