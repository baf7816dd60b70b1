// One Pod on this node, from its first sight to its last trace. Woken by changes of its object, of the runtime, of probes
// and by timers; it never polls.
//
//               the object is being deleted or gone,            nothing runs,
//               all work is done, or the node ends it           all is cleaned up
//   syncing ──────────────────────────────────▶ terminating ───────────────────▶ terminated ──▶ finished: the object is gone
//      │ plan ⇄ carry out                            │ a second delete shortens        │ waits for the object to go
//
// The worker's signal is the agent's life: it ends our work in any phase, never a container.
import { pods } from '../../api/kinds/pod.ts';
import { isReason } from '../../api/error.ts';
import { isBeingDeleted, isPodFinished } from '../../api/meta.ts';
import type { Pod, Service } from '../../api/types.ts';
import { unreachable } from '../../base/assert.ts';
import { backoffMs } from '../../base/backoff.ts';
import { parseTime } from '../../base/clock.ts';
import { keyOf } from '../../client/client.ts';
import type { Observation, RuntimeEvent } from '../../runtime/runtime.ts';
import { startContainer } from '../carry-out/start-container.ts';
import { startSandbox } from '../carry-out/start-sandbox.ts';
import { runHook } from '../hooks/run-hook.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';
import { containersOf, latestOf, podText, type PodContainer } from '../pod/containers.ts';
import { afterRestart, sandboxName, type RestartBackOff } from '../plan/memory.ts';
import { backOffMessage, planPod, type Plan, type Step } from '../plan/plan-pod.ts';
import type { References } from '../references/references.ts';
import { statusOf, type StatusFacts } from '../status/status-of.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { VolumeError } from '../volumes/pod-volumes.ts';
import { endContainer, endContainers } from './end-containers.ts';
import { backOffPullMessage, failureMessage, Failures, pullShownMs } from './failures.ts';
import { Grace } from './grace.ts';
import { PodHealth } from './pod-health.ts';
import { PodSupplies } from './pod-supplies.ts';
import { removeRemains, stopSandboxes } from './remains.ts';
import { terminationMessage } from './termination-message.ts';

export interface PodWorkerDeps {
  readonly world: NodeWorld;
  readonly cgroups: Cgroups;
  readonly references: References;
  readonly services: () => Promise<readonly Service[]>;
  /** Called once the worker has nothing more to do, ever. */
  readonly onFinished: (uid: string) => void;
}

/** Why a Pod ends although nobody deleted it. */
export interface PodFailure {
  readonly reason: string;
  readonly message: string;
}

type Life =
  | { readonly phase: 'syncing' }
  | { readonly phase: 'terminating'; readonly grace: Grace }
  | { readonly phase: 'terminated' };

const nothingSeen: Observation = { sandboxes: [], containers: [] };
/** What a Pod gets whose object was removed by force. */
const goneGraceMs = 1000;
const observeRetry = { initialMs: 200, longestMs: 10_000 };
const deadline: PodFailure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };

export class PodWorker {
  readonly uid: string;
  #pod: Pod;
  #gone = false;
  #life: Life = { phase: 'syncing' };
  #failure: PodFailure | undefined;
  #seen = nothingSeen;
  #mustObserve = true;
  #observeFailures = 0;
  #turning: Promise<void> | undefined;
  #again = false;
  #timer: Disposable | undefined;
  #plan: Plan | undefined;
  readonly #observers = new Set<() => void>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #restarts = new Map<string, RestartBackOff>();
  readonly #backOffTold = new Set<string>();
  readonly #messages = new Map<string, string>();
  readonly #failures = new Failures();
  readonly #startTimeMs: number;
  readonly #sync = new AbortController();
  readonly #health: PodHealth;
  readonly #supplies: PodSupplies;
  readonly #status: StatusWriter;
  readonly #deps: PodWorkerDeps;
  readonly #world: NodeWorld;
  readonly #signal: AbortSignal;

