// The format of a container's log file: `TIME STREAM TAG TEXT\n`, where tag P marks a line that goes on in the next entry.

export interface LogEntry {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly partial: boolean;
  /** Without its line end. */
  readonly text: Uint8Array;
}

const space = 0x20;

/** One line of the file, without its newline; undefined when it is none of that format. */
export function parseEntry(line: Buffer): LogEntry | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tag = line.toString('latin1', second + 1, third < 0 ? line.length : third);
  return { time: line.toString('latin1', 0, first), stream, partial: tag.split(':')[0] === 'P', text: third < 0 ? line.subarray(line.length) : line.subarray(third + 1) };
}

/** Cuts a byte stream into lines; what has no newline yet waits for more. */
export class LineCutter {
  #rest: Buffer = Buffer.alloc(0);

  *cut(chunk: Buffer): Generator<Buffer> {
    let bytes = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a)) {
      yield bytes.subarray(0, end);
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = Buffer.from(bytes);
  }

  get waitingBytes(): number {
    return this.#rest.length;
  }
}
