// Events to a file, one a line, or to standard output. They are gathered and written together, behind the requests' backs.
// The file is put aside when it would grow beyond its size, as kube-apiserver's is: NAME-TIME.EXTENSION beside it.
import { mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { dateOf, type Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { AuditBackend } from './audit-log.ts';

export interface FileBackendOptions {
  /** `-`: standard output. */
  readonly path: string;
  /** At which size in megabytes the file is put aside. */
  readonly maxSizeMb: number;
  /** So many files that were put aside are kept; 0: all. */
  readonly maxBackups: number;
  /** Those put aside before so many days go; 0: none. */
  readonly maxAgeDays: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What may wait to be written; events that come when it is full are lost, and counted. */
const mostWaiting = 10_000;
const mostWaitingCharacters = 64 * 1024 * 1024;
const bytesInMb = 1024 * 1024;
const dayMs = 86_400_000;

/** Throws when the file cannot be opened. */
export async function createFileBackend(options: FileBackendOptions): Promise<AuditBackend> {
  const backend = new FileBackend(options);
  await backend.open();
  return backend;
}

class FileBackend implements AuditBackend {
  readonly name = 'log';
  lost = 0;
  readonly #options: FileBackendOptions;
  #file: FileHandle | undefined;
  #size = 0;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #writing: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: FileBackendOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { path } = this.#options;
    if (path === '-') return;
    await mkdir(dirname(path), { recursive: true });
    this.#file = await open(path, 'a', 0o600);
    this.#size = (await this.#file.stat()).size;
  }

  take(event: string): void {
    if (this.#waiting.length >= mostWaiting || this.#waitingCharacters > mostWaitingCharacters) return void this.lost++;
    this.#waiting.push(event);
    this.#waitingCharacters += event.length;
    this.#writing ??= new Promise((done) => setImmediate(() => void this.#writeAll().then(done)));
  }

  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#file?.close();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      this.#waitingCharacters = 0;
      try {
        await this.#write(Buffer.from(`${events.join('\n')}\n`));
        this.#isFailing = false;
      } catch (error) {
        this.lost += events.length;
        if (!this.#isFailing) this.#options.log.error('the audit log cannot be written', { error });
        this.#isFailing = true;
      }
    }
    this.#writing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#options.path === '-') return new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())));
    if (!this.#file) await this.open();
    const most = this.#options.maxSizeMb * bytesInMb;
    if (this.#size > 0 && this.#size + bytes.length > most) await this.#putAside();
    await this.#file!.write(bytes);
    this.#size += bytes.length;
  }

  async #putAside(): Promise<void> {
    const { path, clock } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    await rename(path, join(dirname(path), asideName(path, clock.wallMs())));
    await this.open();
    await this.#clean();
  }

  async #clean(): Promise<void> {
    const { path, maxBackups, maxAgeDays, clock } = this.#options;
    const aside = (await readdir(dirname(path))).filter((name) => isAside(path, name)).sort().reverse();
    const oldest = asideName(path, clock.wallMs() - maxAgeDays * dayMs);
    const gone = aside.filter((name, index) => (maxBackups > 0 && index >= maxBackups) || (maxAgeDays > 0 && name < oldest));
    for (const name of gone) await unlink(join(dirname(path), name));
  }
}

/** `audit-2026-01-02T03-04-05.678.log` of `audit.log`. */
function asideName(path: string, wallMs: number): string {
  const ending = extname(path);
  const time = dateOf(wallMs).toISOString().slice(0, 23).replaceAll(':', '-');
  return `${basename(path, ending)}-${time}${ending}`;
}

function isAside(path: string, name: string): boolean {
  const ending = extname(path);
  const [start, end] = [`${basename(path, ending)}-`, ending];
  return name.startsWith(start) && name.endsWith(end) && /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(name.slice(start.length, name.length - end.length));
}
