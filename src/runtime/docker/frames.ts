// How the engine puts standard output and error on one connection: frames with a header of eight bytes, the first of
// which names the stream and the last four the length.

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly content: Buffer;
}

const headerBytes = 8;

/** Takes a connection's parts as they come. A frame may come in several; `whole` keeps it until all of it is there. */
export class FrameReader {
  readonly #whole: boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** Of a frame that is passed on as it comes: what is still to come of it. */
  #left = 0;
  #stream: Frame['stream'] = 'stdout';

  constructor(options: { readonly whole: boolean }) {
    this.#whole = options.whole;
  }

  *read(part: Buffer): Generator<Frame> {
    let bytes = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    while (bytes.length > 0) {
      if (this.#left > 0) {
        const content = bytes.subarray(0, this.#left);
        this.#left -= content.length;
        bytes = bytes.subarray(content.length);
        yield { stream: this.#stream, content };
        continue;
      }
      if (bytes.length < headerBytes) break;
      const length = bytes.readUInt32BE(4);
      if (this.#whole && bytes.length < headerBytes + length) break;
      this.#stream = bytes[0] === 2 ? 'stderr' : 'stdout';
      this.#left = length;
      bytes = bytes.subarray(headerBytes);
    }
    this.#rest = bytes;
  }
}
