// SPDY/3.1's frames: what they are, how they are written, and a reader that takes bytes as they come.
import { SpdyError } from './error.ts';
import { HeaderDecompressor, type HeaderCompressor, type SpdyHeaders } from './header-block.ts';

export type Frame =
  | { readonly type: 'syn-stream'; readonly streamId: number; readonly fin: boolean; readonly unidirectional: boolean; readonly headers: SpdyHeaders }
  | { readonly type: 'syn-reply'; readonly streamId: number; readonly fin: boolean; readonly headers: SpdyHeaders }
  | { readonly type: 'headers'; readonly streamId: number; readonly fin: boolean; readonly headers: SpdyHeaders }
  | { readonly type: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly values: ReadonlyMap<number, number> }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway'; readonly lastStreamId: number; readonly status: number }
  | { readonly type: 'window-update'; readonly streamId: number; readonly deltaBytes: number }
  /** A piece of a data frame: a large one is handed on as it arrives, `fin` with its last piece. */
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly bytes: Buffer };

/** Why a stream is reset. */
export const resetStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, internalError: 6, streamAlreadyClosed: 9 } as const;
export const goAwayStatus = { ok: 0, protocolError: 1, internalError: 2 } as const;

const version = 3;
const kinds = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const;
const finFlag = 0x01;
const unidirectionalFlag = 0x02;
const headBytes = 8;
/** Control frames are small; this bounds what is held until one is whole. */
const largestControlBytes = 64 * 1024;

/** Reads frames from a connection's bytes. Once it has thrown, the connection is beyond repair. */
export class FrameReader {
  readonly #headers = new HeaderDecompressor();
  #held: Buffer = Buffer.alloc(0);
  /** The data frame whose rest is still to come. */
  #open: { readonly streamId: number; readonly fin: boolean; leftBytes: number } | undefined;

  /** Throws SpdyError. */
  *read(chunk: Buffer): Generator<Frame> {
    let bytes = this.#held.length ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = Buffer.alloc(0);
    for (;;) {
      if (this.#open) {
        if (bytes.length === 0) return;
        const { streamId } = this.#open;
        const piece = bytes.subarray(0, this.#open.leftBytes);
        bytes = bytes.subarray(piece.length);
        this.#open.leftBytes -= piece.length;
        const whole = this.#open.leftBytes === 0;
        const fin = whole && this.#open.fin;
        if (whole) this.#open = undefined;
        yield { type: 'data', streamId, fin, bytes: piece };
        continue;
      }
      if (bytes.length < headBytes) break;
      const flags = bytes[4]!;
      const length = bytes.readUIntBE(5, 3);
      if ((bytes[0]! & 0x80) === 0) {
        const streamId = streamIdAt(bytes, 0);
        bytes = bytes.subarray(headBytes);
        const fin = (flags & finFlag) !== 0;
        if (length > 0) this.#open = { streamId, fin, leftBytes: length };
        else yield { type: 'data', streamId, fin, bytes: Buffer.alloc(0) };
        continue;
      }
      if ((bytes.readUInt16BE(0) & 0x7fff) !== version) throw new SpdyError('unsupported SPDY version');
      if (length > largestControlBytes) throw new SpdyError('control frame is too large');
      if (bytes.length < headBytes + length) break;
      const frame = this.#control(bytes.readUInt16BE(2), flags, bytes.subarray(headBytes, headBytes + length));
      bytes = bytes.subarray(headBytes + length);
      if (frame) yield frame;
    }
    this.#held = bytes;
  }

  /** Undefined for kinds that the protocol says to pass over. */
  #control(kind: number, flags: number, body: Buffer): Frame | undefined {
    const fin = (flags & finFlag) !== 0;
    switch (kind) {
      case kinds.synStream:
        need(body, 10);
        return { type: 'syn-stream', streamId: streamIdAt(body, 0), fin, unidirectional: (flags & unidirectionalFlag) !== 0, headers: this.#headers.decompress(body.subarray(10)) };
      case kinds.synReply:
        need(body, 4);
        return { type: 'syn-reply', streamId: streamIdAt(body, 0), fin, headers: this.#headers.decompress(body.subarray(4)) };
      case kinds.headers:
        need(body, 4);
        return { type: 'headers', streamId: streamIdAt(body, 0), fin, headers: this.#headers.decompress(body.subarray(4)) };
      case kinds.rstStream:
        need(body, 8);
        return { type: 'rst-stream', streamId: streamIdAt(body, 0), status: body.readUInt32BE(4) };
      case kinds.settings:
        return { type: 'settings', values: settingsOf(body) };
      case kinds.ping:
        need(body, 4);
        return { type: 'ping', id: body.readUInt32BE(0) };
      case kinds.goAway:
        need(body, 8);
        return { type: 'goaway', lastStreamId: body.readUInt32BE(0) & 0x7fffffff, status: body.readUInt32BE(4) };
      case kinds.windowUpdate:
        need(body, 8);
        return { type: 'window-update', streamId: body.readUInt32BE(0) & 0x7fffffff, deltaBytes: body.readUInt32BE(4) & 0x7fffffff };
      default:
        return undefined;
    }
  }
}

export const writeFrame = {
  /** Priority 0 throughout: Go's reader sorts a stream's frames by it, and data must not overtake what opened the stream. */
  synStream(streamId: number, headers: SpdyHeaders, compressor: HeaderCompressor): Buffer {
    const head = Buffer.alloc(10);
    head.writeUInt32BE(streamId, 0);
    return control(kinds.synStream, 0, head, compressor.compress(headers));
  },
  synReply(streamId: number, headers: SpdyHeaders, compressor: HeaderCompressor): Buffer {
    return control(kinds.synReply, 0, uint32s(streamId), compressor.compress(headers));
  },
  rstStream: (streamId: number, status: number): Buffer => control(kinds.rstStream, 0, uint32s(streamId, status)),
  ping: (id: number): Buffer => control(kinds.ping, 0, uint32s(id)),
  goAway: (lastStreamId: number, status: number): Buffer => control(kinds.goAway, 0, uint32s(lastStreamId, status)),
  windowUpdate: (streamId: number, deltaBytes: number): Buffer => control(kinds.windowUpdate, 0, uint32s(streamId, deltaBytes)),
  /** Only the head; the bytes follow as they are. */
  dataHead(streamId: number, length: number, fin: boolean): Buffer {
    const head = uint32s(streamId, length);
    head[4] = fin ? finFlag : 0;
    return head;
  },
} as const;

/** The largest payload that a frame's 24-bit length can state. */
export const largestFrameBytes = 2 ** 24 - 1;

function control(kind: number, flags: number, ...body: Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(kind, 2);
  head.writeUInt32BE(body.reduce((sum, part) => sum + part.length, 0), 4);
  head[4] = flags;
  return Buffer.concat([head, ...body]);
}

function uint32s(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

function settingsOf(body: Buffer): ReadonlyMap<number, number> {
  need(body, 4);
  const count = body.readUInt32BE(0);
  if (body.length !== 4 + count * 8) throw new SpdyError('SETTINGS frame has a wrong length');
  return new Map(Array.from({ length: count }, (_, index) => [body.readUIntBE(4 + index * 8 + 1, 3), body.readUInt32BE(4 + index * 8 + 4)]));
}

function streamIdAt(bytes: Buffer, offset: number): number {
  const id = bytes.readUInt32BE(offset) & 0x7fffffff;
  if (id === 0) throw new SpdyError('stream 0 does not exist');
  return id;
}

function need(body: Buffer, length: number): void {
  if (body.length < length) throw new SpdyError('control frame is cut short');
}
