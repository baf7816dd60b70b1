// Keeps a table in the kernel as it is meant to be: what has changed while one script was applied goes into the next, in one transaction.
//
//             changed
//   waiting ───────────▶ applying ──▶ waiting     (changed meanwhile: applying again)
//      ▲                     │
//      └── after a while: the whole table ◀── failed, or somebody else has deleted the table
import { backoffMs } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { Runnable } from '../../../base/runnable.ts';
import type { Nftables } from './nftables.ts';
import type { Table } from './table.ts';

export interface TableKeeper extends Runnable {
  /** To be called when the table has been given something new. */
  changed(): void;
  /** Resolves when all that the table has been given is in force; rejects when the next try to apply it fails. */
  settled(): Promise<void>;
}

const retry = { initialMs: 200, longestMs: 10_000 };

/** `what`: whose rules they are, for the log. Applies the whole table at first. */
export function createTableKeeper(options: { readonly table: Pick<Table, 'takeWhole' | 'takeChanges'>; readonly tableName: string; readonly what: string; readonly nftables: Nftables; readonly clock: Clock; readonly log: Log }): TableKeeper {
  const { table, tableName, what, nftables, clock, log } = options;
  let mustMakeWhole = true;
  let isDirty = true;
  let isRepairing = false;
  let waiting: PromiseWithResolvers<void>[] = [];
  /** Those whose changes are in the script that is being applied. */
  let served: PromiseWithResolvers<void>[] = [];
  let isApplying = false;
  let wake = () => {};

  return {
    name: `rules/${tableName}`,
    changed() {
      isDirty = true;
      wake();
    },
    settled() {
      if (!isDirty && !isApplying && !mustMakeWhole) return Promise.resolve();
      const waiter = Promise.withResolvers<void>();
      (isDirty || mustMakeWhole ? waiting : served).push(waiter);
      return waiter.promise;
    },
    async run(signal) {
      await Promise.all([applyChanges(signal), nftables.watchDeletions(tableName, () => void repair(signal), signal)]);
      for (const waiter of [...waiting, ...served]) waiter.reject(signal.reason);
    },
  };

  /** Our own table is deleted with each whole script, too, and is there again when it is told. */
  async function repair(signal: AbortSignal): Promise<void> {
    if (mustMakeWhole || isRepairing || isApplying) return;
    isRepairing = true;
    const isThere = await nftables.has(tableName, signal);
    isRepairing = false;
    if (isThere || signal.aborted) return;
    log.warn(`${what} were deleted by someone else; they are made anew`);
    mustMakeWhole = true;
    wake();
  }

  async function applyChanges(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      if (!isDirty && !mustMakeWhole) await somethingToDo(signal);
      if (signal.aborted) return;
      const whole = mustMakeWhole;
      mustMakeWhole = isDirty = false;
      [served, waiting] = [waiting, []];
      isApplying = true;
      try {
        const script = whole ? table.takeWhole() : table.takeChanges();
        if (script) await nftables.apply(script, signal);
        failures = 0;
        for (const waiter of served.splice(0)) waiter.resolve();
      } catch (error) {
        if (signal.aborted) return;
        mustMakeWhole = true;
        log.error(`${what} could not be applied`, { error, whole });
        for (const waiter of served.splice(0)) waiter.reject(error);
        await clock.sleep(backoffMs(++failures, retry), signal).catch(() => {});
      } finally {
        isApplying = false;
      }
    }
  }

  function somethingToDo(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        wake = () => {};
        signal.removeEventListener('abort', done);
        resolve();
      };
      wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
