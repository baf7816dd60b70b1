// The engine's log of a container as lines in the CRI format, and how a log that was left off is taken up again; pure.
import { FrameReader } from './frames.ts';

/** Each entry begins with its time in nanoseconds, always as long as this. */
const timeCharacters = '2026-01-02T03:04:05.000000000Z'.length;
/** The engine cuts longer lines into entries of exactly this size; only the last of them ends the line. */
const longestEntryBytes = 16 * 1024;
const newline = 10;

/** Takes parts of `/containers/ID/logs?timestamps=1`; gives whole lines as they are written. */
export interface LogReader {
  read(part: Buffer): Buffer[];
}

export function logReader(tty: boolean): LogReader {
  if (tty) return new TerminalLogReader();
  const frames = new FrameReader({ whole: true });
  return { read: (part) => [...frames.read(part)].map(({ stream, content }) => lineOf(content, stream)) };
}

/** Without frames, an entry ends at its newline, or when it has its full size without one. */
class TerminalLogReader implements LogReader {
  #rest: Buffer = Buffer.alloc(0);

  read(part: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let bytes = Buffer.concat([this.#rest, part]);
    for (;;) {
      const from = timeCharacters + 1;
      const end = bytes.indexOf(newline, from);
      const length = end >= 0 && end - from < longestEntryBytes ? end + 1 : from + longestEntryBytes;
      if (bytes.length < length) break;
      lines.push(lineOf(bytes.subarray(0, length), 'stdout'));
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes;
    return lines;
  }
}

function lineOf(entry: Buffer, stream: 'stdout' | 'stderr'): Buffer {
  const isWhole = entry.at(-1) === newline;
  const time = entry.subarray(0, timeCharacters);
  const text = entry.subarray(timeCharacters + 1);
  return Buffer.concat([time, Buffer.from(` ${stream} ${isWhole ? 'F' : 'P'} `), text, ...(isWhole ? [] : [Buffer.from('\n')])]);
}

/**
 * The lines that are there already. The times of standard output and error may be a little out of order, so what follows
 * is asked for from a little before the last line on, and what is there already is told by its whole text.
 */
export class WrittenLines {
  /** In the engine's form: seconds and nanoseconds; undefined when nothing is written yet. */
  readonly since: string | undefined;
  readonly #counts = new Map<string, number>();

  constructor(log: Buffer, overlapMs: number, timeMs: (text: string) => number) {
    const text = log.toString('latin1');
    const lines = text.split('\n').slice(0, -1);
    const last = lines.at(-1)?.slice(0, timeCharacters);
    if (last === undefined || Number.isNaN(timeMs(last))) return;
    const fromMs = timeMs(last) - overlapMs;
    this.since = (fromMs / 1000).toFixed(9);
    for (const line of lines) if (timeMs(line.slice(0, timeCharacters)) >= fromMs) this.#counts.set(line, (this.#counts.get(line) ?? 0) + 1);
  }

  /** Whether this line is there already; each of the lines there counts once. */
  has(line: Buffer): boolean {
    if (this.#counts.size === 0) return false;
    const text = line.toString('latin1').slice(0, -1);
    const count = this.#counts.get(text);
    if (count === undefined) return false;
    if (count === 1) this.#counts.delete(text);
    else this.#counts.set(text, count - 1);
    return true;
  }
}

/** Whether these parts of one log, the oldest first, begin by so much before the last line that is written. */
export function reachesBack(parts: readonly Buffer[], overlapMs: number, timeMs: (text: string) => number): boolean {
  const filled = parts.filter((part) => part.length > 0);
  const [oldest, newest] = [filled[0], filled.at(-1)];
  if (!oldest || !newest) return false;
  const timeAt = (part: Buffer, from: number) => timeMs(part.toString('latin1', from, from + timeCharacters));
  const lastLine = newest.lastIndexOf(newline, newest.length - 2) + 1;
  return timeAt(oldest, 0) < timeAt(newest, lastLine) - overlapMs;
}
