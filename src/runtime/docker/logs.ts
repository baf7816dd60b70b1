// Writes the containers' logs where the node wants them. The engine keeps a log of its own, which a follower for each
// container reads and writes down in the CRI format; after a restart it goes on where it left off.
//
//   following ──the container ended, all is read──▶ finished
//       ▲  └──the connection broke──▶ waiting (back-off) ──┐
//       └──────────────────────────────────────────────────┘
import { mkdir, open, readdir, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { backoffMs } from '../../base/backoff.ts';
import { parseTime, type Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import { RuntimeError } from '../runtime.ts';
import { query, type DockerConnection } from './connection.ts';
import { logReader, reachesBack, WrittenLines } from './log-lines.ts';
import type { InspectedContainer } from './messages.ts';

const again = { initialMs: 50, longestMs: 5_000 };
/** By how much times of one log may be out of order. */
const overlapMs = 1_000;
/** How long an end waits for the last lines; they come at once where all is well. */
const lastLinesMs = 5_000;

interface Follower {
  readonly finished: Promise<void>;
  reopen(): Promise<void>;
}

export class LogWriters {
  readonly #docker: DockerConnection;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #followers = new Map<string, Follower>();
  readonly #closing = new AbortController();

  constructor(docker: DockerConnection, clock: Clock, log: Log) {
    [this.#docker, this.#clock, this.#log] = [docker, clock, log];
  }

  /** Idempotent: a container whose log is being written, or is finished, is left alone. */
  follow(id: string, logPath: string): void {
    if (this.#followers.has(id) || this.#closing.signal.aborted) return;
    let file: Promise<FileHandle> | undefined;
    const write = async (bytes: Buffer) => (await (file ??= open(logPath, 'a', 0o640))).writeFile(bytes);
    let last: Promise<unknown> = Promise.resolve();
    /** One thing at a time is done to the file. */
    const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
      const done = last.then(work);
      last = done.catch(() => {});
      return done;
    };
    const close = async () => {
      await (await file)?.close();
      file = undefined;
    };
    const finished = this.#keepFollowing(id, logPath, (bytes) => inTurn(() => write(bytes)))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#log.warn('a log is not written any more', { logPath, error: describe(error) });
      })
      .finally(() => inTurn(close).catch(() => {}));
    this.#followers.set(id, {
      finished,
      reopen: () => inTurn(async () => {
        await close();
        await write(Buffer.alloc(0));
      }),
    });
  }

  /** Resolves when all that an ended container said is written, or does not come. */
  async finished(id: string, signal: AbortSignal): Promise<void> {
    const follower = this.#followers.get(id);
    if (!follower) return;
    const enough = new AbortController();
    try {
      await Promise.race([follower.finished, this.#clock.sleep(lastLinesMs, AbortSignal.any([signal, enough.signal]))]);
    } finally {
      enough.abort();
    }
  }

  async reopen(id: string): Promise<void> {
    await this.#followers.get(id)?.reopen();
  }

  forget(id: string): void {
    this.#followers.delete(id);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#followers.values()].map(({ finished }) => finished));
  }

  async #keepFollowing(id: string, logPath: string, write: (bytes: Buffer) => Promise<void>): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; ; ) {
      try {
        const { Config, State } = await this.#docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal);
        await this.#followOnce(id, logPath, Config.Tty, write);
        // What had ended before the log was read has said all; else a look at it, and at what may be left.
        if (!State.Running) return;
        failures = 0;
        if (!(await this.#docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal)).State.Running) return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RuntimeError && error.code === 'not-found') return;
        failures++;
        this.#log.warn('a log could not be followed, trying again', { logPath, error: describe(error), failures });
      }
      await this.#clock.sleep(backoffMs(Math.max(1, failures), again), signal);
    }
  }

  /** Until the engine has no more. Throws when the connection breaks before that. */
  async #followOnce(id: string, logPath: string, tty: boolean, write: (bytes: Buffer) => Promise<void>): Promise<void> {
    const { signal } = this.#closing;
    const written = new WrittenLines(await whatIsWritten(logPath), overlapMs, parseTime);
    const path = `/containers/${id}/logs${query({ follow: true, stdout: true, stderr: true, timestamps: true, since: written.since })}`;
    const answer = await this.#docker.stream('GET', path, {}, signal);
    const reader = logReader(tty);
    // Also an empty log is a file.
    await write(Buffer.alloc(0));
    for await (const part of answer) {
      const lines = reader.read(part as Buffer).filter((line) => !written.has(line));
      if (lines.length > 0) await write(Buffer.concat(lines));
    }
  }
}

/**
 * The log as far as it goes, without a torn last line, and after those that were set aside before it: as many as reach back
 * over the time in which lines may be out of order.
 */
async function whatIsWritten(logPath: string): Promise<Buffer> {
  const folder = dirname(logPath);
  await mkdir(folder, { recursive: true });
  const now = await readIfThere(logPath);
  const whole = now.subarray(0, now.lastIndexOf('\n') + 1);
  if (whole.length < now.length) await truncate(logPath, whole.length);
  const parts = [whole];
  const setAside = (await readdir(folder)).filter((name) => name.startsWith(`${basename(logPath)}.`)).sort();
  for (let name = setAside.pop(); name !== undefined && !reachesBack(parts, overlapMs, parseTime); name = setAside.pop()) parts.unshift(await readIfThere(join(folder, name)));
  return Buffer.concat(parts);
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
