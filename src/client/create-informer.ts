// Keeps a local copy of a collection true: list, then watch from the list's revision on, for as long as it lives.
//
//            listed                      watch ended, or failed
//   list ─────────────▶ watch ───────────────────────────────┐
//    ▲  ▲                 │  ▲                                │
//    │  └── Expired ──────┘  └──────────── wait ◀─────────────┘
//    │                                      ▲ │
//    └─ after a failed list, or Expired ────┘─┘
//       again before anything had come
import { isReason } from '../api/error.ts';
import type { Resource } from '../api/kind.ts';
import type { WatchEvent } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import { backoffMs, jitterMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { keyOf, type Client } from './client.ts';
import type { IndexFunctions, Informer } from './informer.ts';
import { ObjectCache } from './object-cache.ts';

export interface InformerOptions<T> {
  /** Undefined: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: IndexFunctions<T>;
}

export interface InformerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function createInformer<T extends KubeObject>(client: Client, resource: Resource<T>, options: InformerOptions<T>, deps: InformerDeps): Informer<T> {
  return new ListWatchInformer(client, resource, options, deps);
}

type State =
  /** Nothing is known, or history is lost: the whole collection must be read, and compared with the copy. */
  | { readonly type: 'list'; readonly failures: number }
  /** The copy is true as of `resourceVersion`; changes after it are still to be followed. */
  | { readonly type: 'watch'; readonly resourceVersion: string; readonly failures: number }
  /** Something failed: rest a little, then go on. */
  | { readonly type: 'wait'; readonly delayMs: number; readonly next: State };

type Listener<T> = (before: T | undefined, after: T | undefined) => void;

const retry = { initialMs: 50, longestMs: 30_000 };
/** A watch that lives shorter than this and brings nothing counts as failed, lest we spin. */
const shortWatchMs = 1_000;

class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly name: string;
  readonly synced: Promise<void>;
  hasSynced = false;
  resourceVersion = '';
  readonly #markSynced: () => void;
  readonly #client: Client;
  readonly #resource: Resource<T>;
  readonly #options: Omit<InformerOptions<T>, 'indexes'>;
  readonly #deps: InformerDeps;
  readonly #log: Log;
  readonly #cache = new ObjectCache<T>();
  /** Replaced, never changed, so that a listener may add or remove listeners. */
  #listeners: readonly Listener<T>[] = [];

  constructor(client: Client, resource: Resource<T>, { indexes = {}, ...options }: InformerOptions<T>, deps: InformerDeps) {
    this.name = `informer/${resource.plural}`;
    this.#client = client;
    this.#resource = resource;
    this.#options = options;
    this.#deps = deps;
    this.#log = deps.log.named(this.name);
    this.#cache.addIndexes(indexes);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#markSynced = resolve;
  }

  get = (key: Parameters<Informer<T>['get']>[0]) => this.#cache.get(key);
  list = (namespace?: string) => this.#cache.list(namespace);
  by = (index: string, value: string) => this.#cache.by(index, value);
  addIndexes = (indexes: IndexFunctions<T>) => this.#cache.addIndexes(indexes);

  onChange(listener: Listener<T>): Disposable {
    for (const object of this.#cache.list()) this.#tell(listener, undefined, object);
    this.#listeners = [...this.#listeners, listener];
    return { [Symbol.dispose]: () => void (this.#listeners = this.#listeners.filter((other) => other !== listener)) };
  }

  async run(signal: AbortSignal): Promise<void> {
    let state: State = { type: 'list', failures: 0 };
    while (!signal.aborted) state = await this.#step(state, signal);
  }

  async #step(state: State, signal: AbortSignal): Promise<State> {
    switch (state.type) {
      case 'list':
        try {
          return { type: 'watch', resourceVersion: await this.#list(signal), failures: state.failures };
        } catch (error) {
          return this.#rest(error, state.failures + 1, { type: 'list', failures: state.failures + 1 }, signal);
        }
      case 'watch':
        return this.#follow(state.resourceVersion, state.failures, signal);
      case 'wait':
        await this.#deps.clock.sleep(state.delayMs, signal).catch(() => undefined);
        return state.next;
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { items, metadata } = await this.#client.list(this.#resource, this.#options, signal);
    const vanished = new Set(this.#cache.list());
    for (const object of items) {
      const before = this.#cache.get(keyOf(object));
      if (before) vanished.delete(before);
      if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) this.#put(object);
    }
    for (const object of vanished) this.#remove(object);
    this.resourceVersion = metadata.resourceVersion;
    if (!this.hasSynced) {
      this.hasSynced = true;
      this.#markSynced();
    }
    return metadata.resourceVersion;
  }

  /** Takes in changes until the watch ends; every event, and every bookmark, moves the point to go on from. */
  async #follow(from: string, failures: number, signal: AbortSignal): Promise<State> {
    const { clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    let resourceVersion = from;
    try {
      for await (const event of this.#client.watch(this.#resource, { ...this.#options, resourceVersion, allowWatchBookmarks: true }, signal)) {
        if (event.type !== 'ERROR') this.resourceVersion = resourceVersion = event.object.metadata.resourceVersion;
        this.#take(event);
      }
    } catch (error) {
      const hasLived = resourceVersion !== from || clock.monotonicMs() - startedMs >= shortWatchMs;
      const inARow = hasLived ? 1 : failures + 1;
      if (isReason(error, 'Expired', 'Gone')) {
        const next = { type: 'list', failures: inARow } as const;
        return inARow === 1 ? next : this.#rest(error, inARow, next, signal);
      }
      return this.#rest(error, inARow, { type: 'watch', resourceVersion, failures: inARow }, signal);
    }
    if (resourceVersion !== from || clock.monotonicMs() - startedMs >= shortWatchMs) return { type: 'watch', resourceVersion, failures: 0 };
    return this.#rest(undefined, failures + 1, { type: 'watch', resourceVersion, failures: failures + 1 }, signal);
  }

  #rest(error: unknown, failures: number, next: State, signal: AbortSignal): State {
    if (!signal.aborted && error !== undefined) this.#log.warn(`${next.type} failed`, { error, failures });
    return { type: 'wait', delayMs: jitterMs(backoffMs(failures, retry), 0.5, this.#deps.random), next };
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#put(event.object);
    else if (event.type === 'DELETED') this.#remove(event.object);
  }

  #put(object: T): void {
    const before = this.#cache.put(object);
    for (const listener of this.#listeners) this.#tell(listener, before, object);
  }

  #remove(object: T): void {
    const before = this.#cache.remove(keyOf(object));
    if (before) for (const listener of this.#listeners) this.#tell(listener, before, undefined);
  }

  #tell(listener: Listener<T>, before: T | undefined, after: T | undefined): void {
    try {
      listener(before, after);
    } catch (error) {
      this.#log.error('a listener threw', { error });
    }
  }
}
