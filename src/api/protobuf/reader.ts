// Reads protobuf that may be anything. Every read is told where the message around it ends, and goes no further.

/** What is wrong with the bytes, in the words of Go's decoder. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const cutShort = () => new WireError('unexpected EOF');

export class Reader {
  readonly bytes: Buffer;
  at = 0;
  /** Of the last varint, the bits above the low 32. */
  #high = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The low 32 bits, unsigned. */
  varint(end: number): number {
    const { bytes } = this;
    const first = this.at < end ? bytes[this.at]! : 128;
    if (first < 128) {
      this.at++;
      this.#high = 0;
      return first;
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw cutShort();
      const byte = bytes[this.at++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= shift < 63 ? bits << (shift - 32) : (bits & 1) << 31;
      if (byte < 128) {
        this.#high = high | 0;
        return low >>> 0;
      }
    }
    throw new WireError('proto: integer overflow');
  }

  int32(end: number): number {
    return this.varint(end) | 0;
  }

  /** Beyond 2^53 inexact, as any number in JSON. */
  int64(end: number): number {
    const low = this.varint(end);
    return this.#high * 2 ** 32 + low;
  }

  bool(end: number): boolean {
    return this.varint(end) !== 0 || this.#high !== 0;
  }

  double(end: number): number {
    if (this.at + 8 > end) throw cutShort();
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  tag(end: number): number {
    const tag = this.varint(end);
    if (this.#high !== 0 || tag >>> 3 === 0) throw new WireError(`proto: illegal tag ${tag >>> 3} (wire type ${tag & 7})`);
    return tag;
  }

  /** Where the field of a length that begins here ends. */
  length(end: number): number {
    const length = this.varint(end);
    if (this.#high !== 0 || length > 2 ** 31 - 1) throw new WireError('proto: negative length found during unmarshaling');
    if (this.at + length > end) throw cutShort();
    return this.at + length;
  }

  string(end: number): string {
    const { at } = this;
    this.at = end;
    return this.bytes.toString('utf8', at, end);
  }

  slice(end: number): Buffer {
    const { at } = this;
    this.at = end;
    return this.bytes.subarray(at, end);
  }

  /** A field that nobody knows. Groups are no part of what Kubernetes writes. */
  skip(wire: number, end: number): void {
    switch (wire) {
      case 0:
        this.varint(end);
        return;
      case 1:
        this.double(end);
        return;
      case 2:
        this.at = this.length(end);
        return;
      case 5:
        if (this.at + 4 > end) throw cutShort();
        this.at += 4;
        return;
      default:
        throw new WireError(`proto: illegal wireType ${wire}`);
    }
  }
}
