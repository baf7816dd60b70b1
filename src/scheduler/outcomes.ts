// What the scheduler tells the API: a binding, the reason why not, or which Pods must give way.
import { isReason } from '../api/error.ts';
import { pods } from '../api/kinds/pod.ts';
import { conditionOf, isBeingDeleted } from '../api/meta.ts';
import type { Binding, Pod, PodCondition } from '../api/types.ts';
import { backoffMs } from '../base/backoff.ts';
import { formatTime, type Clock } from '../base/clock.ts';
import { keyOf, keyText, type Client } from '../client/client.ts';
import { aboutOf, type EventRecorder } from '../client/event-recorder.ts';

export interface Outcomes {
  bind(pod: Pod, nodeName: string, signal: AbortSignal): Promise<void>;
  /** Where the Pod is by the API's own word, which is asked for until it answers; undefined: nowhere, or it is gone. */
  nodeOf(pod: Pod, signal: AbortSignal): Promise<string | undefined>;
  /** `reason` is Unschedulable when no node will do, SchedulerError when something went wrong. */
  explain(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string, signal: AbortSignal): Promise<void>;
  /** `lesser`: Pods that wait for the same node and are less important; they had better look elsewhere. */
  giveWay(victims: readonly Pod[], to: Pod, nodeName: string, lesser: readonly Pod[], signal: AbortSignal): Promise<void>;
  /** No node is kept for the Pod any more. */
  withdraw(pod: Pod, signal: AbortSignal): Promise<void>;
}

const askAgain = { initialMs: 100, longestMs: 5_000 };

export function createOutcomes({ client, clock, recorder, schedulerName }: { readonly client: Client; readonly clock: Clock; readonly recorder: EventRecorder; readonly schedulerName: string }): Outcomes {
  async function setCondition(pod: Pod, condition: PodCondition, more: object, signal: AbortSignal): Promise<void> {
    const before = conditionOf(pod.status.conditions, condition.type);
    const since = before?.status === condition.status ? before.lastTransitionTime : formatTime(clock.wallMs());
    const body = { status: { ...more, conditions: [{ ...condition, lastTransitionTime: since }] } };
    await client.patch(pods, keyOf(pod), { type: 'strategic', body, subresource: 'status' }, signal);
  }

  async function remove(victim: Pod, to: Pod, nodeName: string, signal: AbortSignal): Promise<void> {
    if (isBeingDeleted(victim)) return;
    const message = `${to.spec.schedulerName || schedulerName}: preempting to accommodate a higher priority pod`;
    try {
      await setCondition(victim, { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message, observedGeneration: victim.metadata.generation }, {}, signal);
      await client.delete(pods, keyOf(victim), { preconditions: { uid: victim.metadata.uid } }, signal);
      recorder.event(aboutOf(pods, victim), 'Normal', 'Preempted', `Preempted by pod ${to.metadata.uid} on node ${nodeName}`);
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  return {
    async bind(pod, nodeName, signal) {
      const { namespace, name, uid } = pod.metadata;
      const binding: Binding = { apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { apiVersion: 'v1', kind: 'Node', name: nodeName } };
      await client.createSub(pods, keyOf(pod), 'binding', binding, signal);
      recorder.event(aboutOf(pods, pod), 'Normal', 'Scheduled', `Successfully assigned ${keyText(keyOf(pod))} to ${nodeName}`);
    },

    async nodeOf(pod, signal) {
      for (let failures = 1; ; failures++) {
        try {
          const now = await client.get(pods, keyOf(pod), signal);
          return now.metadata.uid === pod.metadata.uid ? now.spec.nodeName : undefined;
        } catch (error) {
          if (isReason(error, 'NotFound')) return undefined;
          await clock.sleep(backoffMs(failures, askAgain), signal);
        }
      }
    },

    async explain(pod, reason, message, signal) {
      recorder.event(aboutOf(pods, pod), 'Warning', 'FailedScheduling', message);
      const before = conditionOf(pod.status.conditions, 'PodScheduled');
      if (before?.status === 'False' && before.reason === reason && before.message === message) return;
      await setCondition(pod, { type: 'PodScheduled', status: 'False', reason, message, observedGeneration: pod.metadata.generation }, {}, signal);
    },

    async giveWay(victims, to, nodeName, lesser, signal) {
      await setNominated(to, nodeName, signal);
      await Promise.all([...lesser.map((pod) => setNominated(pod, null, signal)), ...victims.map((victim) => remove(victim, to, nodeName, signal))]);
    },

    withdraw: (pod, signal) => setNominated(pod, null, signal),
  };

  async function setNominated(pod: Pod, nominatedNodeName: string | null, signal: AbortSignal): Promise<void> {
    if ((pod.status.nominatedNodeName ?? null) === nominatedNodeName) return;
    try {
      await client.patch(pods, keyOf(pod), { type: 'strategic', body: { status: { nominatedNodeName } }, subresource: 'status' }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
