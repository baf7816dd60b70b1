// Ends a Pod's running containers: preStop of all in parallel, then the stop signal with the time that is left. Sidecars
// get their signal when all other containers have ended, the last one first, within the same time.
import type { Pod } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import { RuntimeError, type ContainerState } from '../../runtime/runtime.ts';
import { runHook } from '../hooks/run-hook.ts';
import type { NodeWorld } from '../node-settings.ts';
import { containerNamed, containersOf, type PodContainer } from '../pod/containers.ts';
import type { Grace } from './grace.ts';

/** A process always gets this long between its signal and SIGKILL. */
const shortestStopMs = 1000;
/** What a container gets, once, whose preStop took all the time. */
const afterOverrunMs = 2000;

export interface EndingPod {
  readonly pod: Pod;
  readonly running: readonly ContainerState[];
  readonly podIP: string;
  readonly grace: Grace;
}

type IsLost = (error: unknown) => boolean;
const neverLost: IsLost = () => false;

/** The runtime has gone, and with it whoever waited there for a grace or a hook to be over. */
export function isRuntimeLost(error: unknown): boolean {
  const cause = error instanceof RuntimeError ? error : (error as Error | undefined)?.cause;
  return cause instanceof RuntimeError && cause.code === 'unavailable';
}

/**
 * Resolves once all of them have ended. Tries again as long as the runtime fails; where it is lost, throws RuntimeError, or
 * an error with that as its cause: the ending is then to be begun anew.
 */
export async function endContainers(world: NodeWorld, ending: EndingPod, signal: AbortSignal): Promise<void> {
  const { pod, running } = ending;
  const order = containersOf(pod).init.filter(({ role }) => role === 'sidecar').map(({ name }) => name);
  const isSidecar = ({ name }: ContainerState) => order.includes(name);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const ready = new Map(running.map((state) => [state.id, preStop(world, ending, state, isRuntimeLost, either)]));
  const ends: Promise<void>[] = [];
  const end = (state: ContainerState) => {
    const ended = ready.get(state.id)!.then((overran) => stopContainer(world, pod, state, ending.grace, overran, isRuntimeLost, either));
    ends.push(ended);
    return ended;
  };
  try {
    await Promise.all(running.filter((state) => !isSidecar(state)).map(end));
    const sidecars = running.filter(isSidecar).sort((a, b) => order.indexOf(b.name) - order.indexOf(a.name));
    for (const sidecar of sidecars) await end(sidecar);
  } catch (error) {
    over.abort(error);
    await Promise.allSettled([...ready.values(), ...ends]);
    throw error;
  }
}

/** Ends one container that is to run again, or not: with its own grace. */
export async function endContainer(world: NodeWorld, ending: EndingPod, state: ContainerState, message: string, signal: AbortSignal): Promise<void> {
  const overran = await preStop(world, ending, state, neverLost, signal, message);
  await stopContainer(world, ending.pod, state, ending.grace, overran, neverLost, signal);
}

/** True when the hook took longer than there was. */
async function preStop(world: NodeWorld, { pod, podIP, grace }: EndingPod, state: ContainerState, isLost: IsLost, signal: AbortSignal, message = `Stopping container ${state.name}`): Promise<boolean> {
  const container = containerNamed(pod, state.name);
  tell(world, pod, container, 'Normal', 'Killing', message);
  const handler = container?.spec.lifecycle?.preStop;
  if (!container || !handler || grace.remainingMs === 0) return false;
  const { runtime, clock } = world;
  const hook = { container: container.name, hook: 'preStop' } as const;
  let failed = false;
  world.timelines.note(pod.metadata.uid, 'HookBegan', hook);
  const inTime = await grace.spend(async (inner) => {
    try {
      await runHook(handler, { runtime, clock, pod, container, containerId: state.id, podIP }, world.events, inner);
    } catch (error) {
      if (inner.aborted) return;
      if (isLost(error)) throw error;
      failed = true;
      world.log.warn('preStop failed', { pod: pod.metadata.name, container: state.name, error });
      tell(world, pod, container, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }, signal);
  // Cut off is not overrun.
  signal.throwIfAborted();
  world.timelines.note(pod.metadata.uid, !inTime ? 'HookAbandoned' : failed ? 'HookFailed' : 'HookEnded', hook);
  return !inTime;
}

async function stopContainer(world: NodeWorld, { metadata }: Pod, state: ContainerState, grace: Grace, overran: boolean, isLost: IsLost, signal: AbortSignal): Promise<void> {
  const { runtime, clock, log, timelines } = world;
  const { id } = state;
  const signalled = (ms: number) => timelines.signalled(metadata.uid, state, state.stopSignal ?? 'SIGTERM', ms);
  const graceMs = () => (overran ? afterOverrunMs : Math.max(grace.remainingMs, shortestStopMs));
  const beganMs = clock.monotonicMs();
  using _shortened = grace.onShortened(() => {
    if (overran) return;
    signalled(graceMs());
    runtime.stopContainer(id, graceMs(), signal).catch((error) => log.debug('cannot shorten a stop', { id, error }));
  });
  for (let failures = 1; ; failures++) {
    try {
      // After a failure the time that has gone by counts.
      const leftMs = overran ? Math.max(afterOverrunMs - (clock.monotonicMs() - beganMs), 0) : graceMs();
      if (failures === 1) signalled(leftMs);
      return await runtime.stopContainer(id, leftMs, signal);
    } catch (error) {
      if (signal.aborted || isLost(error)) throw error;
      log.warn('cannot stop a container', { id, failures, error });
      await clock.sleep(backoffMs(failures, { initialMs: 200, longestMs: 10_000 }), signal);
    }
  }
}

function tell({ events }: NodeWorld, pod: Pod, container: PodContainer | undefined, type: 'Normal' | 'Warning', reason: string, message: string): void {
  events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, type, reason, message, container?.fieldPath);
}
