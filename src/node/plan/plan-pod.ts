// Decides what a Pod needs next, from what it should be and what the runtime has. Pure: the same input gives the same
// plan. Every step of a plan may run beside the others; what must wait is not planned yet.
import type { Pod } from '../../api/types.ts';
import type { ContainerState, Observation, SandboxState } from '../../runtime/runtime.ts';
import { containersOf, latestOf, podText, restartsAfter, type PodContainer } from '../pod/containers.ts';
import { containerHash, containerHashAnnotation } from '../spec/labels.ts';
import type { ResizeWork } from '../resize/pod-resize.ts';
import { resizeName, restartDelayMs, sandboxName, type PlanMemory } from './memory.ts';

export type Step =
  | { readonly type: 'start-sandbox'; readonly attempt: number }
  /** A sandbox that is dead or unfit: what runs in it ends too. */
  | { readonly type: 'stop-sandbox'; readonly id: string }
  | { readonly type: 'remove-sandbox'; readonly id: string }
  | { readonly type: 'start-container'; readonly container: PodContainer; readonly sandbox: SandboxState; readonly attempt: number; readonly after?: ContainerState; readonly replaces?: string }
  | { readonly type: 'kill-container'; readonly container: PodContainer; readonly id: string; readonly message: string; readonly graceMs?: number; readonly reason: KillReason }
  | { readonly type: 'resize'; readonly work: ResizeWork }
  | { readonly type: 'remove-container'; readonly id: string };

export type KillReason = 'unhealthy' | 'changed' | 'resize' | 'unknown';

export interface Plan {
  readonly steps: readonly Step[];
  /** Look again after this time even if nothing happens. */
  readonly wakeAfterMs?: number;
  /** Containers held back by restart back-off, with their delay. */
  readonly backingOff: ReadonlyMap<string, number>;
  /** The Pod is to end on the node: all its work is done, or its time is over. */
  readonly end?: 'completed' | 'deadline';
}

export function planPod(pod: Pod, seen: Observation, memory: PlanMemory, nowMs: number): Plan {
  const draft = new PlanDraft(pod, seen, memory, nowMs);
  const deadlineMs = deadlineOf(pod, memory);
  if (deadlineMs !== undefined) {
    if (deadlineMs <= nowMs) return draft.finish('deadline');
    draft.wakeAt(deadlineMs);
  }
  draft.sweep();
  const sandbox = seen.sandboxes[0];
  if (!sandbox || !sandbox.ready) {
    if (mayStartSandbox(pod, seen)) draft.renewSandbox(sandbox);
    else if (draft.idle()) return draft.finish('completed');
    return draft.finish();
  }
  draft.resize();
  const initialized = draft.initContainers(sandbox);
  if (initialized === 'failed') return draft.finish('completed');
  if (initialized === 'yes') {
    const done = draft.appContainers(sandbox);
    if (done && draft.idle()) return draft.finish('completed');
  }
  draft.ephemeralContainers(sandbox);
  return draft.finish();
}

/** The steps so far, and the rules by which a container earns one. */
class PlanDraft {
  readonly #steps: Step[] = [];
  readonly #backingOff = new Map<string, number>();
  #wakeAtMs = Infinity;
  readonly #pod: Pod;
  readonly #seen: Observation;
  readonly #memory: PlanMemory;
  readonly #nowMs: number;

  constructor(pod: Pod, seen: Observation, memory: PlanMemory, nowMs: number) {
    this.#pod = pod;
    this.#seen = seen;
    this.#memory = memory;
    this.#nowMs = nowMs;
  }

