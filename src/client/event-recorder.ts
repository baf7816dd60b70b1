// Tells the story of objects as Events. Saying something costs a moment; the sending is done later and by itself.
import { isReason } from '../api/error.ts';
import { events } from '../api/kinds/event.ts';
import type { Resource } from '../api/kind.ts';
import type { KubeEvent, New } from '../api/types.ts';
import { backoffMs, jitterMs } from '../base/backoff.ts';
import { formatTime, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { keyText, type Client } from './client.ts';
import { EventCorrelator, nameAfter, type Record, type Reference } from './event-correlator.ts';

/** An object, or what an Event needs to know of it. Lists give objects without kind: then say it. */
export type About = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly namespace?: string; readonly name?: string; readonly uid?: string; readonly resourceVersion?: string };
};

/** What an Event says of an object that came from a list, where objects do not name their kind. */
export function aboutOf(of: Resource, object: { readonly metadata: About['metadata'] }): About {
  return { apiVersion: of.group ? `${of.group}/${of.version}` : of.version, kind: of.kind, metadata: object.metadata };
}

export interface EventRecorder {
  /** Never waits and never throws. When too much waits to be sent, the new event is dropped and counted in the log. */
  event(about: About, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
  /** Resolves once all that waits is sent. When aborted it drops what is left and the recorder is closed. */
  flush(signal: AbortSignal): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly component: string;
  readonly host?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Events that wait to be sent; those of one correlation wait once. */
const capacity = 4096;
const senders = 4;
const longestMessage = 1024;
const retry = { initialMs: 100, longestMs: 10_000 };
const tries = 12;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, host, clock, random } = options;
  const log = options.log.named('events');
  const correlator = new EventCorrelator();
  const waiting = new Set<Record>();
  const sending = new Set<Record>();
  const closed = new AbortController();
  let idle: (() => void)[] = [];
  let dropped = 0;
  let timer: Disposable | undefined;

  function pump(): void {
    timer = undefined;
    for (const record of waiting) {
      if (sending.size >= senders) return;
      if (sending.has(record)) continue;
      waiting.delete(record);
      sending.add(record);
      void deliver(record).finally(() => {
        sending.delete(record);
        if (waiting.size > 0) pump();
        else if (sending.size === 0) settle();
      });
    }
  }

  function settle(): void {
    if (dropped > 0) log.warn('dropped events: too many waited', { dropped });
    dropped = 0;
    for (const resolve of idle) resolve();
    idle = [];
  }

  async function deliver(record: Record): Promise<void> {
    let renamed = 0;
    for (let failures = 0; !closed.signal.aborted; ) {
      try {
        return await send(record);
      } catch (error) {
        if (isReason(error, 'NotFound') && record.isSent) {
          record.isSent = false;
          continue;
        }
        // Another recorder spoke of an object of that name at the same moment; or an earlier try arrived after all.
        if (isReason(error, 'AlreadyExists') && failures === 0 && ++renamed < tries) {
          record.name = nameAfter(record.name);
          continue;
        }
        const hopeless = isReason(error, 'Forbidden', 'NotFound', 'Invalid', 'BadRequest', 'AlreadyExists', 'Unauthorized');
        if (hopeless || ++failures >= tries) return log.debug('event not recorded', { event: record.name, error });
        await clock.sleep(jitterMs(backoffMs(failures, retry), 0.5, random), closed.signal).catch(() => undefined);
      }
    }
  }

  async function send(record: Record): Promise<void> {
    const { namespace } = record.occurrence.about;
    const key = { namespace: namespace || 'default', name: record.name };
    if (record.isSent) {
      const body = { count: record.count, message: record.message, lastTimestamp: formatTime(record.lastMs) };
      await client.patch(events, key, { type: 'merge', body }, closed.signal);
    } else {
      await client.create(events, toEvent(record, key.namespace, component, host), closed.signal);
      record.isSent = true;
    }
  }

  return {
    event(about, type, reason, message, fieldPath) {
      if (closed.signal.aborted) return;
      const reference = referenceTo(about, fieldPath);
      const record = correlator.observe({ about: reference, type, reason, message: message.slice(0, longestMessage) }, clock.wallMs());
      if (!record) return log.debug('event silenced', { about: keyText({ namespace: reference.namespace ?? '', name: reference.name ?? '' }), reason });
      if (waiting.size >= capacity && !waiting.has(record)) return void dropped++;
      waiting.add(record);
      if (sending.size < senders) timer ??= clock.schedule(0, pump);
    },
    async flush(signal) {
      const abandon = () => {
        closed.abort();
        timer?.[Symbol.dispose]();
        waiting.clear();
        settle();
      };
      if (signal.aborted) return abandon();
      if (waiting.size === 0 && sending.size === 0) return;
      signal.addEventListener('abort', abandon, { once: true });
      await new Promise<void>((resolve) => idle.push(resolve));
      signal.removeEventListener('abort', abandon);
    },
  };
}

function referenceTo({ apiVersion, kind, metadata }: About, fieldPath: string | undefined): Reference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath };
}

function toEvent(record: Record, namespace: string, component: string, host: string | undefined): New<KubeEvent> {
  const { about, type, reason } = record.occurrence;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: record.name, namespace },
    involvedObject: { ...about },
    type,
    reason,
    message: record.message,
    count: record.count,
    firstTimestamp: formatTime(record.firstMs),
    lastTimestamp: formatTime(record.lastMs),
    source: { component, ...(host ? { host } : {}) },
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}
