// Events are kept for an hour, as upstream; all else stays until it is deleted.
import { parseTime } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { events } from '../../api/kinds/event.ts';
import type { KubeEvent } from '../../api/types.ts';
import { Conflict } from '../../store/store.ts';
import { remove } from './commit.ts';
import type { Registry } from './registry.ts';

const keptForMs = 3_600_000;
const lookEveryMs = 300_000;

/** Runs until aborted. */
export async function expireEvents(registry: Registry, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await registry.clock.sleep(lookEveryMs, signal);
      await removeExpired(registry);
    } catch (error) {
      if (!signal.aborted) log.warn('old events could not be removed', { error });
    }
  }
}

async function removeExpired(registry: Registry): Promise<void> {
  const cache = registry.cache.of(events);
  const before = registry.clock.wallMs() - keptForMs;
  const expired = cache.list({ namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true }).filter((item) => lastSeenMs(item.object as KubeEvent) < before);
  const outcomes = await Promise.allSettled(expired.map((item) => remove(registry, cache.kind, item, false)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected' && !(outcome.reason instanceof Conflict));
  if (failed?.status === 'rejected') throw failed.reason;
}

function lastSeenMs({ lastTimestamp, series, eventTime, metadata }: KubeEvent): number {
  return parseTime(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp);
}
