// The status of a StatefulSet: counts of its Pods by what they are and of which revision.
import { isBeingDeleted, isPodAvailable } from '../../api/meta.ts';
import type { Pod, StatefulSet } from '../../api/types.ts';
import { isRunningAndReady, type Revisions } from './plan.ts';
import { revisionOf } from './identity.ts';

type Status = StatefulSet['status'];

export function statefulSetStatus(set: StatefulSet, pods: readonly Pod[], { current, update }: Revisions, collisionCount: number, nowMs: number): Status {
  const staying = pods.filter((pod) => !isBeingDeleted(pod));
  const ready = pods.filter(isRunningAndReady);
  const status: Status = {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
    currentReplicas: staying.filter((pod) => revisionOf(pod) === current).length,
    updatedReplicas: staying.filter((pod) => revisionOf(pod) === update).length,
    currentRevision: current,
    updateRevision: update,
    collisionCount,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  };
  return isRolledOut(set, status) ? { ...status, currentReplicas: status.updatedReplicas, currentRevision: update } : status;
}

/** Every Pod is there, ready, and of the new revision: it is the current one now. */
function isRolledOut({ spec }: StatefulSet, { updatedReplicas, readyReplicas, replicas }: Status): boolean {
  return spec.updateStrategy?.type === 'RollingUpdate' && updatedReplicas === replicas && readyReplicas === replicas;
}
