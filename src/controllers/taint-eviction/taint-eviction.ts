// Deletes Pods from nodes whose NoExecute taints they do not tolerate, or no longer.
import { isReason } from '../../api/error.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Pod } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { evictionTaints, staysMs } from './plan.ts';

const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' };

export function createTaintEvictionController(deps: ControllerDeps): Runnable {
  const { client, clock, informers } = deps;
  const recorder = deps.recorderFor('taint-eviction-controller');
  const pods = informers.of(podResource, { indexes: { node: podIndexes.node } });
  const nodes = informers.of(nodeResource);
  /** Pods that stay for a while yet: since when, by UID. Forgotten when the taints, or the Pod, have gone. */
  const sinceMs = new Map<string, number>();

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const pod = pods.get(key);
    if (!pod?.spec.nodeName || isBeingDeleted(pod)) return 'await-change';
    const { uid } = pod.metadata;
    const taints = evictionTaints(nodes.get({ namespace: '', name: pod.spec.nodeName }));
    const mayStayMs = staysMs(pod, taints);
    if (mayStayMs === Infinity) {
      if (sinceMs.delete(uid)) tell(pod, `Cancelling deletion of Pod ${keyText(key)}`);
      return 'await-change';
    }
    const nowMs = clock.monotonicMs();
    const since = sinceMs.get(uid) ?? nowMs;
    sinceMs.set(uid, since);
    if (since + mayStayMs > nowMs) return { afterMs: since + mayStayMs - nowMs };
    tell(pod, `Marking for deletion Pod ${keyText(key)}`);
    await evict(pod, signal);
    return 'await-change';
  }

  async function evict(pod: Pod, signal: AbortSignal): Promise<void> {
    try {
      const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [{ ...condition, lastTransitionTime: formatTime(clock.wallMs()) }] } };
      await client.patch(podResource, keyOf(pod), { type: 'strategic', subresource: 'status', body }, signal);
      await client.delete(podResource, keyOf(pod), { preconditions: { uid: pod.metadata.uid } }, signal);
    } catch (error) {
      // A conflict is no end: it is looked at again.
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  function tell(pod: Pod, message: string): void {
    recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Normal', 'TaintManagerEviction', message);
  }

  return createController(
    {
      name: 'taint-eviction-controller',
      triggers: [
        trigger(nodes, (before, after) => (sameJson(evictionTaints(before), evictionTaints(after)) ? [] : pods.by('node', (after ?? before)!.metadata.name).map(keyOf))),
        trigger(pods, (before, after) => {
          if (before && before.metadata.uid !== after?.metadata.uid) sinceMs.delete(before.metadata.uid);
          if (!after?.spec.nodeName) return [];
          if (before?.spec.nodeName === after.spec.nodeName && sameJson(before.spec.tolerations, after.spec.tolerations)) return [];
          return evictionTaints(nodes.get({ namespace: '', name: after.spec.nodeName })).length > 0 ? [keyOf(after)] : [];
        }),
      ],
      reconcile,
      workers: 8,
    },
    deps,
  );
}
