// Removes Pods that nobody else will: the oldest finished ones when there are too many, those whose node is gone or is
// declared out of service, and those that end without ever having had a node.
import { isReason } from '../../api/error.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { isBeingDeleted, isPodFinished, isTrue } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Node, Pod } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podsToCollect, type Collected } from './collect.ts';

const everything: readonly ObjectKey[] = [{ namespace: '', name: 'all' }];
/** A node may be away so long before its Pods count as orphaned: it may only be being made anew. */
const quarantineMs = 40_000;
const outOfServiceTaint = 'node.kubernetes.io/out-of-service';
/** kube-controller-manager's default. */
const usualMostFinished = 12_500;
const finishedIndex = { finished: (pod: Pod) => (isPodFinished(pod) ? ['yes'] : []) };

/** `mostFinished`: `--terminated-pod-gc-threshold`; 0: finished Pods are never too many. */
export function createPodGarbageCollector(deps: ControllerDeps, mostFinished = usualMostFinished): Runnable {
  const { client, clock, informers } = deps;
  const pods = informers.of(podResource, { indexes: finishedIndex });
  const nodes = informers.of(nodeResource);
  /** Since when a node that Pods name is away; forgotten when it is back or no Pod names it. */
  const awaySinceMs = new Map<string, number>();
  const isAway = (name: string) => !nodes.get({ namespace: '', name });
  const isOutOfService = (name: string) => isDeclaredOut(nodes.get({ namespace: '', name }));

  async function reconcile(_: ObjectKey, signal: AbortSignal): Promise<Next> {
    const nowMs = clock.monotonicMs();
    const all = pods.list();
    noteAway(all, nowMs);
    const gone = new Set<string>();
    for (const [name, sinceMs] of awaySinceMs) if (nowMs - sinceMs >= quarantineMs && (await isReallyGone(name, signal))) gone.add(name);
    const collected = podsToCollect(all, { isGone: (name) => gone.has(name), isOutOfService }, mostFinished);
    let failure: unknown;
    for (const one of collected) await remove(one, signal).catch((error: unknown) => (failure ??= error));
    if (failure !== undefined) throw failure;
    const waiting = [...awaySinceMs].filter(([name]) => !gone.has(name)).map(([, sinceMs]) => Math.max(quarantineMs / 10, sinceMs + quarantineMs - nowMs));
    return waiting.length > 0 ? { afterMs: Math.min(...waiting) } : 'await-change';
  }

  function noteAway(all: readonly Pod[], nowMs: number): void {
    const named = new Set<string>();
    for (const { spec } of all) if (spec.nodeName && isAway(spec.nodeName)) named.add(spec.nodeName);
    for (const name of awaySinceMs.keys()) if (!named.has(name)) awaySinceMs.delete(name);
    for (const name of named) if (!awaySinceMs.has(name)) awaySinceMs.set(name, nowMs);
  }

  async function isReallyGone(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await client.get(nodeResource, { namespace: '', name }, signal);
      return false;
    } catch (error) {
      if (isReason(error, 'NotFound')) return true;
      throw error;
    }
  }

  async function remove({ pod, why }: Collected, signal: AbortSignal): Promise<void> {
    try {
      if (!isPodFinished(pod)) await markFailed(pod, why, signal);
      await client.delete(podResource, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }, signal);
    } catch (error) {
      // A conflict is no end: it is looked at again.
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  /** So that whoever counts failures does, although no node tells of this one. */
  async function markFailed(pod: Pod, why: Collected['why'], signal: AbortSignal): Promise<void> {
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists', lastTransitionTime: formatTime(clock.wallMs()) };
    const status = { phase: 'Failed', ...(why === 'orphaned' ? { conditions: [condition] } : {}) };
    await client.patch(podResource, keyOf(pod), { type: 'strategic', subresource: 'status', body: { metadata: { uid: pod.metadata.uid }, status } }, signal);
  }

  return createController(
    {
      name: 'pod-garbage-collector',
      triggers: [
        trigger(pods, (before, after) => {
          if (!after) return [];
          const isNewlyFinished = mostFinished > 0 && isPodFinished(after) && !(before && isPodFinished(before)) && pods.by('finished', 'yes').length > mostFinished;
          const { nodeName } = after.spec;
          return isNewlyFinished || (nodeName ? isAway(nodeName) || (isBeingDeleted(after) && isOutOfService(nodeName)) : isBeingDeleted(after)) ? everything : [];
        }),
        trigger(nodes, (before, after) => (!after || (isDeclaredOut(after) && !isDeclaredOut(before)) ? everything : [])),
      ],
      reconcile,
      workers: 1,
    },
    deps,
  );
}

/** Somebody has said that it is switched off and stays so, and nothing is heard that says otherwise. */
function isDeclaredOut(node: Node | undefined): boolean {
  return node !== undefined && (node.spec.taints ?? []).some(({ key }) => key === outOfServiceTaint) && !isTrue(node.status.conditions as never, 'Ready');
}
