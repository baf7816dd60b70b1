// The loop that every controller runs in: something changed → its key waits in a queue → the controller looks at the
// whole state for that key and makes it right. Level-triggered: a key says where to look, not what happened.
import { isReason } from '../api/error.ts';
import type { ObjectKey } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import { KeyedBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { exponentialBounds, Histogram } from '../base/histogram.ts';
import type { Log } from '../base/log.ts';
import type { Runnable } from '../base/runnable.ts';
import { WorkQueue } from '../base/work-queue.ts';
import { keyText } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';

/** When to look again, if nothing changes before. */
export type Next = 'await-change' | { readonly afterMs: number };

/** Makes the world right for a key. Never run twice at once for one key; a throw is retried with growing waits. */
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<Next>;

/** Where work comes from: an informer, and the keys to look at after each of its changes. */
export interface Trigger {
  readonly synced: Promise<void>;
  start(enqueue: (key: ObjectKey) => void): Disposable;
}

export function trigger<T extends KubeObject>(informer: Informer<T>, keysOf: (before: T | undefined, after: T | undefined) => Iterable<ObjectKey>): Trigger {
  return {
    synced: informer.synced,
    start: (enqueue) =>
      informer.onChange((before, after) => {
        for (const key of keysOf(before, after)) enqueue(key);
      }),
  };
}

/** The changed object itself. */
export function itself(before: KubeObject | undefined, after: KubeObject | undefined): readonly ObjectKey[] {
  const { namespace = '', name } = (after ?? before)!.metadata;
  return [{ namespace, name }];
}

export interface ControllerOptions {
  readonly name: string;
  readonly triggers: readonly Trigger[];
  /** Informers that are read without triggering anything; they too must be filled before the first key is looked at. */
  readonly reads?: readonly { readonly synced: Promise<void> }[];
  readonly reconcile: Reconcile;
  /** How many keys are worked on at once. */
  readonly workers?: number;
}

/** client-go's default: 5 ms, doubling, up to 1,000 s. */
const retry = { initialMs: 5, longestMs: 1_000_000 };

/** client-go's, in seconds. */
const durationBounds = exponentialBounds(1e-8, 10, 12);

/** What is told of the controllers' queues, by their names. */
export type QueueCounts = Map<string, QueueCount>;

export interface QueueCount {
  readonly adds: () => number;
  retries: number;
  /** Keys that wait. */
  readonly depth: () => number;
  /** For how long each key that is being worked on has been, in seconds. */
  readonly unfinished: () => readonly number[];
  /** How long keys waited, and how long work on them took, in seconds. */
  readonly waits: Histogram;
  readonly work: Histogram;
  /** Its informers are filled, and it looks at what they tell. */
  hasBegun: boolean;
}

interface LoopDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly queues?: QueueCounts;
}

export function createController(options: ControllerOptions, deps: LoopDeps): Runnable {
  return { name: options.name, run: (signal) => runController(options, deps, signal) };
}

async function runController({ name, triggers, reads = [], reconcile, workers = 5 }: ControllerOptions, deps: LoopDeps, signal: AbortSignal): Promise<void> {
  const log = deps.log.named(name);
  const failures = new KeyedBackoff(retry);
  const { clock } = deps;
  /** And since when. */
  const working = new Map<Promise<void>, number>();
  let pumping = false;
  const waits = new Histogram(durationBounds);
  const queue = new WorkQueue(clock, wake, waits);
  const count: QueueCount = {
    adds: () => queue.adds,
    retries: 0,
    depth: () => queue.size,
    unfinished: () => [...working.values()].map((sinceMs) => (clock.monotonicMs() - sinceMs) / 1000),
    waits,
    work: new Histogram(durationBounds),
    hasBegun: false,
  };
  deps.queues?.set(name, count);

  /** After the current turn, so that one batch of changes is one look at the world. */
  function wake(): void {
    if (pumping) return;
    pumping = true;
    queueMicrotask(() => {
      pumping = false;
      pump();
    });
  }

  function pump(): void {
    while (!signal.aborted && working.size < workers) {
      const text = queue.take();
      if (text === undefined) return;
      const startedMs = clock.monotonicMs();
      const work = workOn(text).finally(() => {
        working.delete(work);
        count.work.observe((clock.monotonicMs() - startedMs) / 1000);
        queue.done(text);
        pump();
      });
      working.set(work, startedMs);
    }
  }

  async function workOn(text: string): Promise<void> {
    try {
      const next = await reconcile(keyFrom(text), signal);
      failures.forget(text);
      if (next !== 'await-change') queue.addAfter(text, Math.max(1, next.afterMs));
    } catch (error) {
      if (signal.aborted) return;
      const delayMs = failures.fail(text);
      count.retries++;
      if (isReason(error, 'Conflict')) log.debug('lost a race, looking again', { key: text });
      else log.warn('reconcile failed', { key: text, error, failures: failures.failures(text) });
      queue.addAfter(text, delayMs);
    }
  }

  const synced = Promise.all([...triggers, ...reads].map((source) => source.synced));
  const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
  await Promise.race([synced, aborted]);
  if (signal.aborted) return;
  const subscriptions = triggers.map((source) => source.start((key) => queue.add(keyText(key))));
  count.hasBegun = true;
  await aborted;
  for (const subscription of subscriptions) subscription[Symbol.dispose]();
  queue.clear();
  await Promise.all(working.keys());
  // The last ones to finish may have asked to be looked at later.
  queue.clear();
}

function keyFrom(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, Math.max(slash, 0)), name: text.slice(slash + 1) };
}
