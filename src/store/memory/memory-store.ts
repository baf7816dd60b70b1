// A store that is gone with the process, for tests and for clusters that need not last.
import { LogStore } from '../log-store.ts';
import type { Commit, Log, Row } from '../log.ts';
import type { Change, Revision, Store } from '../store.ts';

export function createMemoryStore(): Store {
  return new LogStore(new MemoryLog());
}

class MemoryLog implements Log {
  compacted: Revision = 0;
  /** In order of insertion, which is the order of revisions. */
  readonly #changes = new Map<Revision, Change>();

  *rows(): Iterable<Row> {
    for (const { revision, key, value } of this.#changes.values()) yield { revision, key, deleted: value === null };
  }

  read(revision: Revision): string | null {
    return this.#changes.get(revision)!.value;
  }

  *readAfter(after: Revision): Iterable<Change> {
    for (const change of this.#changes.values()) if (change.revision > after) yield change;
  }

  async commit({ append, forget, compacted }: Commit): Promise<void> {
    for (const change of append) this.#changes.set(change.revision, change);
    for (const revision of forget) this.#changes.delete(revision);
    this.compacted = compacted;
  }

  async close(): Promise<void> {
    this.#changes.clear();
  }
}
