// The life of a Pod, step by step: what the API server and the node have seen of it. Put together when it is asked for, never
// stored; for a while also of Pods that are gone.
import { formatMicroTime, parseTime } from '../../base/clock.ts';
import { formatAge } from '../time.ts';
import type { KubeObject } from '../types.ts';
import { ageColumn, integer, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';

/** Of the Pod as a whole unless a container is named. */
export type TimelineStepType =
  // What the API server sees.
  | 'Created' | 'Bound' | 'Ready' | 'Unready' | 'EndAsked' | 'Gone'
  // What the node does and sees.
  | 'Accepted' | 'SandboxStarting' | 'SandboxStarted' | 'SandboxFailed' | 'EndBegan' | 'Cleared' | 'Evicted' | 'Warning'
  | 'Pulling' | 'Pulled' | 'PullFailed' | 'ContainerCreated' | 'Started' | 'StartFailed' | 'StartupPassed' | 'ContainerReady' | 'ContainerUnready' | 'ProbeFailed'
  | 'HookBegan' | 'HookEnded' | 'HookFailed' | 'HookAbandoned' | 'Killing' | 'Signalled' | 'GraceShortened' | 'Killed' | 'Exited' | 'BackOff';

export interface TimelineStepDetails {
  readonly container?: string;
  readonly image?: string;
  readonly node?: string;
  readonly hook?: 'postStart' | 'preStop';
  readonly signal?: string;
  readonly exitCode?: number;
  readonly graceSeconds?: number;
  /** Which start of the container it is, from 0. */
  readonly restart?: number;
  readonly reason?: string;
  readonly message?: string;
  /** How often this has been seen since, when more than once. */
  readonly count?: number;
  /** The time is known only to the second: the step was before the API server, or the node's agent, was started. */
  readonly approximate?: boolean;
}

/** As it is recorded and handed on: wall time in ms. */
export interface TimelineMoment extends TimelineStepDetails {
  readonly atMs: number;
  readonly type: TimelineStepType;
}

export interface TimelineStep extends TimelineStepDetails {
  readonly time: string;
  readonly type: TimelineStepType;
}

export type TimelineRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface PodTimeline extends KubeObject {
  /** On which it lives or lived; absent before it is bound. */
  readonly nodeName?: string;
  readonly containers: readonly { readonly name: string; readonly role: TimelineRole }[];
  /** In the order of their times. */
  readonly steps: readonly TimelineStep[];
  /** So many, in the middle of its life, were too many to be kept. */
  readonly droppedSteps?: number;
  /** Why steps of the node are missing: it cannot be reached. */
  readonly incomplete?: string;
}

export const podTimelines = defineKind<PodTimeline>({
  kind: 'PodTimeline', group: 'peapod.dev', version: 'v1alpha1', verbs: ['get', 'list'], schemaName: 'dev.peapod.v1alpha1.PodTimeline', shortNames: ['ptl'],
  columns: [
    nameColumn,
    text('State', 'Where it is in its life.', stateOf),
    text('Start', 'From its creation to its being ready for the first time.', ({ steps }) => between(steps, 'Created', 'Ready')),
    integer('Restarts', 'How often its containers were started again.', ({ steps }) => restartsIn(steps)),
    text('End', 'From when it was told to end to when it was gone, or its last container had ended.', (timeline) => endingText(timeline.steps)),
    text('Last', 'The newest step.', ({ steps }) => lastText(steps.at(-1))),
    ageColumn,
    wide(text('Node', 'Where it lives, or lived.', ({ nodeName }) => nodeName ?? '<none>')),
    wide(integer('Steps', 'How many are known.', ({ steps }) => steps.length)),
  ],
});

export function stepOf({ atMs, ...moment }: TimelineMoment): TimelineStep {
  return { time: formatMicroTime(atMs), ...moment };
}

export function timeOf({ time }: TimelineStep): number {
  return parseTime(time);
}

export function stateOf({ steps }: Pick<PodTimeline, 'steps'>): string {
  const last = (...types: TimelineStepType[]) => steps.findLastIndex(({ type, container }) => container === undefined && types.includes(type));
  if (last('Gone') >= 0) return 'Gone';
  if (last('Cleared') >= 0) return 'Ended';
  if (last('EndAsked', 'EndBegan') >= 0) return 'Ending';
  if (last('Bound') < 0) return 'Waiting';
  const [ready, unready] = [last('Ready'), last('Unready')];
  return ready < 0 ? 'Starting' : ready > unready ? 'Ready' : 'Unready';
}

export function restartsIn(steps: readonly TimelineStep[]): number {
  const starts = new Map<string, number>();
  for (const { type, container, restart } of steps) if (type === 'Started' && container !== undefined) starts.set(container, Math.max(starts.get(container) ?? 0, restart ?? 0));
  return [...starts.values()].reduce((sum, restarts) => sum + restarts, 0);
}

/** A time span as people say it: 45ms, 3.2s, 4m10s. */
export function spanText(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1000) return `${whole}ms`;
  return whole < 100_000 ? `${(whole / 1000).toFixed(whole < 10_000 ? 2 : 1)}s` : formatAge(whole);
}

function between(steps: readonly TimelineStep[], from: TimelineStepType, to: TimelineStepType): string {
  const [first, last] = [from, to].map((wanted) => steps.find(({ type, container }) => type === wanted && container === undefined));
  return first && last ? spanText(timeOf(last) - timeOf(first)) : '-';
}

function endingText(steps: readonly TimelineStep[]): string {
  const from = steps.find(({ type }) => type === 'EndAsked' || type === 'EndBegan');
  const to = steps.findLast(({ type }) => type === 'Gone' || type === 'Cleared' || type === 'Exited');
  return from && to && timeOf(to) >= timeOf(from) ? spanText(timeOf(to) - timeOf(from)) : '-';
}

function lastText(step: TimelineStep | undefined): string {
  if (!step) return '<none>';
  return step.container === undefined ? step.type : `${step.container} ${step.type}${step.exitCode === undefined ? '' : `(${step.exitCode})`}`;
}
