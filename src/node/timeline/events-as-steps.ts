// Whatever the node tells of a Pod as an Event is a step of its timeline too, at the exact time and without a write.
import type { TimelineStepType } from '../../api/kinds/pod-timeline.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { PodTimelines } from './timelines.ts';

export function eventsAsSteps(recorder: EventRecorder, timelines: PodTimelines): EventRecorder {
  return {
    flush: (signal) => recorder.flush(signal),
    event(about, type, reason, message, fieldPath) {
      recorder.event(about, type, reason, message, fieldPath);
      const { uid } = about.metadata;
      if (about.kind !== 'Pod' || !uid) return;
      const container = fieldPath && /\{(.+)\}$/.exec(fieldPath)?.[1];
      const of = container ? { container } : {};
      const step = stepOf(type, reason, message);
      if (!step) return;
      if (step === 'Pulling' || step === 'Pulled') return timelines.note(uid, step, { ...of, image: /"([^"]*)"/.exec(message)?.[1] ?? '' });
      if (step === 'ContainerCreated') return timelines.note(uid, step, of);
      timelines.noteRepeated(uid, step, { ...of, ...(step === 'Warning' ? { reason } : {}), message });
    },
  };
}

/** Undefined: it is recorded otherwise, or says nothing of the Pod's life. */
function stepOf(type: 'Normal' | 'Warning', reason: string, message: string): TimelineStepType | undefined {
  switch (reason) {
    case 'Pulling':
      return 'Pulling';
    case 'Pulled':
      return message.startsWith('Successfully') ? 'Pulled' : undefined;
    case 'Created':
      return 'ContainerCreated';
    case 'BackOff':
      return 'BackOff';
    case 'Unhealthy':
      return 'ProbeFailed';
    case 'Evicted':
      return 'Evicted';
    case 'FailedCreatePodSandBox':
      return 'SandboxFailed';
    case 'Killing':
      return message.startsWith('Stopping container') ? undefined : 'Killing';
    case 'Failed':
      return message.startsWith('Failed to pull') ? 'PullFailed' : /^Error: (?:ErrImagePull|ImagePullBackOff)/.test(message) ? undefined : 'StartFailed';
    case 'FailedPostStartHook':
    case 'FailedPreStopHook':
      return undefined;
    default:
      return type === 'Warning' ? 'Warning' : undefined;
  }
}
