// The steps of a Pod's life in words, each with what it took. Pure.
import { spanText, timeOf, type TimelineStep, type TimelineStepType } from '../api/kinds/pod-timeline.ts';

/** Which step an end belongs to, so that it can be said how long it took. */
const beginnings: Partial<Record<TimelineStepType, readonly TimelineStepType[]>> = {
  SandboxStarted: ['SandboxStarting'], SandboxFailed: ['SandboxStarting'], Pulled: ['Pulling'], PullFailed: ['Pulling'],
  HookEnded: ['HookBegan'], HookFailed: ['HookBegan'], HookAbandoned: ['HookBegan'], Exited: ['Started'],
};

export function wordsOf(step: TimelineStep, earlier: readonly TimelineStep[]): string {
  const text = plainWords(step);
  const begins = beginnings[step.type];
  const began = begins && earlier.findLast(({ type, container }) => begins.includes(type) && container === step.container);
  const took = began ? `, ${step.type === 'Exited' ? 'having run' : 'after'} ${spanText(timeOf(step) - timeOf(began))}` : '';
  const often = step.count === undefined ? '' : ` (${step.count} times)`;
  return `${text}${took}${often}${step.approximate ? ' (to the second)' : ''}`;
}

function plainWords({ type, node, image, hook, signal, exitCode, graceSeconds, restart, reason, message }: TimelineStep): string {
  switch (type) {
    case 'Created':
      return 'created';
    case 'Bound':
      return `bound to ${node}`;
    case 'Accepted':
      return reason ? `refused by the node: ${message}` : 'taken on by the node';
    case 'SandboxStarting':
      return restart ? `sandbox is made anew (${restart})` : 'sandbox is being made';
    case 'SandboxStarted':
      return 'sandbox is up';
    case 'SandboxFailed':
      return `sandbox failed: ${message}`;
    case 'Ready':
      return 'Ready';
    case 'Unready':
      return 'no longer Ready';
    case 'EndAsked':
      return `told to end${graceSeconds === undefined ? '' : `, within ${graceSeconds} s`}`;
    case 'EndBegan':
      return `the node ends it${reason ? ` (${reason})` : ''}${graceSeconds === undefined ? '' : `, within ${graceSeconds} s`}`;
    case 'GraceShortened':
      return `has only ${secondsText(graceSeconds)} now`;
    case 'Cleared':
      return 'nothing of it runs; network and volumes are gone';
    case 'Gone':
      return 'gone from the API';
    case 'Pulling':
      return `pulling ${image}`;
    case 'Pulled':
      return `pulled ${image}`;
    case 'ContainerCreated':
      return 'container made';
    case 'Started':
      return restart ? `started again (${restart})` : 'started';
    case 'StartupPassed':
      return 'startup probe passed';
    case 'ContainerReady':
      return 'ready';
    case 'ContainerUnready':
      return 'not ready';
    case 'HookBegan':
      return `${hook} begins`;
    case 'HookEnded':
      return `${hook} is done`;
    case 'HookFailed':
      return `${hook} failed`;
    case 'HookAbandoned':
      return `${hook} is cut off`;
    case 'Signalled':
      return `${signal}, ${secondsText(graceSeconds)} to go`;
    case 'Killed':
      return 'SIGKILL: its time is over';
    case 'Exited':
      return `ended with ${exitCode}${reason && reason !== 'Completed' && reason !== 'Error' ? ` (${reason})` : ''}`;
    case 'Warning':
      return `${reason}: ${message}`;
    case 'Evicted':
      return `evicted: ${message}`;
    case 'PullFailed':
    case 'StartFailed':
    case 'ProbeFailed':
    case 'Killing':
    case 'BackOff':
      // Which Pod it is stands above.
      return message?.replace(/ in pod \S+\)$/, '') ?? type;
  }
}

function secondsText(seconds = 0): string {
  return `${Number(seconds.toFixed(1))} s`;
}
