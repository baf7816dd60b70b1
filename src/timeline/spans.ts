// A Pod's timeline as lanes: one for the Pod, one for each container, with what it was doing from when to when, and what
// happened to it at a moment. Pure.
import { timeOf, type PodTimeline, type TimelineRole, type TimelineStep } from '../api/kinds/pod-timeline.ts';

export type Phase = 'waiting' | 'pulling' | 'starting' | 'running' | 'ready' | 'hook' | 'ending' | 'back-off';
export type MarkType = 'done' | 'failed' | 'killed' | 'probe' | 'told';

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly phase: Phase;
}

export interface Mark {
  readonly atMs: number;
  readonly type: MarkType;
}

export interface Lane {
  readonly name: string;
  readonly role: TimelineRole | 'pod';
  readonly spans: readonly Span[];
  readonly marks: readonly Mark[];
}

export interface Picture {
  readonly fromMs: number;
  /** Of a Pod that is gone, when it went; else now. */
  readonly toMs: number;
  readonly isOver: boolean;
  readonly lanes: readonly Lane[];
}

/** What a step makes of the lane of whom it is told; undefined: it goes on as it was. `over`: nothing is there any more. */
function nextOf({ type, hook }: TimelineStep, before: Phase | undefined): Phase | 'over' | undefined {
  switch (type) {
    case 'Created':
    case 'Bound':
      return 'waiting';
    case 'Accepted':
    case 'SandboxStarting':
    case 'ContainerCreated':
      return 'starting';
    case 'Ready':
    case 'ContainerReady':
      return before === 'ending' || before === 'hook' ? undefined : 'ready';
    case 'Unready':
    case 'ContainerUnready':
      return before === 'ready' ? 'running' : undefined;
    case 'Started':
      return 'running';
    case 'Pulling':
      return 'pulling';
    case 'Pulled':
      return 'starting';
    case 'PullFailed':
    case 'BackOff':
      return 'back-off';
    case 'EndAsked':
    case 'EndBegan':
    case 'Signalled':
      return 'ending';
    case 'HookBegan':
      return 'hook';
    case 'HookEnded':
    case 'HookFailed':
    case 'HookAbandoned':
      return hook === 'preStop' ? 'ending' : 'running';
    case 'Exited':
    case 'Gone':
    case 'Cleared':
      return 'over';
    default:
      return undefined;
  }
}

function markOf({ type, exitCode }: TimelineStep): MarkType | undefined {
  switch (type) {
    case 'Exited':
      return exitCode === 0 ? 'done' : 'failed';
    case 'Killed':
      return 'killed';
    case 'ProbeFailed':
      return 'probe';
    case 'PullFailed':
    case 'StartFailed':
    case 'HookFailed':
    case 'SandboxFailed':
    case 'Evicted':
    case 'Warning':
      return 'failed';
    case 'EndAsked':
      return 'told';
    default:
      return undefined;
  }
}

export function pictureOf({ steps, containers }: Pick<PodTimeline, 'steps' | 'containers'>, nowMs: number): Picture {
  const fromMs = steps[0] ? timeOf(steps[0]) : nowMs;
  const isOver = steps.some(({ type }) => type === 'Gone') || steps.some(({ type }) => type === 'Cleared');
  const toMs = isOver ? timeOf(steps.at(-1)!) : Math.max(nowMs, fromMs);
  const lanes = [laneOf('pod', 'pod', steps.filter(({ container }) => container === undefined), toMs), ...containers.map(({ name, role }) => laneOf(name, role, steps.filter(({ container }) => container === name), toMs))];
  return { fromMs, toMs, isOver, lanes };
}

function laneOf(name: string, role: Lane['role'], steps: readonly TimelineStep[], toMs: number): Lane {
  const spans: Span[] = [];
  const marks: Mark[] = [];
  let open: { fromMs: number; phase: Phase } | undefined;
  for (const step of steps) {
    const atMs = timeOf(step);
    const mark = markOf(step);
    if (mark) marks.push({ atMs, type: mark });
    // A container that waits to be started again has no lane of its own until it is.
    const next = nextOf(step, open?.phase);
    if (next === undefined || next === open?.phase) continue;
    if (open) spans.push({ ...open, toMs: atMs });
    open = next === 'over' ? undefined : { fromMs: atMs, phase: next };
  }
  if (open && toMs > open.fromMs) spans.push({ ...open, toMs });
  return { name, role, spans: spans.filter((span) => span.toMs > span.fromMs), marks };
}
