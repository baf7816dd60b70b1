// Controllers that have a hard life: they are stopped after every few writes, before they hear how those went, and begin
// anew with nothing but what the API holds; some writes are refused as conflicts; watches end without a word.
import { ApiError } from '../../src/api/error.ts';
import type { ApiRequest, Transport, WatchEvent } from '../../src/api/request.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { Client } from '../../src/client/client.ts';
import { createControllers } from '../../src/controllers/create-controllers.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { clock as systemClock, type ControlCluster } from './control-cluster.ts';

export interface Faults {
  /** A new life after so many writes. */
  readonly restartAfter: number;
  /** Every so manieth write meets a conflict and is not done. */
  readonly conflictEvery: number;
  /** A watch ends after so many events. */
  readonly watchEvents: number;
}

export interface HardLife extends AsyncDisposable {
  readonly lives: number;
  readonly conflicts: number;
  readonly lostWatches: number;
}

export function startHardLife(cluster: ControlCluster, faults: Faults = { restartAfter: 1, conflictEvery: 5, watchEvents: 20 }, clock: Clock = systemClock): HardLife {
  const end = new AbortController();
  const counts = { lives: 0, conflicts: 0, lostWatches: 0, writes: 0 };
  const inner = cluster.server.transport(identities.controllerManager);

  function transportOf(life: AbortController): Transport {
    let written = 0;
    return {
      connect: (request, signal) => inner.connect(request, signal),
      async call<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
        if (!isWorkloadWrite(request)) return inner.call<T>(request, signal);
        if (life.signal.aborted) throw new Error('stopped');
        if (++counts.writes % faults.conflictEvery === 0) {
          counts.conflicts++;
          throw ApiError.conflict(request.resource, request.name ?? '', 'a test says so');
        }
        const answer = await inner.call<T>(request, signal);
        if (++written < faults.restartAfter) return answer;
        life.abort();
        throw new Error('stopped before the answer came');
      },
      async *watch<T>(request: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
        let left = faults.watchEvents;
        for await (const event of inner.watch<T>(request, signal)) {
          yield event;
          if (--left > 0) continue;
          counts.lostWatches++;
          return;
        }
      },
    };
  }

  const running = (async () => {
    while (!end.signal.aborted) {
      counts.lives++;
      const life = new AbortController();
      const onEnd = () => life.abort();
      end.signal.addEventListener('abort', onEnd, { once: true });
      const controllers = createControllers({ client: new Client(transportOf(life)), clock, random: seededRandom(counts.lives), log: silentLog, rootCa: 'PEM' });
      await controllers.run(life.signal);
      end.signal.removeEventListener('abort', onEnd);
    }
  })();

  return {
    get lives() {
      return counts.lives;
    },
    get conflicts() {
      return counts.conflicts;
    },
    get lostWatches() {
      return counts.lostWatches;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}

function isWorkloadWrite({ verb, resource }: ApiRequest): boolean {
  const isOurs = resource.group === 'apps' || resource.group === 'batch' || resource.group === 'autoscaling' || resource.plural === 'pods' || resource.plural === 'persistentvolumeclaims';
  return isOurs && (verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete');
}