  constructor(pod: Pod, deps: PodWorkerDeps, signal: AbortSignal) {
    const { world } = deps;
    this.uid = pod.metadata.uid;
    this.#pod = pod;
    this.#deps = deps;
    this.#world = world;
    this.#signal = signal;
    this.#startTimeMs = pod.status.startTime ? parseTime(pod.status.startTime) : world.clock.wallMs();
    this.#health = new PodHealth(world, () => this.#wake());
    this.#supplies = new PodSupplies(world, deps.references, pod, () => this.#retryNow(), this.#sync.signal);
    this.#status = new StatusWriter(pod, world, signal);
    if (signal.aborted) this.#abandon();
    else signal.addEventListener('abort', () => this.#abandon(), { once: true });
  }

  get phase(): Life['phase'] {
    return this.#life.phase;
  }

  get pod(): Pod {
    return this.#status.newest;
  }

  get seen(): Observation {
    return this.#seen;
  }

  /** Calls back after each look at the runtime. */
  onObserved(listener: () => void): Disposable {
    this.#observers.add(listener);
    return { [Symbol.dispose]: () => void this.#observers.delete(listener) };
  }

  start(): void {
    if (isPodFinished(this.#pod)) this.#terminate(this.#pod.metadata.deletionGracePeriodSeconds ?? 0);
    else this.update(this.#pod);
  }

  /** The newest object from the API. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#status.observed(pod);
    switch (this.#life.phase) {
      case 'syncing':
        if (isBeingDeleted(pod)) return this.#terminate(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
        this.#supplies.update(pod);
        return this.#wake();
      case 'terminating':
        if (isBeingDeleted(pod)) this.#life.grace.shorten((pod.metadata.deletionGracePeriodSeconds ?? Infinity) * 1000);
        return this.#wake();
      case 'terminated':
        if (isBeingDeleted(pod)) void this.#guarded('confirming the deletion', () => this.#confirmDeletion());
        return;
      default:
        return unreachable(this.#life);
    }
  }

  /** The object is no longer in the API: what still runs is ended, then nothing of the Pod is left. */
  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    switch (this.#life.phase) {
      case 'syncing':
        return this.#terminate(goneGraceMs / 1000);
      case 'terminating':
        return this.#life.grace.shorten(goneGraceMs);
      case 'terminated':
        return void this.#guarded('removing what is left', () => this.#finish());
      default:
        return unreachable(this.#life);
    }
  }

  /** The node ends the Pod: it becomes Failed with this reason. */
  fail(failure: PodFailure, graceSeconds: number): void {
    if (this.#life.phase !== 'syncing') return;
    this.#failure = failure;
    this.#terminate(graceSeconds);
  }

  /** A hint that may be known already: then it costs nothing. */
  runtimeChanged(event: RuntimeEvent): void {
    if (event.type !== 'resync') {
      const known = this.#seen.containers.find(({ id }) => id === event.id);
      if (event.type === 'started' && (known?.state === 'running' || this.#busy.size > 0)) return;
      if (event.type === 'exited' && known?.state === 'exited') return;
      if (event.type === 'removed' && !known && !this.#seen.sandboxes.some(({ id }) => id === event.id)) return;
    }
    this.#mustObserve = true;
    this.#wake();
  }

  /** Resolves once nothing of ours is under way: after the signal has ended it. */
  async stopped(): Promise<void> {
    while (this.#turning || this.#busy.size > 0) await Promise.allSettled([this.#turning, ...this.#busy.values()]);
  }

  #abandon(): void {
    this.#sync.abort();
    this.#timer?.[Symbol.dispose]();
    this.#health.stop();
    this.#supplies.stop();
  }

  #wake(): void {
    if (this.#signal.aborted) return;
    this.#again = true;
    this.#turning ??= this.#turns();
  }

  /** One turn at a time, as long as something has happened since the last one began. */
  async #turns(): Promise<void> {
    // So that `#turning` is set before it is cleared; and what happens in one moment is one turn.
    await Promise.resolve();
    while (this.#again && !this.#signal.aborted) {
      this.#again = false;
      try {
        if (this.#mustObserve) await this.#observe();
        this.#turn();
        this.#observeFailures = 0;
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#world.log.warn('a turn failed', { pod: podText(this.#pod), error });
        this.#wakeAfter(backoffMs(++this.#observeFailures, observeRetry));
      }
    }
    this.#turning = undefined;
  }

  async #observe(): Promise<void> {
    this.#mustObserve = false;
    try {
      const seen = await this.#world.runtime.observe(this.uid, this.#signal);
      const ended = seen.containers.filter(({ id, state }) => state === 'exited' && !this.#messages.has(id));
      if (ended.length) await Promise.all(ended.map(async (state) => this.#messages.set(state.id, await terminationMessage(state))));
      for (const id of this.#messages.keys()) if (!seen.containers.some((state) => state.id === id)) this.#messages.delete(id);
      this.#seen = seen;
      for (const observer of this.#observers) observer();
    } catch (error) {
      this.#mustObserve = true;
      throw error;
    }
  }

  #turn(): void {
    this.#health.observed(this.#pod, this.#seen);
    if (this.#life.phase !== 'syncing') return this.#putStatus();
    const { clock } = this.#world;
    const plan = planPod(this.#pod, this.#seen, {
      startTimeMs: this.#startTimeMs,
      busy: new Set(this.#busy.keys()),
      restarts: this.#restarts,
      retryAtMs: this.#failures.retryAtMs,
      unhealthy: this.#health.unhealthy,
      started: this.#health.started,
    }, clock.wallMs());
    this.#plan = plan;
    if (plan.end) return this.#endAsPlanned(plan.end);
    this.#tellBackOff(plan);
    for (const step of plan.steps) this.#begin(step);
    this.#wakeAfter(plan.wakeAfterMs);
    this.#putStatus();
  }

  #endAsPlanned(end: NonNullable<Plan['end']>): void {
    if (end === 'deadline') {
      this.#failure = deadline;
      this.#tell('Warning', deadline.reason, deadline.message);
    }
    this.#terminate(this.#pod.spec.terminationGracePeriodSeconds ?? 30);
  }

  #wakeAfter(delayMs: number | undefined): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = delayMs === undefined ? undefined : this.#world.clock.schedule(delayMs, () => this.#wake());
  }

  #retryNow(): void {
    this.#failures.retryNow();
    this.#wake();
  }

  // --- carrying out ---

  #begin(step: Step): void {
    const key = keyOfStep(step);
    const done = this.#perform(step)
      .catch((error: unknown) => this.#stepFailed(step, error))
      .finally(() => {
        this.#busy.delete(key);
        this.#mustObserve = true;
        this.#wake();
      });
    this.#busy.set(key, done);
  }

  async #perform(step: Step): Promise<void> {
    const { runtime, clock } = this.#world;
    const signal = this.#sync.signal;
    switch (step.type) {
      case 'start-sandbox':
        if (step.attempt > 0) this.#tell('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
        this.#supplies.prefetch(firstContainers(this.#pod));
        await startSandbox(this.#world, this.#deps.cgroups, this.#pod, step.attempt, signal);
        return this.#failures.succeeded(sandboxName);
      case 'stop-sandbox':
        return runtime.stopSandbox(step.id, signal);
      case 'remove-sandbox':
        return runtime.removeSandbox(step.id, signal);
      case 'remove-container':
        return runtime.removeContainer(step.id, signal);
      case 'start-container':
        return this.#startContainer(step, signal);
      case 'kill-container': {
        const state = this.#seen.containers.find(({ id }) => id === step.id);
        if (!state) return;
        const grace = new Grace(clock, step.graceMs ?? (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000);
        return endContainer(this.#world, { pod: this.#pod, running: [state], podIP: this.#podIP(), grace }, state, step.message, signal);
      }
      default:
        return unreachable(step);
    }
  }

  async #startContainer({ container, sandbox, attempt, after, replaces }: Extract<Step, { type: 'start-container' }>, signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.#world;
    const { name } = container;
    const target = (container.spec as { targetContainerName?: string }).targetContainerName;
    const id = await startContainer(this.#world, {
      pod: this.#pod,
      container,
      sandbox,
      attempt,
      replaces,
      podDir: this.#supplies.podDir,
      references: this.#supplies.references,
      image: () => this.#supplies.image(container),
      volumes: () => this.#supplies.volumes(),
      services: this.#deps.services,
      target: target ? latestOf(this.#seen, target) : undefined,
    }, signal);
    this.#failures.succeeded(name);
    if (after) this.#restarts.set(name, afterRestart(this.#restarts.get(name), after.finishedAtMs, clock.wallMs()));
    const hook = container.spec.lifecycle?.postStart;
    if (!hook) return;
    this.#health.hookBegins(id);
    this.#mustObserve = true;
    this.#wake();
    let failed = false;
    try {
      await runHook(hook, { runtime, clock, pod: this.#pod, container, containerId: id, podIP: sandbox.ips[0] ?? this.#world.hostIPs[0] ?? '' }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failed = true;
      this.#world.log.info('postStart failed', { pod: podText(this.#pod), container: name, error });
      this.#tell('Warning', 'FailedPostStartHook', 'PostStartHook failed', container);
    } finally {
      this.#health.hookEnded(id, failed);
    }
  }

  #stepFailed(step: Step, error: unknown): void {
    if (this.#sync.signal.aborted) return;
    const { clock, log } = this.#world;
    const nowMs = clock.wallMs();
    log.info('a step failed', { pod: podText(this.#pod), step: step.type, error });
    if (step.type === 'start-sandbox') {
      this.#failures.add(sandboxName, error, nowMs);
      this.#tell('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${(error as Error).message}`);
    } else if (step.type === 'start-container') {
      const { container } = step;
      this.#failures.add(container.name, error, nowMs, error instanceof VolumeError ? this.#supplies.volumeRetryMs : undefined);
      const message = failureMessage(error);
      if (message) this.#tell('Warning', 'Failed', message, container);
      if (message === 'Error: ErrImagePull') this.#tellPullBackOffSoon(container);
    } else {
      this.#failures.add(keyOfStep(step), error, nowMs);
      this.#wakeAfter(1000);
    }
  }

  #tellPullBackOffSoon(container: PodContainer): void {
    this.#world.clock.schedule(pullShownMs, () => {
      if (this.#sync.signal.aborted) return;
      this.#tell('Normal', 'BackOff', backOffPullMessage(this.#pod, container.name), container);
      this.#tell('Warning', 'Failed', 'Error: ImagePullBackOff', container);
      this.#wake();
    });
  }

  /** Once for each time that a container is held back. */
  #tellBackOff({ backingOff }: Plan): void {
    for (const name of backingOff.keys()) {
      const id = latestOf(this.#seen, name)?.id ?? '';
      if (this.#backOffTold.has(id)) continue;
      this.#backOffTold.add(id);
      const container = containersOf(this.#pod).all.find((one) => one.name === name);
      this.#tell('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podText(this.#pod)}`, container);
    }
    for (const id of this.#backOffTold) if (!this.#seen.containers.some((state) => state.id === id)) this.#backOffTold.delete(id);
  }

  // --- ending ---

  #terminate(graceSeconds: number): void {
    this.#life = { phase: 'terminating', grace: new Grace(this.#world.clock, graceSeconds * 1000) };
    this.#sync.abort();
    this.#timer?.[Symbol.dispose]();
    this.#health.podEnds();
    const ending = this.#guarded('ending', () => this.#end(this.#life as Extract<Life, { phase: 'terminating' }>));
    this.#busy.set('/ending', ending.finally(() => this.#busy.delete('/ending')));
  }

  async #end({ grace }: Extract<Life, { phase: 'terminating' }>): Promise<void> {
    const steps = [...this.#busy].filter(([key]) => key !== '/ending').map(([, done]) => done);
    this.#putStatus();
    for (;;) {
      await this.#insist('observing', () => this.#observe());
      const running = this.#seen.containers.filter(({ state }) => state === 'running' || state === 'unknown');
      if (running.length > 0) await endContainers(this.#world, { pod: this.#pod, running, podIP: this.#podIP(), grace }, this.#signal);
      else if (steps.length === 0) break;
      // A step that was cut off may still have made something.
      else await Promise.allSettled(steps.splice(0));
    }
    await this.#insist('stopping the sandbox', () => stopSandboxes(this.#world, this.#seen, this.#signal));
    await this.#insist('observing', () => this.#observe());
    this.#health.stop();
    await this.#insist('removing volumes', () => this.#supplies.remove(this.#signal));
    this.#deps.cgroups.remove(this.uid);
    this.#life = { phase: 'terminated' };
    this.#putStatus();
    if (this.#gone) return this.#finish();
    await this.#status.flush();
    if (isBeingDeleted(this.#pod)) await this.#confirmDeletion();
  }

  /** The last word to the API: this Pod's object may go. Only for this UID. */
  async #confirmDeletion(): Promise<void> {
    await this.#insist('removing what is left', () => removeRemains(this.#world, this.#pod, this.#seen, this.#signal));
    await this.#insist('deleting the object', async () => {
      try {
        await this.#world.client.delete(pods, keyOf(this.#pod), { gracePeriodSeconds: 0, preconditions: { uid: this.uid } }, this.#signal);
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      }
    });
  }

  async #finish(): Promise<void> {
    await this.#insist('removing what is left', async () => {
      await this.#observe();
      await removeRemains(this.#world, this.#pod, this.#seen, this.#signal);
    });
    this.#deps.onFinished(this.uid);
  }

  /** Tries until it works or the agent ends. */
  async #insist(what: string, work: () => Promise<void>): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (error) {
        if (this.#signal.aborted) throw error;
        this.#world.log.warn(`${what} failed`, { pod: podText(this.#pod), failures, error });
        await this.#world.clock.sleep(backoffMs(failures, observeRetry), this.#signal);
      }
    }
  }

  async #guarded(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#signal.aborted) this.#world.log.error(`${what} broke off`, { pod: podText(this.#pod), error });
    }
  }

  // --- status ---

  #putStatus(): void {
    if (this.#gone) return;
    const facts = this.#statusFacts();
    const seen = this.#seen;
    this.#status.put((newest) => statusOf(newest, seen, facts));
  }

  #statusFacts(): StatusFacts {
    const nowMs = this.#world.clock.wallMs();
    const waiting = this.#failures.waiting(nowMs);
    if (this.#life.phase === 'syncing') {
      for (const [name, delayMs] of this.#plan?.backingOff ?? []) {
        if (!waiting.has(name)) waiting.set(name, { reason: 'CrashLoopBackOff', message: backOffMessage(this.#pod, name, delayMs) });
      }
    }
    return {
      runtimeName: this.#world.runtimeName,
      waiting,
      started: new Set(this.#health.started),
      ready: new Set(this.#health.ready),
      terminationMessages: this.#messages,
      startTimeMs: this.#startTimeMs,
      hostIPs: this.#world.hostIPs,
      life: this.#life.phase === 'syncing' ? 'living' : this.#life.phase === 'terminating' ? 'ending' : 'ended',
      failure: this.#failure,
      nowMs,
    };
  }

  #podIP(): string {
    return this.#seen.sandboxes[0]?.ips[0] ?? this.#world.hostIPs[0] ?? '127.0.0.1';
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string, container?: PodContainer): void {
    this.#world.events.event({ apiVersion: 'v1', kind: 'Pod', metadata: this.#pod.metadata }, type, reason, message, container?.fieldPath);
  }
}

/** A container's steps exclude each other by its name; other things go by their id. */
function keyOfStep(step: Step): string {
  switch (step.type) {
    case 'start-sandbox':
      return sandboxName;
    case 'start-container':
    case 'kill-container':
      return step.container.name;
    default:
      return step.id;
  }
}

/** Those that can start as soon as the sandbox is there. */
function firstContainers(pod: Pod): readonly PodContainer[] {
  const { init, app } = containersOf(pod);
  return init.length > 0 ? init.slice(0, 1) : app;
}

