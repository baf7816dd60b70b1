// Takes back the word that a Pod is about to be disrupted, when nothing has come of it.
import { pods as podResource } from '../../api/kinds/pod.ts';
import { conditionOf, isBeingDeleted, isPodFinished } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Pod } from '../../api/types.ts';
import { formatTime, parseTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

const patienceMs = 120_000;

export function createStaleTargetController(deps: ControllerDeps): Runnable {
  const { client, clock, informers } = deps;
  const pods = informers.of(podResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const pod = pods.get(key);
    const sinceMs = pod && targetedSinceMs(pod);
    if (!pod || sinceMs === undefined) return 'await-change';
    const nowMs = clock.wallMs();
    if (sinceMs + patienceMs > nowMs) return { afterMs: sinceMs + patienceMs - nowMs };
    const { observedGeneration } = conditionOf(pod.status.conditions, 'DisruptionTarget')!;
    const withdrawn = { type: 'DisruptionTarget', status: 'False', observedGeneration, lastTransitionTime: formatTime(nowMs) };
    const conditions = pod.status.conditions!.map((condition) => (condition.type === 'DisruptionTarget' ? withdrawn : condition));
    await client.updateStatus(podResource, { ...pod, status: { ...pod.status, conditions } }, signal);
    return 'await-change';
  }

  const targeted = (_: Pod | undefined, after: Pod | undefined) => (after && targetedSinceMs(after) !== undefined ? itself(undefined, after) : []);
  return createController({ name: 'stale-disruption-target', triggers: [trigger(pods, targeted)], reconcile, workers: 1 }, deps);
}

/** Undefined: it is not, or its end is under way. What the node itself says may take any time to come true. */
function targetedSinceMs(pod: Pod): number | undefined {
  const target = conditionOf(pod.status.conditions, 'DisruptionTarget');
  if (target?.status !== 'True' || target.reason === 'TerminationByKubelet' || isBeingDeleted(pod) || isPodFinished(pod)) return undefined;
  return parseTime(target.lastTransitionTime ?? '') || 0;
}
