// Containers that have ended and are to run again: what is told of them until they do.
import type { Pod } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { latestOf } from '../pod/containers.ts';
import { backOffMessage, type Plan } from '../plan/plan-pod.ts';
import type { WaitingReason } from '../status/container-status.ts';

export interface AwaitingRestart {
  readonly pod: Pod;
  readonly seen: Observation;
  readonly plan: Plan | undefined;
  /** Ids of containers that are to be run again whatever the Pod's policy. */
  readonly toRunAgain: ReadonlySet<string>;
}

/** Adds why a container waits to those that are known to wait for something else. */
export function addRestarts(waiting: Map<string, WaitingReason>, { pod, seen, plan, toRunAgain }: AwaitingRestart): void {
  for (const [name, delayMs] of plan?.backingOff ?? []) {
    if (!waiting.has(name)) waiting.set(name, { reason: 'CrashLoopBackOff', message: backOffMessage(pod, name, delayMs) });
  }
  // What has ended to run again is not told as ended where its Pod's policy would have it so for good: the API lets nothing come back from that.
  if (toRunAgain.size === 0 || (pod.spec.restartPolicy ?? 'Always') === 'Always') return;
  for (const { id, name } of seen.containers) {
    if (toRunAgain.has(id) && latestOf(seen, name)?.id === id && !waiting.has(name)) waiting.set(name, { reason: 'ContainerCreating' });
  }
}

/** So that each time that a container is held back is told once. */
export class BackOffsTold {
  readonly #ids = new Set<string>();

  /** Names of containers that are held back since the last call. */
  untold({ backingOff }: Plan, seen: Observation): readonly string[] {
    const names: string[] = [];
    for (const name of backingOff.keys()) {
      const id = latestOf(seen, name)?.id ?? '';
      if (this.#ids.has(id)) continue;
      this.#ids.add(id);
      names.push(name);
    }
    for (const id of this.#ids) if (!seen.containers.some((state) => state.id === id)) this.#ids.delete(id);
    return names;
  }
}
