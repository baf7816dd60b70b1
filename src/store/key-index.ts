// Which revision of each key is the live one, and which rows of the log are history. In memory: the log is read once, at
// the start, and afterwards only by revision.
import type { Revision } from './store.ts';

/** A row that no longer tells the present: its value was live from `revision` until `until`. */
export interface Superseded {
  readonly key: string;
  readonly revision: Revision;
  /** The revision that replaced it; a deletion's own row is history from the start (`until` = `revision`). */
  readonly until: Revision;
}

export class KeyIndex {
  readonly #live = new Map<string, Revision>();
  #sorted: string[] | undefined;
  /** In order of `until`. The first `#forgotten` of them are gone already. */
  #superseded: Superseded[] = [];
  #forgotten = 0;

  /** 0: absent. */
  revisionOf(key: string): Revision {
    return this.#live.get(key) ?? 0;
  }

  apply(key: string, revision: Revision, deleted: boolean): void {
    const before = this.#live.get(key);
    if (before !== undefined) this.#superseded.push({ key, revision: before, until: revision });
    if (deleted) {
      if (before !== undefined) this.#sorted = undefined;
      this.#live.delete(key);
      this.#superseded.push({ key, revision, until: revision });
    } else {
      if (before === undefined) this.#sorted = undefined;
      this.#live.set(key, revision);
    }
  }

  get historyLength(): number {
    return this.#superseded.length - this.#forgotten;
  }

  /** Takes off up to `count` of the oldest rows of history, none of which ended after `before`. */
  takeHistory(count: number, before: Revision): readonly Superseded[] {
    const start = this.#forgotten;
    while (this.#forgotten - start < count && (this.#superseded[this.#forgotten]?.until ?? Infinity) <= before) this.#forgotten++;
    const taken = this.#superseded.slice(start, this.#forgotten);
    if (this.#forgotten > 1024 && this.#forgotten * 2 > this.#superseded.length) {
      this.#superseded = this.#superseded.slice(this.#forgotten);
      this.#forgotten = 0;
    }
    return taken;
  }

  /** The live keys under a prefix with their revisions, in key order. */
  range(prefix: string): readonly (readonly [string, Revision])[] {
    this.#sorted ??= [...this.#live.keys()].sort(bytewise);
    const found: (readonly [string, Revision])[] = [];
    for (let at = lowerBound(this.#sorted, prefix); at < this.#sorted.length; at++) {
      const key = this.#sorted[at]!;
      if (!key.startsWith(prefix)) break;
      found.push([key, this.#live.get(key)!]);
    }
    return found;
  }

  /** The same as it was at an earlier revision; it must not have been forgotten. */
  rangeAt(prefix: string, at: Revision): readonly (readonly [string, Revision])[] {
    const found = this.range(prefix).filter(([, revision]) => revision <= at);
    for (let i = this.#forgotten; i < this.#superseded.length; i++) {
      const { key, revision, until } = this.#superseded[i]!;
      if (revision <= at && at < until && key.startsWith(prefix)) found.push([key, revision]);
    }
    return found.sort(([a], [b]) => bytewise(a, b));
  }
}

/** UTF-8's order. JavaScript compares UTF-16 units, which differs only where surrogates meet U+E000 and above. */
export function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
