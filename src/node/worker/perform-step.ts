// Performs the steps of a Pod's plan, and notes for its worker what came of them.
import type { Pod, Service } from '../../api/types.ts';
import { unreachable } from '../../base/assert.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { startContainer, StartError } from '../carry-out/start-container.ts';
import { startSandbox } from '../carry-out/start-sandbox.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import { runHook } from '../hooks/run-hook.ts';
import { ImageError } from '../images/ensure-image.ts';
import type { NodeWorld } from '../node-settings.ts';
import { afterRestart, resizeName, sandboxName, type RestartBackOff } from '../plan/memory.ts';
import type { Step } from '../plan/plan-pod.ts';
import { containersOf, latestOf, podText, restartsAfter, type PodContainer } from '../pod/containers.ts';
import { actuateResize } from '../resize/actuate.ts';
import type { PodResize } from '../resize/pod-resize.ts';
import { VolumeError } from '../volumes/pod-volumes.ts';
import { endContainer } from './end-containers.ts';
import { failureMessage, pullShownMs, type Failures } from './failures.ts';
import { Grace } from './grace.ts';
import type { PodHealth } from './pod-health.ts';
import type { PodSupplies } from './pod-supplies.ts';

/** What a step works with; `pod` and `seen` are the newest when it begins. */
export interface StepWorld {
  readonly world: NodeWorld;
  readonly cgroups: Cgroups;
  readonly services: () => Promise<readonly Service[]>;
  readonly pod: Pod;
  readonly seen: Observation;
  readonly supplies: PodSupplies;
  readonly health: PodHealth;
  readonly failures: Failures;
  readonly restarts: Map<string, RestartBackOff>;
  readonly resize: PodResize;
  /** Ids of containers that were ended to run again. */
  readonly toRunAgain: Set<string>;
  /** Asks the worker for another turn, with a new look at the runtime. */
  readonly look: () => void;
  readonly tell: (type: 'Normal' | 'Warning', reason: string, message: string, container?: PodContainer) => void;
}

/** A container's steps exclude each other by its name; other things go by their id. */
export function keyOfStep(step: Step): string {
  switch (step.type) {
    case 'start-sandbox':
      return sandboxName;
    case 'start-container':
    case 'kill-container':
      return step.container.name;
    case 'resize':
      return resizeName;
    case 'stop-sandbox':
    case 'remove-sandbox':
    case 'remove-container':
      return step.id;
    default:
      return unreachable(step);
  }
}

/** Never rejects: a failure is noted and told, and says when the step may be planned again. */
export async function performStep(step: Step, on: StepWorld, signal: AbortSignal): Promise<void> {
  try {
    await perform(step, on, signal);
    on.failures.succeeded(keyOfStep(step));
  } catch (error) {
    if (!signal.aborted && !(await diedWithSandbox(step, error, on, signal))) failed(step, error, on, signal);
  }
}

/** A container's end may be seen before that of its sandbox: what is then started in the dying sandbox is no failure of the container. */
async function diedWithSandbox(step: Step, error: unknown, { world, pod }: StepWorld, signal: AbortSignal): Promise<boolean> {
  if (step.type !== 'start-container' || !(error instanceof StartError)) return false;
  try {
    const { sandboxes } = await world.runtime.observe(pod.metadata.uid, signal);
    return !sandboxes.some(({ id, ready }) => id === step.sandbox.id && ready);
  } catch {
    // The runtime does not answer: then that is the failure.
    return false;
  }
}

