// Ends a Pod on the node, from its running containers to its last trace. Each part is tried until it works or the agent
// ends; a new agent begins again from the start, and finds what is left.
import { isReason } from '../../api/error.ts';
import { pods } from '../../api/kinds/pod.ts';
import type { Pod } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { keyOf } from '../../client/client.ts';
import type { Observation } from '../../runtime/runtime.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';
import { podText } from '../pod/containers.ts';
import { endContainers, isRuntimeLost } from './end-containers.ts';
import type { Grace } from './grace.ts';
import type { PodSupplies } from './pod-supplies.ts';
import { removeRemains, stopSandboxes } from './remains.ts';

export interface EndingWorld {
  readonly world: NodeWorld;
  readonly cgroups: Cgroups;
  readonly pod: Pod;
  readonly supplies: PodSupplies;
  /** A new look at the runtime. */
  readonly observe: () => Promise<Observation>;
}

const retry = { initialMs: 200, longestMs: 10_000 };

/**
 * Ends all containers; where the runtime is lost meanwhile, again from the start with the whole grace, as upstream does.
 * `underWay`: steps that were cut off and may still have made something.
 */
export async function endProcesses(on: EndingWorld, grace: Grace, underWay: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
  const { world, pod } = on;
  let waited = underWay.length === 0;
  for (let losses = 0; ; ) {
    const seen = await insist('observing', on, on.observe, signal);
    const running = seen.containers.filter(({ state }) => state === 'running' || state === 'unknown');
    const podIP = seen.sandboxes[0]?.ips[0] ?? world.hostIPs[0] ?? '127.0.0.1';
    if (running.length > 0) {
      try {
        await endContainers(world, { pod, running, podIP, grace }, signal);
      } catch (error) {
        if (signal.aborted || !isRuntimeLost(error)) throw error;
        world.log.warn('the runtime was lost while a pod ends; its ending begins anew', { pod: podText(pod), error });
        await world.clock.sleep(backoffMs(++losses, retry), signal);
        grace.beginAnew();
      }
    } else if (waited) return;
    else {
      await Promise.allSettled(underWay);
      waited = true;
    }
  }
}

/** Once nothing runs: the network, the volumes and the cgroups go. */
export async function clearPod(on: EndingWorld, signal: AbortSignal): Promise<void> {
  const { world, cgroups, pod, supplies } = on;
  await Promise.all([
    insist('stopping the sandbox', on, async () => stopSandboxes(world, await on.observe(), signal), signal),
    insist('removing volumes', on, () => supplies.remove(signal), signal),
  ]);
  await removeCgroups(cgroups, pod.metadata.uid, world.clock, signal);
}

const cgroupTries = 40;
const cgroupRetryMs = 50;

/** The kernel takes a moment to let go of one whose last process was killed just now. What outlasts all tries is left to the next look for orphans. */
export async function removeCgroups(cgroups: Cgroups, podUid: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let tries = 1; !cgroups.remove(podUid) && tries < cgroupTries; tries++) await clock.sleep(cgroupRetryMs, signal);
}

/** The last word to the API: this Pod's object may go. Only the one with this UID. */
export async function confirmDeletion(on: EndingWorld, signal: AbortSignal): Promise<void> {
  const { world, pod } = on;
  await forget(on, signal);
  await insist('deleting the object', on, async () => {
    try {
      await world.client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }, signal);
}

/** Removes the ended containers, the sandboxes and the logs. */
export async function forget(on: EndingWorld, signal: AbortSignal): Promise<void> {
  await insist('removing what is left', on, async () => removeRemains(on.world, on.pod, await on.observe(), signal), signal);
}

async function insist<T>(what: string, { world, pod }: EndingWorld, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      world.log.warn(`${what} failed`, { pod: podText(pod), failures, error });
      await world.clock.sleep(backoffMs(failures, retry), signal);
    }
  }
}
