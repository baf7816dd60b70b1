// What a LogStore needs below it: an append-only log of rows, named by their revision.
import type { Change, Revision } from './store.ts';

export interface Row {
  readonly revision: Revision;
  readonly key: string;
  readonly deleted: boolean;
}

/** One commit: rows to add and rows of history to drop, all or nothing. */
export interface Commit {
  readonly append: readonly Change[];
  readonly forget: readonly Revision[];
  /** From now on history up to and including this revision counts as gone. */
  readonly compacted: Revision;
}

export interface Log {
  /** What was last committed as `compacted`; 0 at first. */
  readonly compacted: Revision;
  /** All rows in order of revision. */
  rows(): Iterable<Row>;
  /** The value of a row that exists; null for a deletion. */
  read(revision: Revision): string | null;
  /** The rows after a revision, in order. */
  readAfter(after: Revision): Iterable<Change>;
  /**
   * Resolves once durable. Throws CommitRefused when nothing of it was written; any other error leaves it unknown what was,
   * and the log must not be used again.
   */
  commit(commit: Commit): Promise<void>;
  /** All history up to `compacted` has been dropped: nothing of it need be left anywhere. Absent: nothing ever is. */
  afterCompaction?(): Promise<void>;
  close(): Promise<void>;
}

/** A commit was rolled back whole (a full disk, say); the log is as before. */
export class CommitRefused extends Error {
  override readonly name = 'CommitRefused';
}
