// Watches by chance, each held against the history: what it was told must be just what was written since its beginning, by its selector.
import assert from 'node:assert/strict';
import { ApiError } from '../../../src/api/error.ts';
import type { RequestOptions, Transport, WatchEvent } from '../../../src/api/request.ts';
import type { Chance } from './chance.ts';
import type { RecordedHistory } from './history.ts';
import { sorted } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';
import type { Selection } from './selection.ts';

interface Told {
  readonly type: string;
  readonly object: Json;
}

export class FollowedWatch {
  readonly kind: ModelKind;
  readonly selection: Selection;
  readonly options: RequestOptions;
  readonly told: Told[] = [];
  /** What the history had when it began: its beginning lies between. */
  readonly #from: number;
  #to = Infinity;
  /** What went on behind this revision had been forgotten. */
  readonly #floor: number;
  readonly #stop = new AbortController();
  readonly #over: Promise<void>;
  #failure: unknown;
  isOver = false;

  /** It begins when its request has arrived, which nobody is told. */
  readonly #isRemote: boolean;

  constructor(transport: Transport, isRemote: boolean, history: RecordedHistory, floor: number, kind: ModelKind, selection: Selection, options: RequestOptions) {
    this.#isRemote = isRemote;
    this.kind = kind;
    this.selection = selection;
    this.options = options;
    this.#from = history.last;
    this.#floor = floor;
    this.#over = this.#follow(transport).catch((error: unknown) => void (this.#failure = error)).finally(() => (this.isOver = true));
  }