async function perform(step: Step, on: StepWorld, signal: AbortSignal): Promise<void> {
  const { world, pod, seen } = on;
  switch (step.type) {
    case 'start-sandbox':
      if (step.attempt > 0) on.tell('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      on.supplies.prefetch(firstContainers(pod));
      world.timelines.note(pod.metadata.uid, 'SandboxStarting', step.attempt > 0 ? { restart: step.attempt } : {});
      await startSandbox(world, on.cgroups, pod, step.attempt, signal);
      world.timelines.note(pod.metadata.uid, 'SandboxStarted');
      if (step.attempt > 0) on.restarts.set(sandboxName, nextRestart(sandboxName, world.clock.wallMs(), on));
      return;
    case 'stop-sandbox':
      return world.runtime.stopSandbox(step.id, signal);
    case 'remove-sandbox':
      return world.runtime.removeSandbox(step.id, signal);
    case 'remove-container':
      return world.runtime.removeContainer(step.id, signal);
    case 'start-container': {
      const { name, spec } = step.container;
      if (!spec.lifecycle?.postStart) return start(step, on, signal);
      on.health.startBegins(name);
      try {
        return await start(step, on, signal);
      } finally {
        on.health.startEnded(name);
      }
    }
    case 'kill-container': {
      const state = seen.containers.find(({ id }) => id === step.id);
      if (!state) return;
      if (step.reason === 'resize' || restartsAfter(pod, step.container, 1)) on.toRunAgain.add(step.id);
      // What had to end for its resize has not failed.
      if (step.reason === 'resize') on.restarts.delete(step.container.name);
      const grace = new Grace(world.clock, step.graceMs ?? (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000);
      return endContainer(world, { pod, running: [state], podIP: podIPOf(on), grace }, state, step.message, signal);
    }
    case 'resize':
      return actuateResize(world, on.cgroups, pod, seen, on.resize, step.work, signal);
    default:
      return unreachable(step);
  }
}

async function start({ container, sandbox, attempt, after, replaces }: Extract<Step, { type: 'start-container' }>, on: StepWorld, signal: AbortSignal): Promise<void> {
  const { world, pod, seen, supplies, services } = on;
  const target = (container.spec as { targetContainerName?: string }).targetContainerName;
  const id = await startContainer(world, {
    pod,
    container,
    sandbox,
    attempt,
    replaces,
    services,
    podDir: supplies.podDir,
    cgroupVersion: on.cgroups.memoryVersion,
    references: supplies.references,
    image: () => supplies.image(container),
    volumes: () => supplies.volumes(),
    target: target ? latestOf(seen, target) : undefined,
  }, signal);
  on.resize.given(id, container.spec.resources, pod);
  if (after?.sandboxId === sandbox.id) on.restarts.set(container.name, nextRestart(container.name, after.finishedAtMs, on));
  if (container.spec.lifecycle?.postStart) await postStart(container, id, on, signal);
}

function nextRestart(name: string, finishedAtMs: number, { restarts, world }: StepWorld): RestartBackOff {
  return afterRestart(restarts.get(name), finishedAtMs, world.clock.wallMs());
}

/** The container runs meanwhile, but counts as started only when its hook is done. */
async function postStart(container: PodContainer, id: string, on: StepWorld, signal: AbortSignal): Promise<void> {
  const { world, pod, health } = on;
  const { runtime, clock, log } = world;
  health.hookBegins(id);
  on.look();
  let hookFailed = false;
  const hook = { container: container.name, hook: 'postStart' } as const;
  world.timelines.note(pod.metadata.uid, 'HookBegan', hook);
  try {
    await runHook(container.spec.lifecycle!.postStart!, { runtime, clock, pod, container, containerId: id, podIP: podIPOf(on) }, world.events, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    hookFailed = true;
    log.info('postStart failed', { pod: podText(pod), container: container.name, error });
    on.tell('Warning', 'FailedPostStartHook', 'PostStartHook failed', container);
  } finally {
    world.timelines.note(pod.metadata.uid, hookFailed ? 'HookFailed' : signal.aborted ? 'HookAbandoned' : 'HookEnded', hook);
    health.hookEnded(id, hookFailed);
  }
}

function failed(step: Step, error: unknown, on: StepWorld, signal: AbortSignal): void {
  const { world, pod, failures, supplies } = on;
  world.log.info('a step failed', { pod: podText(pod), step: step.type, error });
  const retryMs = error instanceof VolumeError ? supplies.volumeRetryMs : undefined;
  failures.add(keyOfStep(step), error, world.clock.wallMs(), retryMs);
  if (step.type === 'start-sandbox') return on.tell('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${(error as Error).message}`);
  if (step.type === 'resize') return on.resize.failed(pod, (error as Error).message, on.tell);
  if (step.type !== 'start-container') return;
  const { container } = step;
  const message = failureMessage(error);
  if (!message) return;
  on.tell('Warning', 'Failed', message, container);
  if (!(error instanceof ImageError && error.isPullFailure)) return;
  world.clock.schedule(pullShownMs, () => {
    if (signal.aborted) return;
    on.tell('Normal', 'BackOff', `Back-off pulling image ${JSON.stringify(error.image)}`, container);
    on.tell('Warning', 'Failed', 'Error: ImagePullBackOff', container);
    on.look();
  });
}

/** Those that can start as soon as the sandbox is there. */
function firstContainers(pod: Pod): readonly PodContainer[] {
  const { init, app } = containersOf(pod);
  return init.length > 0 ? init.slice(0, 1) : app;
}

function podIPOf({ seen, world }: StepWorld): string {
  return seen.sandboxes[0]?.ips[0] ?? world.hostIPs[0] ?? '127.0.0.1';
}
