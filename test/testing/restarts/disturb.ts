// What befalls the controllers, or those on whom they depend, at one of their writes.
import type { ApiRequest } from '../../../src/api/request.ts';
import type { Fault, TestCluster } from '../../../src/testing/index.ts';

export type Disturbance = keyof typeof disturbances;

const component = 'controllers';
const awayMs = 100;
const serverAwayMs = 1_000;
/** Watches that begin in this time fail too: pictures are old meanwhile. */
const blindMs = 400;

type Effect = Pick<Fault, 'effect' | 'delayMs' | 'error' | 'onMet'>;

function later(cluster: TestCluster, delayMs: number, name: string): void {
  cluster.clock.schedule(delayMs, () => void cluster.restart(name));
}

function die(cluster: TestCluster): void {
  void cluster.crash(component);
  later(cluster, awayMs, component);
}

function loseServer(cluster: TestCluster): void {
  void cluster.crash('api-server');
  later(cluster, serverAwayMs, 'api-server');
}

function loseWatches(cluster: TestCluster, effect: 'drop' | 'expire'): void {
  const fault = cluster.inject({ on: 'watch', by: component, effect });
  cluster.clock.schedule(blindMs, () => fault[Symbol.dispose]());
}

/** Each by what happens to the write. */
export const disturbances = {
  'they die before it': (cluster: TestCluster): Effect => ({ effect: 'fail', onMet: () => die(cluster) }),
  'they die before they hear of it': (cluster: TestCluster): Effect => ({ effect: 'lose-answer', onMet: () => die(cluster) }),
  'the server dies before it': (cluster: TestCluster): Effect => ({ effect: 'fail', onMet: () => loseServer(cluster) }),
  'the server dies before it answers': (cluster: TestCluster): Effect => ({ effect: 'lose-answer', onMet: () => loseServer(cluster) }),
  'its answer is lost': (): Effect => ({ effect: 'lose-answer' }),
  'it meets a conflict': (): Effect => ({ effect: 'fail', error: { code: 409, reason: 'Conflict', message: 'a fault of the test' } }),
  'watches break before it': (cluster: TestCluster): Effect => ({ effect: 'delay', delayMs: 0, onMet: () => loseWatches(cluster, 'drop') }),
  'watches expire before it': (cluster: TestCluster): Effect => ({ effect: 'delay', delayMs: 0, onMet: () => loseWatches(cluster, 'expire') }),
} as const;

export interface Watched {
  /** So many writes there have been. */
  readonly writes: number;
  /** The one that was met. */
  readonly met: ApiRequest | undefined;
}

/** Counts the controllers' writes, and meets the `at`-th. Events are no news to anyone. */
export function watchWrites(cluster: TestCluster, disturbance?: Disturbance, at = 0): Watched {
  let writes = 0;
  let met: ApiRequest | undefined;
  const effect: Effect = disturbance ? disturbances[disturbance](cluster) : { effect: 'lose-answer' };
  cluster.inject({
    on: 'write', by: component, times: 1, ...effect,
    where: ({ resource }) => resource.plural !== 'events' && ++writes === at,
    onMet: (request) => {
      met = request;
      effect.onMet?.(request);
    },
  });
  return {
    get writes() {
      return writes;
    },
    get met() {
      return met;
    },
  };
}

/** From now on all that the controllers hear of this kind comes late. */
export async function makeLate(cluster: TestCluster, resource: string, delayMs: number): Promise<void> {
  cluster.inject({ on: 'watch', by: component, effect: 'delay', delayMs, resource });
  await cluster.restart(component);
}
