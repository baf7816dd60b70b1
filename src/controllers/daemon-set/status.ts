// The status of a DaemonSet: nodes counted by what is on them.
import { isPodAvailable, isPodReady } from '../../api/meta.ts';
import type { DaemonSet } from '../../api/types.ts';
import type { NodePods } from './plan.ts';
import { isOfRevision } from './pods.ts';

export function daemonSetStatus(set: DaemonSet, nodes: readonly NodePods[], hash: string, collisionCount: number, nowMs: number): DaemonSet['status'] {
  const wanted = nodes.filter(({ place }) => place.run);
  const first = wanted.flatMap(({ pods }) => pods.slice(0, 1));
  const ready = first.filter(isPodReady);
  const available = ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  return {
    currentNumberScheduled: first.length,
    numberMisscheduled: nodes.filter(({ place, pods }) => !place.run && pods.length > 0).length,
    desiredNumberScheduled: wanted.length,
    numberReady: ready.length,
    observedGeneration: set.metadata.generation,
    updatedNumberScheduled: first.filter((pod) => isOfRevision(pod, hash)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    ...(collisionCount > 0 ? { collisionCount } : {}),
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  };
}
