// Writes protobuf from its end to its beginning, so that the length of a message is known when its header is due.

/** Strings up to here are copied letter by letter: a call out of JavaScript costs more. */
const shortString = 40;

export class Writer {
  #buffer: Buffer;
  #at: number;

  constructor(size = 16 * 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
    this.#at = size;
  }

  /** Bytes written so far. */
  get mark(): number {
    return this.#buffer.length - this.#at;
  }

  /** A copy of what has been written; then begins anew. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.mark);
    this.#buffer.copy(taken, 0, this.#at);
    this.#at = this.#buffer.length;
    if (this.#buffer.length > largestKept) {
      this.#buffer = Buffer.allocUnsafeSlow(16 * 1024);
      this.#at = this.#buffer.length;
    }
    return taken;
  }

  /** Forgets what has been written: after an error. */
  reset(): void {
    this.#at = this.#buffer.length;
  }

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at] = value;
  }

  /** Whole numbers; negative ones take ten bytes. */
  varint(value: number): void {
    if (value >= 0 && value < 128) return this.byte(value);
    if (!Number.isSafeInteger(value)) return this.#bigVarint(BigInt.asUintN(64, BigInt(Math.trunc(value) || 0)));
    if (value < 0) return this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    this.#room(length);
    let rest = value;
    for (let index = 0; index < length; index++) {
      this.#buffer[this.#at + index] = (rest % 128) | (index < length - 1 ? 128 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  double(value: number): void {
    this.#room(8);
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  string(text: string): void {
    const { length } = text;
    if (length <= shortString) {
      this.#room(length);
      const buffer = this.#buffer;
      let index = length;
      for (let code = 0; index > 0 && code < 0x80; ) {
        code = text.charCodeAt(--index);
        buffer[this.#at + index] = code;
        if (code >= 0x80) index = -1;
      }
      if (index === 0) return;
      this.#at += length; // not all ASCII: once more
    }
    const bytes = Buffer.byteLength(text);
    this.#room(bytes);
    this.#buffer.write(text, this.#at, bytes === length ? 'latin1' : 'utf8');
  }

  base64(text: string): void {
    const bytes = Buffer.from(text, 'base64');
    this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
  }

  /** Completes a field whose content has been written since `mark`. */
  header(tag: number, mark: number): void {
    this.varint(this.mark - mark);
    this.varint(tag);
  }

  #bigVarint(value: bigint): void {
    const groups: number[] = [];
    do {
      groups.push(Number(value & 127n));
      value >>= 7n;
    } while (value > 0n);
    this.#room(groups.length);
    groups.forEach((group, index) => (this.#buffer[this.#at + index] = group | (index < groups.length - 1 ? 128 : 0)));
  }

  #room(length: number): void {
    if (this.#at < length) {
      const written = this.mark;
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, written + length));
      this.#buffer.copy(larger, larger.length - written, this.#at);
      this.#at = larger.length - written;
      this.#buffer = larger;
    }
    this.#at -= length;
  }
}

/** A buffer that one large object has made grow is given back. */
const largestKept = 1024 * 1024;
