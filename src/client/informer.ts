// A local copy of a collection, kept true by list and watch.
import type { ObjectKey } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import type { Runnable } from '../base/runnable.ts';

export interface Informer<T extends KubeObject> extends Runnable {
  /** Resolves once the first list is in. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** The newest revision that the copy is true for; '' before the first list. */
  readonly resourceVersion: string;
  get(key: ObjectKey): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects that the named index function filed under `value`. */
  by(index: string, value: string): readonly T[];
  /** Files what is there, and what comes, under more indexes. One that is there already must be the same function. */
  addIndexes(indexes: IndexFunctions<T>): void;
  /**
   * Called in order for each change: added (no `before`), changed (both), gone (no `after`). A listener that comes late is
   * first told of all that is there, as added. Objects are frozen and shared.
   */
  onChange(listener: (before: T | undefined, after: T | undefined) => void): Disposable;
}

/** Files an object under any number of values. */
export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;
