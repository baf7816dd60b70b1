// What happens in the engine, as it happens.
//
//   connecting ──subscribed──▶ listening ──stream broke──▶ waiting ──back-off over──▶ connecting
//                (resync)
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import { podUidLabel } from '../cri/labels.ts';
import type { RuntimeEvent } from '../runtime.ts';
import { query, type DockerConnection } from './connection.ts';
import { ours } from './labels.ts';

const reconnect = { initialMs: 50, longestMs: 5_000 };
const types: Readonly<Record<string, 'started' | 'exited' | 'oom' | 'removed'>> = { start: 'started', die: 'exited', oom: 'oom', destroy: 'removed' };
/** The engine answers a moment before it listens; what happens in between comes as the past. */
const overlapMs = 100;

interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** `onEnd` is told of an end before the event is given. */
export async function* engineEvents(docker: DockerConnection, owner: string, onEnd: (id: string) => void, clock: Clock, log: Log, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const filters = { type: ['container'], event: Object.keys(types), ...ours(owner) };
      const answer = await docker.stream('GET', `/events${query({ since: ((clock.wallMs() - overlapMs) / 1000).toFixed(3), filters })}`, {}, signal);
      failures = 0;
      yield { type: 'resync' };
      answer.setEncoding('utf8');
      let rest = '';
      for await (const part of answer) {
        const lines = (rest + (part as string)).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          if (line.trim() === '') continue;
          const event = translate(JSON.parse(line) as EngineEvent);
          if (event.type === 'exited') onEnd(event.id);
          yield event;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn('the stream of events broke', { error: describe(error), failures: ++failures });
    }
    await clock.sleep(backoffMs(Math.max(1, failures), reconnect), signal).catch(() => {});
  }
}

function translate({ Action, Actor: { ID: id, Attributes } }: EngineEvent): Exclude<RuntimeEvent, { type: 'resync' }> {
  return { type: types[Action]!, id, podUid: Attributes[podUidLabel] };
}
