// What has been written, change by change: a hash over all of it, and the last of it for people to read.
import { createHash } from 'node:crypto';
import { formatMicroTime, type Clock } from '../base/clock.ts';
import type { Change, Store } from '../store/store.ts';

export interface Remembered {
  readonly atMs: number;
  /** `core/pods/default/web` */
  readonly key: string;
  readonly revision: number;
  /** The object as JSON; null: deleted. */
  readonly value: string | null;
}

const root = '/registry/';
/** Older ones are forgotten. */
const mostRemembered = 5_000;

export class History {
  /** The newest revision. */
  revision = 0;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #remembered: Remembered[] = [];
  #chain = createHash('sha256');

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async follow(store: Store, clock: Clock, signal: AbortSignal): Promise<History> {
    const history = new History(clock);
    const { revision } = await store.list(root, { limit: 0 }, signal);
    await store.follow(root, revision, (changes) => history.#take(changes));
    return history;
  }

  /** Of every write so far: its key, its revision, its bytes. */
  hash(): string {
    return this.#chain.copy().digest('hex');
  }

  /** Calls back after each commit. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Oldest first. */
  get remembered(): readonly Remembered[] {
    return this.#remembered;
  }

  #take(changes: readonly Change[]): void {
    const atMs = this.#clock.wallMs();
    for (const { key, value, revision } of changes) {
      this.#chain.update(`${key}\0${revision}\0${value === null ? -1 : Buffer.byteLength(value)}\0`);
      if (value) this.#chain.update(value);
      this.#remembered.push({ atMs, key: key.slice(root.length), revision, value });
      this.revision = revision;
    }
    if (this.#remembered.length > 2 * mostRemembered) this.#remembered = this.#remembered.slice(-mostRemembered);
    for (const listener of this.#listeners) listener();
  }
}

export function timeText(atMs: number): string {
  return formatMicroTime(atMs).slice(11, 23);
}