  wakeAt(wallMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs, wallMs);
  }

  idle(): boolean {
    return this.#memory.busy.size === 0;
  }

  finish(end?: Plan['end']): Plan {
    const steps = end ? [] : this.#steps;
    const wakeAfterMs = this.#wakeAtMs === Infinity ? undefined : Math.max(0, this.#wakeAtMs - this.#nowMs);
    return { steps, backingOff: this.#backingOff, wakeAfterMs, end };
  }

  /** Removes what nothing needs: of each container all but the newest two, of sandboxes all but the newest. */
  sweep(): void {
    const count = new Map<string, number>();
    const inUse = new Set<string>();
    for (const container of this.#seen.containers) {
      const index = count.get(container.name) ?? 0;
      count.set(container.name, index + 1);
      if (index < 2) inUse.add(container.sandboxId);
      else if (container.state === 'exited' && this.#free(container.id)) this.#steps.push({ type: 'remove-container', id: container.id });
    }
    for (const old of this.#seen.sandboxes.slice(1)) {
      if (!this.#free(old.id)) continue;
      if (old.ready) this.#steps.push({ type: 'stop-sandbox', id: old.id });
      else if (!inUse.has(old.id)) this.#steps.push({ type: 'remove-sandbox', id: old.id });
    }
  }

  /**
   * A dead sandbox's containers must have ended before its successor takes their place. The first successor comes at once;
   * where they die again and again they back off as containers do.
   */
  renewSandbox(dead: SandboxState | undefined): void {
    if (dead && this.#seen.containers.some((container) => container.sandboxId === dead.id && container.state !== 'exited')) {
      if (this.#free(dead.id)) this.#steps.push({ type: 'stop-sandbox', id: dead.id });
      return;
    }
    const record = this.#memory.restarts.get(sandboxName);
    const readyAtMs = (record?.atMs ?? 0) + restartDelayMs(record, this.#nowMs);
    if (dead && readyAtMs > this.#nowMs) return this.wakeAt(readyAtMs);
    if (!this.#free(sandboxName)) return;
    this.#steps.push({ type: 'start-sandbox', attempt: dead ? dead.attempt + 1 : 0 });
  }

  resize(): void {
    const work = this.#memory.resize;
    const isNext = work && (work.pod || [...work.containers.values()].includes('update'));
    if (isNext && this.#free(resizeName)) this.#steps.push({ type: 'resize', work });
  }

  /** One after the other; a sidecar lets the next one go as soon as it has started. */
  initContainers(sandbox: SandboxState): 'yes' | 'no' | 'failed' {
    const { init, app } = containersOf(this.#pod);
    const passed = app.some((container) => this.#current(sandbox, container) !== undefined);
    // A sidecar that has once let the next one go is only kept alive: what comes after it does not wait for it again.
    const reached = init.findLastIndex((container) => this.#current(sandbox, container) !== undefined);
    for (const [index, container] of init.entries()) {
      const state = this.#current(sandbox, container);
      if (container.role === 'sidecar') {
        const started = this.#keepRunning(sandbox, container, state);
        if (!started && !passed && index >= reached) return 'no';
        continue;
      }
      if (passed || (state?.state === 'exited' && state.exitCode === 0)) continue;
      if (state?.state === 'exited' && !this.#runsAgain(container, state)) return 'failed';
      this.#keepRunning(sandbox, container, state);
      return 'no';
    }
    return 'yes';
  }

  /** True when all of them have ended for good. */
  appContainers(sandbox: SandboxState): boolean {
    let ended = 0;
    const { app } = containersOf(this.#pod);
    for (const container of app) {
      const state = this.#current(sandbox, container);
      if (state?.state === 'exited' && !this.#runsAgain(container, state)) ended++;
      else if (!state && this.#endedInOldSandbox(container)) ended++;
      else this.#keepRunning(sandbox, container, state);
    }
    return ended === app.length;
  }

  ephemeralContainers(sandbox: SandboxState): void {
    for (const container of containersOf(this.#pod).ephemeral) {
      if (!latestOf(this.#seen, container.name)) this.#start(sandbox, container, {});
    }
  }

  #current(sandbox: SandboxState, container: PodContainer): ContainerState | undefined {
    const state = latestOf(this.#seen, container.name);
    return state?.sandboxId === sandbox.id ? state : undefined;
  }

  #runsAgain(container: PodContainer, { id, exitCode }: ContainerState): boolean {
    return this.#memory.toRunAgain?.has(id) || restartsAfter(this.#pod, container, exitCode);
  }

  #endedInOldSandbox(container: PodContainer): boolean {
    const old = latestOf(this.#seen, container.name);
    return old !== undefined && old.state === 'exited' && !restartsAfter(this.#pod, container, old.exitCode);
  }

  /** Starts, restarts or kills as needed; true when the container runs and has started. */
  #keepRunning(sandbox: SandboxState, container: PodContainer, state: ContainerState | undefined): boolean {
    switch (state?.state) {
      case undefined:
        this.#start(sandbox, container, { after: latestOf(this.#seen, container.name) });
        return false;
      case 'created':
        this.#start(sandbox, container, { replaces: state.id, attempt: state.attempt });
        return false;
      case 'exited':
        this.#start(sandbox, container, { after: state });
        return false;
      case 'unknown':
        this.#kill(container, state, 'unknown', `Container ${container.name} is in unknown state, try killing it before restart`);
        return false;
      case 'running':
        break;
    }
    const unhealthy = this.#memory.unhealthy.get(state.id);
    const hash = state.annotations[containerHashAnnotation];
    if (hash !== undefined && hash !== containerHash(container.spec)) {
      this.#kill(container, state, 'changed', `Container ${container.name} definition changed, will be restarted`);
    } else if (this.#memory.resize?.containers.get(state.id) === 'restart') {
      this.#kill(container, state, 'resize', `Container ${container.name} resize requires restart`);
    } else if (unhealthy) {
      const what = unhealthy.why === 'postStart' ? 'FailedPostStartHook' : `Container ${container.name} failed ${unhealthy.why} probe${restartsAfter(this.#pod, container, 1) ? ', will be restarted' : ''}`;
      this.#kill(container, state, 'unhealthy', what, unhealthy.graceMs);
    }
    return this.#memory.started.has(state.id);
  }

  #kill(container: PodContainer, state: ContainerState, reason: KillReason, message: string, graceMs?: number): void {
    if (!this.#free(container.name)) return;
    this.#steps.push({ type: 'kill-container', container, id: state.id, reason, message, graceMs });
  }

  #start(sandbox: SandboxState, container: PodContainer, how: { after?: ContainerState; replaces?: string; attempt?: number }): void {
    const { after } = how;
    // What ended in an older sandbox ended with it.
    if (after && after.state === 'exited' && after.sandboxId === sandbox.id) {
      const delayMs = restartDelayMs(this.#memory.restarts.get(container.name), after.finishedAtMs);
      const readyAtMs = after.finishedAtMs + delayMs;
      if (readyAtMs > this.#nowMs) {
        this.#backingOff.set(container.name, delayMs);
        this.wakeAt(readyAtMs);
        return;
      }
    }
    if (!this.#free(container.name)) return;
    const attempt = how.attempt ?? (after ? after.attempt + 1 : attemptFromStatus(this.#pod, container));
    this.#steps.push({ type: 'start-container', container, sandbox, attempt, after, replaces: how.replaces });
  }

  /** No step for it is under way, nor has one failed so lately that it must wait. */
  #free(key: string): boolean {
    if (this.#memory.busy.has(key)) return false;
    const atMs = this.#memory.retryAtMs.get(key) ?? 0;
    if (atMs <= this.#nowMs) return true;
    this.wakeAt(atMs);
    return false;
  }
}

export function backOffMessage(pod: Pod, container: string, delayMs: number): string {
  return `back-off ${delayText(delayMs)} restarting failed container=${container} pod=${podText(pod)}`;
}

/** As Go prints a duration of whole seconds: `40s`, `1m20s`, `5m0s`. */
function delayText(delayMs: number): string {
  const seconds = Math.round(delayMs / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function deadlineOf(pod: Pod, memory: PlanMemory): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  return seconds === undefined || seconds === null ? undefined : memory.startTimeMs + seconds * 1000;
}

/** A Pod of which nothing is ever restarted gets one sandbox; one restarted on failure gets another only while something is left to run. */
function mayStartSandbox(pod: Pod, seen: Observation): boolean {
  const { app, init } = containersOf(pod);
  const tried = seen.containers.length > 0;
  if (!tried) return true;
  const policyOf = ({ spec }: PodContainer) => spec.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  if (app.some((container) => policyOf(container) === 'Always')) return true;
  const restartable = app.filter((container) => policyOf(container) !== 'Never' || container.spec.restartPolicyRules?.length);
  if (restartable.length === 0) return false;
  const unfinished = restartable.some((container) => {
    const latest = latestOf(seen, container.name);
    return !latest || latest.state !== 'exited' || restartsAfter(pod, container, latest.exitCode);
  });
  return unfinished || (app.every((container) => !latestOf(seen, container.name)) && init.length > 0);
}

/** When the runtime has lost its records, the API's count goes on. */
function attemptFromStatus(pod: Pod, container: PodContainer): number {
  const status = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find((one) => one.name === container.name);
  return status?.containerID ? status.restartCount + 1 : 0;
}
