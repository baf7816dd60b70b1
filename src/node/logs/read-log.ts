// Reads a container's log as `kubectl logs` wants it: from where, how much, which stream, and on as it grows.
import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { LogOptions } from '../../api/node-service.ts';
import { parseTime } from '../../base/clock.ts';
import { LineCutter, parseEntry } from './cri-log.ts';

export interface LogSource {
  readonly path: string;
  readonly nowMs: number;
  /** Whether more may come; asked anew each time the end of the file is reached. */
  readonly isRunning: () => boolean;
  /** Calls back when `isRunning` may have changed. */
  readonly onChange: (listener: () => void) => Disposable;
}

const blockBytes = 64 * 1024;
const newline = 0x0a;

/** Chunks of text; follows a rotated log into its new file. Ends when nothing more can come, or on abort. */
export async function* readLog(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const shape = new Shape(source, options);
  let file: FileHandle;
  try {
    file = await open(source.path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !options.follow) return;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    file = await open('/dev/null', 'r');
  }
  const bell = options.follow ? new Bell(source, signal) : undefined;
  try {
    const { size } = await file.stat();
    let offset = options.tailLines === undefined ? 0 : await offsetOfLastLines(file, size, options.tailLines);
    // What is written meanwhile is for those who follow: the last line is one, and a log that grows fast has an end.
    const end = bell ? Infinity : size;
    for (;;) {
      const last = !bell || !source.isRunning();
      for await (const chunk of chunksFrom(file, offset, end)) {
        offset += chunk.length;
        const text = shape.take(chunk);
        if (text.length > 0) yield text;
        if (shape.full || signal.aborted) return;
      }
      const renewed = bell?.rotated ? await reopened(source.path, file) : undefined;
      if (renewed) {
        await file.close();
        file = renewed;
        offset = 0;
        bell!.rotated = false;
        continue;
      }
      if (last || signal.aborted) return;
      await bell.rung();
      if (signal.aborted) return;
    }
  } finally {
    bell?.[Symbol.dispose]();
    await file.close();
  }
}

/** What of each entry is shown, within the limit of bytes. */
export class Shape {
  full = false;
  readonly #cutter = new LineCutter();
  readonly #sinceMs: number;
  readonly #options: LogOptions;
  #leftBytes: number;
  #midLine = false;

  constructor({ nowMs }: LogSource, options: LogOptions) {
    this.#options = options;
    this.#sinceMs = options.sinceTime ? parseTime(options.sinceTime) : options.sinceSeconds === undefined ? -Infinity : nowMs - options.sinceSeconds * 1000;
    this.#leftBytes = options.limitBytes ?? Infinity;
  }

  take(chunk: Buffer): Buffer {
    const shown: Uint8Array[] = [];
    for (const line of this.#cutter.cut(chunk)) {
      const entry = parseEntry(line);
      if (!entry) continue;
      if (this.#options.stream === 'Stdout' && entry.stream !== 'stdout') continue;
      if (this.#options.stream === 'Stderr' && entry.stream !== 'stderr') continue;
      if (this.#sinceMs !== -Infinity && parseTime(entry.time) < this.#sinceMs) continue;
      if (this.#options.timestamps && !this.#midLine) shown.push(Buffer.from(`${entry.time} `));
      shown.push(entry.text);
      if (!entry.partial) shown.push(lineEnd);
      this.#midLine = entry.partial;
    }
    const text = Buffer.concat(shown);
    const within = text.length > this.#leftBytes ? text.subarray(0, this.#leftBytes) : text;
    this.#leftBytes -= within.length;
    this.full = this.#leftBytes <= 0;
    return within;
  }
}

const lineEnd = Buffer.from('\n');

/** Rings when the log's directory or the container has changed. A ring while nobody waits is kept. */
class Bell implements Disposable {
  rotated = false;
  #rang = false;
  #wake: (() => void) | undefined;
  readonly #stops: Disposable[] = [];

  constructor(source: LogSource, signal: AbortSignal) {
    const watcher = watch(dirname(source.path), (kind, name) => {
      if (name !== basename(source.path)) return;
      if (kind === 'rename') this.rotated = true;
      this.#ring();
    });
    watcher.on('error', () => this.#ring());
    const onAbort = () => this.#ring();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#stops.push(source.onChange(() => this.#ring()), { [Symbol.dispose]: () => watcher.close() }, { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) });
  }

  async rung(): Promise<void> {
    if (!this.#rang) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#rang = false;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop[Symbol.dispose]();
  }

  #ring(): void {
    this.#rang = true;
    this.#wake?.();
    this.#wake = undefined;
  }
}

async function* chunksFrom(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let offset = from; offset < to; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(blockBytes), 0, Math.min(blockBytes, to - offset), offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Where the last `lines` entries of the first `size` bytes begin, found from the end. */
async function offsetOfLastLines(file: FileHandle, size: number, lines: number): Promise<number> {
  if (lines <= 0) return size;
  let found = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockBytes);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let at = buffer.length - 1; at >= 0; at--) {
      if (buffer[at] !== newline || start + at === size - 1) continue;
      if (++found === lines) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** The file that stands at `path` now, if it is another one. */
async function reopened(path: string, old: FileHandle): Promise<FileHandle | undefined> {
  const fresh = await open(path, 'r').catch(() => undefined);
  if (!fresh) return undefined;
  const [a, b] = await Promise.all([fresh.stat(), old.stat()]);
  if (a.ino !== b.ino || a.dev !== b.dev) return fresh;
  await fresh.close();
  return undefined;
}
