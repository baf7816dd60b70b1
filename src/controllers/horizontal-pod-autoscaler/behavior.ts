// How fast a number of Pods may move: what was recommended lately holds it back, policies limit each step, and the most and
// the fewest bound it. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
import { downwards, upwards } from '../../api/kinds/horizontal-pod-autoscaler.ts';
import type { HorizontalPodAutoscaler, ScalingRules } from '../../api/types.ts';

/** kube-controller-manager's default for rules that name no window. */
const downWindowMs = 300_000;

interface Moment {
  readonly atMs: number;
  readonly replicas: number;
}

/** What is remembered of one autoscaler: nothing older than its longest window and period. Lost when the controllers start anew, as upstream. */
export interface Memory {
  recommendations: Moment[];
  /** Changes that were made: positive ones up, negative ones down. */
  changes: Moment[];
}

export interface Bounded {
  readonly replicas: number;
  readonly able: { readonly reason: string; readonly message: string };
  readonly limited: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string };
}

/** `wanted`: what the metrics ask for. Remembers it, and forgets what is too old. */
export function bound({ spec }: HorizontalPodAutoscaler, memory: Memory, current: number, wanted: number, nowMs: number): Bounded {
  const up: ScalingRules = spec.behavior?.scaleUp ?? upwards;
  const down: ScalingRules = spec.behavior?.scaleDown ?? downwards;
  const stable = stabilize(memory, current, wanted, { upMs: (up.stabilizationWindowSeconds ?? 0) * 1000, downMs: down.stabilizationWindowSeconds === undefined ? downWindowMs : down.stabilizationWindowSeconds * 1000 }, nowMs);
  const able =
    stable === wanted
      ? { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
      : stable > wanted
        ? { reason: 'ScaleDownStabilized', message: 'recent recommendations were higher than current one, applying the highest recent recommendation' }
        : { reason: 'ScaleUpStabilized', message: 'recent recommendations were lower than current one, applying the lowest recent recommendation' };
  return { able, ...limit(spec, memory, current, stable, { up, down }, nowMs) };
}

/** Up only as far as the lowest of the window was, down only as far as its highest. */
function stabilize(memory: Memory, current: number, wanted: number, { upMs, downMs }: { upMs: number; downMs: number }, nowMs: number): number {
  let lowest = wanted;
  let highest = wanted;
  for (const { atMs, replicas } of memory.recommendations) {
    if (atMs > nowMs - upMs) lowest = Math.min(lowest, replicas);
    if (atMs > nowMs - downMs) highest = Math.max(highest, replicas);
  }
  memory.recommendations = [...memory.recommendations.filter(({ atMs }) => atMs > nowMs - Math.max(upMs, downMs)), { atMs: nowMs, replicas: wanted }];
  return Math.min(Math.max(current, lowest), highest);
}

function limit(spec: HorizontalPodAutoscaler['spec'], memory: Memory, current: number, wanted: number, { up, down }: { up: ScalingRules; down: ScalingRules }, nowMs: number): Omit<Bounded, 'able'> {
  const { minReplicas = 1, maxReplicas } = spec;
  if (wanted > current) {
    const fastest = Math.max(current, furthest(up, memory, current, nowMs, 1));
    const most = Math.min(maxReplicas, fastest);
    if (wanted > most) {
      return fastest < maxReplicas ? limited(fastest, 'ScaleUpLimit', 'the desired replica count is increasing faster than the maximum scale rate') : limited(maxReplicas, 'TooManyReplicas', 'the desired replica count is more than the maximum replica count');
    }
  } else if (wanted < current) {
    const fastest = Math.min(current, furthest(down, memory, current, nowMs, -1));
    const fewest = Math.max(minReplicas, fastest);
    if (wanted < fewest) {
      return fastest > minReplicas ? limited(fastest, 'ScaleDownLimit', 'the desired replica count is decreasing faster than the maximum scale rate') : limited(minReplicas, 'TooFewReplicas', 'the desired replica count is less than the minimum replica count');
    }
  }
  return { replicas: wanted, limited: { status: 'False', reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' } };
}

function limited(replicas: number, reason: string, message: string): Omit<Bounded, 'able'> {
  return { replicas, limited: { status: 'True', reason, message } };
}

/** Each policy counts from what there was when its period began. */
function furthest({ selectPolicy, policies = [] }: ScalingRules, memory: Memory, current: number, nowMs: number, direction: 1 | -1): number {
  if (selectPolicy === 'Disabled') return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const recent = memory.changes.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000);
    const start = current - recent.reduce((sum, { replicas }) => sum + replicas, 0);
    const step = type === 'Pods' ? value : (start * value) / 100;
    return direction > 0 ? Math.ceil(start + step) : Math.max(0, Math.trunc(start - step));
  });
  return (selectPolicy === 'Min') === direction > 0 ? Math.min(...limits) : Math.max(...limits);
}

/** The longest period that a policy may have. */
const longestPeriodMs = 1_800_000;

export function remember(memory: Memory, change: number, nowMs: number): void {
  memory.changes = [...memory.changes.filter(({ atMs }) => atMs > nowMs - longestPeriodMs), { atMs: nowMs, replicas: change }];
}