  async #follow(transport: Transport): Promise<void> {
    const { kind, selection, options } = this;
    const request = { verb: 'watch', resource: kind.resource, ...(selection.namespace ? { namespace: selection.namespace } : {}), options: { ...options, ...selection.options } } as const;
    for await (const event of transport.watch(request, this.#stop.signal) as AsyncIterable<WatchEvent<Json>>) this.told.push(event as Told);
  }

  /** It has begun by now. */
  begun(history: RecordedHistory): void {
    if (!this.#isRemote) this.#to = Math.min(this.#to, history.last);
  }

  /** From where one could go on. */
  get lastRevision(): number | undefined {
    const last = this.told.at(-1);
    return last && Number(last.object['metadata'].resourceVersion);
  }

  /** Ends it, once it has been told all, and compares. Gives how many events it was told. */
  async end(history: RecordedHistory, patience: (isDone: () => boolean) => Promise<void>): Promise<number> {
    this.#to = Math.min(this.#to, history.last);
    const refusal = this.#expectedRefusal();
    const events = () => this.told.filter(({ type }) => type !== 'BOOKMARK');
    const possible = refusal ? [] : this.#possible(history);
    const match = () => {
      const shown = events().map(textOf);
      return possible.find((expected) => expected.length === shown.length && expected.every((text, i) => text === shown[i]));
    };
    let seen = -1;
    await patience(() => {
      if (this.isOver) return true;
      const isNew = seen !== this.told.length;
      seen = this.told.length;
      return isNew && (!this.options.sendInitialEvents || this.told.some(({ type }) => type === 'BOOKMARK')) && match() !== undefined;
    });
    this.#stop.abort();
    await this.#over;
    if (refusal) {
      assert.ok(this.#failure instanceof ApiError && `${this.#failure.code} ${this.#failure.reason}` === refusal, `${this.#words()}: refused as ${refusal}, not ${String(this.#failure)}`);
      return 0;
    }
    if (!(this.#isRemote && (this.#failure as Error | undefined)?.name === 'AbortError')) assert.equal(this.#failure, undefined, `${this.#words()}: ${String(this.#failure)}`);
    const shown = events().map(textOf);
    if (!match()) {
      const nearest = possible.at(-1)!;
      const at = nearest.findIndex((text, i) => text !== shown[i]);
      assert.fail(`${this.#words()}: told ${shown.length} of ${nearest.length}; first difference at ${at}:\nexpected ${nearest[at]}\ngot      ${shown[at < 0 ? nearest.length : at]}`);
    }
    this.#checkBookmarks(history);
    return shown.length;
  }

  #expectedRefusal(): string | undefined {
    const { resourceVersion } = this.options;
    if (this.options.sendInitialEvents || !resourceVersion || resourceVersion === '0') return undefined;
    if (Number(resourceVersion) > this.#from + 500) return '504 Timeout';
    return Number(resourceVersion) < this.#floor ? '410 Expired' : undefined;
  }

  /** All that it may have been told, by where it began. */
  #possible(history: RecordedHistory): string[][] {
    const { resourceVersion, sendInitialEvents } = this.options;
    if (!sendInitialEvents && resourceVersion && resourceVersion !== '0') return [this.#changes(history, Number(resourceVersion))];
    if (sendInitialEvents === false) return this.#beginnings((at) => this.#changes(history, at));
    return this.#beginnings((at) => [...history.list(this.kind, at).filter(this.selection.matches).map((object) => textOf({ type: 'ADDED', object })), ...this.#changes(history, at)]);
  }

  #beginnings(expected: (at: number) => string[]): string[][] {
    return Array.from({ length: this.#to - this.#from + 1 }, (_, i) => expected(this.#from + i));
  }

  #changes(history: RecordedHistory, after: number): string[] {
    const { matches } = this.selection;
    const events: string[] = [];
    for (const { kind, type, object, before, revision } of history.after(after)) {
      if (kind !== this.kind) continue;
      const was = before !== undefined && matches(before);
      const is = type !== 'DELETED' && matches(object);
      if (is) events.push(textOf({ type: was ? 'MODIFIED' : 'ADDED', object }));
      else if (was) events.push(textOf({ type: 'DELETED', object: { ...before, metadata: { ...before['metadata'], resourceVersion: String(revision) } } }));
    }
    return events;
  }

  #checkBookmarks(history: RecordedHistory): void {
    let newest = 0;
    let isBegun = !this.options.sendInitialEvents;
    for (const { type, object } of this.told) {
      const revision = Number(object['metadata'].resourceVersion);
      if (type === 'BOOKMARK') {
        assert.ok(this.options.allowWatchBookmarks, `${this.#words()}: bookmarks only where they are asked for`);
        assert.deepEqual([object['kind'], object['apiVersion']], [this.kind.kind, this.kind.apiVersion]);
        const isEnd = object['metadata'].annotations?.['k8s.io/initial-events-end'] === 'true';
        assert.equal(isEnd, !isBegun, `${this.#words()}: one bookmark ends the initial events`);
        isBegun = true;
        assert.ok(revision >= newest && revision <= history.last, `${this.#words()}: a bookmark at ${revision} after ${newest}, of ${history.last}`);
        newest = revision;
      } else if (isBegun) {
        // What begins with all that is there begins with its revisions in any order.
        if (this.options.resourceVersion && this.options.resourceVersion !== '0') assert.ok(revision > newest, `${this.#words()}: ${revision} after ${newest}`);
        newest = Math.max(newest, revision);
      }
    }
    if (this.told.length > 0) assert.ok(isBegun, `${this.#words()}: the initial events have an end`);
  }

  #words(): string {
    return `watch of ${this.kind.kind} ${JSON.stringify({ namespace: this.selection.namespace, ...this.options, ...this.selection.options })} begun at ${this.#from}…${this.#to}`;
  }
}

export function someStart(chance: Chance, history: RecordedHistory, floor: number): RequestOptions {
  const allowWatchBookmarks = chance.oneIn(2);
  const bookmarks = allowWatchBookmarks ? { allowWatchBookmarks } : {};
  switch (chance.weighted({ unset: 2, zero: 1, known: 6, newest: 2, initial: 3, without: 1, expired: 1, future: 0.5 })) {
    case 'unset': return bookmarks;
    case 'zero': return { ...bookmarks, resourceVersion: '0' };
    case 'known': return { ...bookmarks, resourceVersion: String(floor + chance.below(history.last - floor + 1)) };
    case 'newest': return { ...bookmarks, resourceVersion: String(history.last) };
    case 'initial': return { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true, ...(chance.oneIn(2) ? { resourceVersion: String(floor + chance.below(history.last - floor + 1)) } : {}) };
    case 'without': return { ...bookmarks, sendInitialEvents: false, resourceVersionMatch: 'NotOlderThan' };
    case 'expired': return floor > history.first ? { ...bookmarks, resourceVersion: String(1 + chance.below(floor - 1)) } : bookmarks;
    case 'future': return { resourceVersion: String(history.last + 100_000) };
  }
}

/** Whole and exact, whatever the order of its keys. */
function textOf({ type, object }: Told): string {
  return `${type} ${JSON.stringify(sorted(object))}`;
}
