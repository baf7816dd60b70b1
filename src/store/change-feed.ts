// Hands each commit to those who follow a prefix.
import { Channel } from '../base/channel.ts';
import { Overflow, type Change } from './store.ts';

type Listener = (changes: readonly Change[]) => void;

/** Batches that may wait for one watcher; when more come, it is ended with Overflow. */
const watcherQueueBatches = 10_000;

export class ChangeFeed {
  readonly #followers = new Set<{ readonly prefix: string; readonly listener: Listener }>();

  follow(prefix: string, listener: Listener): Disposable {
    const follower = { prefix, listener };
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  deliver(changes: readonly Change[]): void {
    for (const { prefix, listener } of this.#followers) {
      const under = changes.every((change) => change.key.startsWith(prefix)) ? changes : changes.filter((change) => change.key.startsWith(prefix));
      if (under.length > 0) listener(under);
    }
  }
}

/** `follow` as a loop. */
export async function* watchBy(
  prefix: string,
  follow: (listener: Listener) => Promise<Disposable>,
  signal: AbortSignal,
): AsyncGenerator<readonly Change[]> {
  const batches = new Channel<readonly Change[]>(watcherQueueBatches, () => new Overflow(prefix));
  using _following = await follow((changes) => batches.push(changes));
  yield* batches.read(signal);
}
