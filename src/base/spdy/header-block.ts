// SPDY/3's header blocks. All blocks of one direction form a single zlib stream, flushed to a whole byte after each.
// Instead of keeping zlib's native state between blocks, each block is (de)compressed alone with the last 32 KB of
// what went before as its dictionary, which to deflate is the same thing. So this is synchronous and holds no handle.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { headerDictionary, headerDictionaryId } from './dictionary.ts';
import { SpdyError } from './error.ts';

/** Names are in lower case. A name that came with several values has them joined by a NUL, as on the wire. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** Inflated; far beyond what a stream's headers need, and a bound on what a hostile block can cost. */
const largestBlockBytes = 64 * 1024;
const windowBytes = 32 * 1024;
/** CMF 0x78 (deflate, 32 KB window), FLG 0xbb (dictionary follows, best compression), the dictionary's Adler-32. */
const zlibHeader = Buffer.from([0x78, 0xbb, ...new Uint8Array(new Uint32Array([headerDictionaryId]).buffer).reverse()]);
const presetDictionaryFlag = 0x20;

export class HeaderCompressor {
  #window: Buffer | undefined;

  compress(headers: SpdyHeaders): Buffer {
    const plain = encodeBlock(headers);
    const first = this.#window === undefined;
    const dictionary = this.#window ?? headerDictionary;
    const packed = deflateRawSync(plain, { dictionary, finishFlush: constants.Z_SYNC_FLUSH });
    this.#window = slide(dictionary, plain);
    return first ? Buffer.concat([zlibHeader, packed]) : packed;
  }
}

export class HeaderDecompressor {
  #window: Buffer | undefined;

  /** Throws SpdyError. */
  decompress(block: Buffer): SpdyHeaders {
    const [packed, dictionary] = this.#window === undefined ? openZlib(block) : [block, this.#window];
    let plain: Buffer;
    try {
      plain = inflateRawSync(packed, {
        ...(dictionary.length ? { dictionary } : {}),
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: largestBlockBytes,
      });
    } catch (error) {
      throw new SpdyError('header block cannot be decompressed', { cause: error });
    }
    this.#window = slide(dictionary, plain);
    return decodeBlock(plain);
  }
}

/** Takes the zlib stream's own header off its first block. */
function openZlib(block: Buffer): [packed: Buffer, dictionary: Buffer] {
  if (block.length < 2 || (block[0]! & 0x0f) !== 8 || block.readUInt16BE(0) % 31 !== 0) throw new SpdyError('header block is no zlib stream');
  if ((block[1]! & presetDictionaryFlag) === 0) return [block.subarray(2), Buffer.alloc(0)];
  if (block.length < 6 || block.readUInt32BE(2) !== headerDictionaryId) throw new SpdyError('header block wants an unknown dictionary');
  return [block.subarray(6), headerDictionary];
}

function slide(window: Buffer, plain: Buffer): Buffer {
  return Buffer.concat([window, plain]).subarray(-windowBytes);
}

function encodeBlock(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [uint32(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text);
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function decodeBlock(plain: Buffer): SpdyHeaders {
  let at = 0;
  const readUint32 = () => {
    if (at + 4 > plain.length) throw new SpdyError('header block is cut short');
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const readText = () => {
    const length = readUint32();
    if (at + length > plain.length) throw new SpdyError('header block is cut short');
    at += length;
    return plain.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = readUint32(); left > 0; left--) {
    const name = readText().toLowerCase();
    if (name === '' || headers.has(name)) throw new SpdyError('header block has an empty or a repeated name');
    headers.set(name, readText());
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
