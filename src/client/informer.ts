// A local copy of a collection, kept true by list and watch.
import type { ObjectKey } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import type { Runnable } from '../base/runnable.ts';

export interface Informer<T extends KubeObject> extends Runnable {
  /** Resolves once the first list is in. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  get(key: ObjectKey): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects that the named index function filed under `value`. */
  by(index: string, value: string): readonly T[];
  /**
   * Called in order for each change: added (no `before`), changed (both), gone (no `after`). A listener that comes late is
   * first told of all that is there, as added. Objects are frozen and shared.
   */
  onChange(listener: (before: T | undefined, after: T | undefined) => void): Disposable;
}

/** Files an object under any number of values. */
export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;
