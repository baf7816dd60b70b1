// The Pod's conditions that the node owns. A condition keeps its transition time while its status stays. Pure.
import { formatTime } from '../../base/clock.ts';
import type { ContainerStatus, Pod, PodCondition } from '../../api/types.ts';
import { containersOf } from '../pod/containers.ts';
import { initDone, isInitialized, type Phase } from './phase.ts';

export interface ConditionFacts {
  readonly phase: Phase;
  readonly statuses: ReadonlyMap<string, ContainerStatus>;
  /** The sandbox is up and has its addresses. */
  readonly sandboxReady: boolean;
  /** Being ended: not ready, whatever its probes say. */
  readonly ending: boolean;
  /** Of a resize that is pending or under way. */
  readonly resize: readonly PodCondition[];
  /** Why the node evicts the Pod. */
  readonly evicted: string | undefined;
  readonly nowMs: number;
}

const resizeTypes = ['PodResizePending', 'PodResizeInProgress'];

type Verdict = { readonly status: 'True' | 'False'; readonly reason?: string; readonly message?: string };

export function conditionsOf(pod: Pod, facts: ConditionFacts): PodCondition[] {
  const containersReady = containersReadyVerdict(pod, facts);
  const verdicts: readonly (readonly [string, Verdict])[] = [
    ['PodReadyToStartContainers', { status: facts.sandboxReady ? 'True' : 'False' }],
    ['Initialized', initializedVerdict(pod, facts)],
    ['Ready', readyVerdict(pod, facts, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', { status: 'True' }],
    ...(facts.evicted === undefined ? [] : [['DisruptionTarget', { status: 'True', reason: 'TerminationByKubelet', message: facts.evicted }] as const]),
  ];
  const before = pod.status.conditions ?? [];
  const others = before.filter(({ type }) => !verdicts.some(([own]) => own === type) && !resizeTypes.includes(type));
  const ours = verdicts.map(([type, verdict]): PodCondition => {
    const old = before.find((condition) => condition.type === type);
    return {
      type,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
      status: verdict.status,
      lastProbeTime: null as unknown as string,
      lastTransitionTime: old?.status === verdict.status && old.lastTransitionTime ? old.lastTransitionTime : formatTime(facts.nowMs),
      ...(verdict.reason ? { reason: verdict.reason } : {}),
      ...(verdict.message ? { message: verdict.message } : {}),
    };
  });
  return [...others, ...facts.resize, ...ours];
}

function initializedVerdict(pod: Pod, { phase, statuses }: ConditionFacts): Verdict {
  const { init } = containersOf(pod);
  if (isInitialized(pod, statuses)) return phase === 'Succeeded' ? { status: 'True', reason: 'PodCompleted' } : { status: 'True' };
  const incomplete = init.filter(({ name, role }) => !initDone(statuses.get(name), role)).map(({ name }) => name);
  return { status: 'False', reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` };
}

function containersReadyVerdict(pod: Pod, { phase, statuses }: ConditionFacts): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const { init, app } = containersOf(pod);
  const serving = [...init.filter(({ role }) => role === 'sidecar'), ...app];
  const unready = serving.filter(({ name }) => !statuses.get(name)?.ready).map(({ name }) => name);
  if (unready.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

function readyVerdict(pod: Pod, { ending }: ConditionFacts, containersReady: Verdict): Verdict {
  if (containersReady.status === 'False') return containersReady;
  if (ending) return { status: 'False', reason: 'PodTerminating', message: 'the pod is being terminated' };
  const missing = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = pod.status.conditions?.find(({ type }) => type === conditionType);
    if (!gate) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return gate.status === 'True' ? [] : [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  return missing.length === 0 ? { status: 'True' } : { status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join(', ') };
}
