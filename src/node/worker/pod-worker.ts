// One Pod on this node, from its first sight to its last trace. Woken by changes of its object, of the runtime, of probes
// and by timers; it never polls.
//
//            deleted, gone, all done,      no process        volumes, network,        the object
//            or ended by the node          is left           cgroups are gone         is gone
//   syncing ───────────────────▶ terminating ─────▶ clearing ─────────────▶ terminated ─────▶ finished
//     plan ⇄ carry out             a second delete     the last status         asks the API to
//                                  shortens the grace  is told                 let the object go
//
// The worker's signal is the agent's life: it ends our work in any phase, never a container.
import { isBeingDeleted, isPodFinished } from '../../api/meta.ts';
import type { Pod, Service } from '../../api/types.ts';
import { unreachable } from '../../base/assert.ts';
import { parseTime } from '../../base/clock.ts';
import type { Observation, RuntimeEvent } from '../../runtime/runtime.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';
import { containerNamed, podText, type PodContainer } from '../pod/containers.ts';
import { resizeName, type RestartBackOff } from '../plan/memory.ts';
import { planPod, type Plan, type Step } from '../plan/plan-pod.ts';
import type { References } from '../references/references.ts';
import { PodResize, type ResizeRefusal } from '../resize/pod-resize.ts';
import { statusOf, type StatusFacts } from '../status/status-of.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { addRestarts, BackOffsTold } from './awaiting-restart.ts';
import { clearPod, confirmDeletion, endProcesses, forget, type EndingWorld } from './end-pod.ts';
import { Failures } from './failures.ts';
import { Grace } from './grace.ts';
import { keyOfStep, performStep, type StepWorld } from './perform-step.ts';
import { PodHealth } from './pod-health.ts';
import { PodSight } from './pod-sight.ts';
import { PodSupplies } from './pod-supplies.ts';
import { Turns } from './turns.ts';

export interface PodWorkerDeps {
  readonly world: NodeWorld;
  readonly cgroups: Cgroups;
  readonly references: References;
  readonly services: () => Promise<readonly Service[]>;
  /** Why the node cannot give the Pod what it newly asks for. */
  readonly refuseResize: (pod: Pod) => ResizeRefusal | undefined;
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
  | { readonly phase: 'clearing' }
  | { readonly phase: 'terminated' };

/** What a Pod gets whose object was removed by force. */
const goneGraceMs = 1000;
const deadline: PodFailure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };

export class PodWorker {
  readonly uid: string;
  #pod: Pod;
  #gone = false;
  #life: Life = { phase: 'syncing' };
  #failure: PodFailure | undefined;
  #mustObserve = true;
  readonly #turns: Turns;
  #confirmed: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #plan: Plan | undefined;
  readonly #sight: PodSight;
  readonly #busy = new Map<string, Promise<void>>();
  #stepsEnded = 0;
  readonly #restarts = new Map<string, RestartBackOff>();
  readonly #backOffs = new BackOffsTold();
  readonly #toRunAgain = new Set<string>();
  readonly #resize: PodResize;
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
    this.#resize = new PodResize(pod);
    this.#pod = this.#resize.view(pod);
    this.#deps = deps;
    this.#world = world;
    this.#sight = new PodSight(this.uid, world, deps.cgroups);
    this.#signal = signal;
    this.#turns = new Turns(() => this.#lookAndTurn(), (error) => world.log.warn('a turn failed', { pod: podText(this.#pod), error }), world.clock, signal);
    this.#startTimeMs = pod.status.startTime ? parseTime(pod.status.startTime) : world.clock.wallMs();
    this.#health = new PodHealth(world, () => this.#wake());
    this.#supplies = new PodSupplies(world, deps.references, pod, () => this.#retryNow(), this.#sync.signal);
    this.#status = new StatusWriter(pod, world, signal);
    if (signal.aborted) this.abandon();
  }

  get phase(): Life['phase'] {
    return this.#life.phase;
  }

  get pod(): Pod {
    return this.#status.newest;
  }

  /** With the resources that it was granted. */
  get allocatedPod(): Pod {
    return this.#resize.view(this.#status.newest);
  }

  get resizeIsDeferred(): boolean {
    return this.#resize.isDeferred && this.#life.phase === 'syncing';
  }

  /** There may be room now. */
  retryResize(): void {
    if (this.#life.phase === 'syncing' && this.#considerResize(this.#status.newest)) this.#wake();
  }

  get seen(): Observation {
    return this.#sight.seen;
  }

  get probeCounts(): ReturnType<PodHealth['probeCounts']> {
    return this.#health.probeCounts();
  }

  /** Resolves once nothing of it runs any more and the API knows how it has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Calls back after each look at the runtime. */
  onObserved(listener: () => void): Disposable {
    return this.#sight.onLooked(listener);
  }

  start(): void {
    if (isPodFinished(this.#pod)) this.#terminate(this.#pod.metadata.deletionGracePeriodSeconds ?? 0);
    else this.update(this.#pod);
  }

  /** The newest object from the API. */
  update(pod: Pod): void {
    this.#status.observed(pod);
    this.#pod = this.#resize.view(pod);
    switch (this.#life.phase) {
      case 'syncing':
        if (isBeingDeleted(pod)) return this.#terminate(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
        this.#considerResize(pod);
        this.#supplies.update(pod);
        return this.#wake();
      case 'terminating':
        if (isBeingDeleted(pod)) this.#life.grace.shorten((pod.metadata.deletionGracePeriodSeconds ?? Infinity) * 1000);
        return this.#wake();
      case 'clearing':
        return;
      case 'terminated':
        if (isBeingDeleted(pod)) this.#finally('confirming the deletion', () => this.#confirmDeletion());
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
      case 'clearing':
        return;
      case 'terminated':
        return this.#finally('removing what is left', () => this.#finish());
      default:
        return unreachable(this.#life);
    }
  }

  /** The node ends the Pod: it becomes Failed with this reason. One that ends already has no longer than this. */
  fail(failure: PodFailure, graceSeconds: number): void {
    if (this.#life.phase === 'terminating') return this.#life.grace.shorten(Math.max(graceSeconds * 1000, goneGraceMs));
    if (this.#life.phase !== 'syncing') return;
    this.#failure = failure;
    this.#terminate(graceSeconds);
  }

  /** A hint that may be known already: then it costs nothing. */
  runtimeChanged(event: RuntimeEvent): void {
    // While a step is under way it is the step that starts things, and its end that is looked at.
    const isKnown = event.type !== 'resync' && (this.#sight.has(event) || (event.type === 'started' && this.#busy.size > 0));
    if (event.type === 'resync') this.#failures.retryNow();
    if (!isKnown) this.#look();
  }

  /** Resolves once nothing of ours is under way: after the signal has ended it. */
  async stopped(): Promise<void> {
    while (this.#turns.running || this.#busy.size > 0) await Promise.allSettled([this.#turns.running, ...this.#busy.values()]);
  }

  #considerResize(pod: Pod): boolean {
    const changed = this.#resize.consider(pod, this.#deps.refuseResize, this.#world.clock.wallMs(), (...event) => this.#tell(...event));
    this.#pod = this.#resize.view(pod);
    if (changed) this.#failures.succeeded(resizeName);
    return changed;
  }

  /** The agent ends: called once its signal has, by who holds the workers. A listener for each would be kept for as long as the agent lives. */
  abandon(): void {
    this.#sync.abort();
    this.#turns.wakeAfter(undefined);
    this.#health.stop();
    this.#supplies.stop();
  }

  #wake(): void {
    this.#turns.wake();
  }

  #look(): void {
    this.#mustObserve = true;
    this.#wake();
  }

  async #lookAndTurn(): Promise<void> {
    const stepsEnded = this.#stepsEnded;
    if (this.#mustObserve) await this.#observe();
    // A step that ended during the look is no longer under way, and what it did may not have been seen: it would be done again.
    if (this.#stepsEnded === stepsEnded) this.#turn();
  }

  async #observe(): Promise<void> {
    this.#mustObserve = false;
    try {
      await this.#sight.look(() => this.#life.phase === 'syncing', this.#signal);
      for (const id of this.#toRunAgain) if (!this.seen.containers.some((state) => state.id === id)) this.#toRunAgain.delete(id);
      this.#resize.forget(this.seen);
    } catch (error) {
      this.#mustObserve = true;
      throw error;
    }
  }

  #turn(): void {
    this.#health.observed(this.#pod, this.seen);
    if (this.#life.phase !== 'syncing') return this.#putStatus();
    const { clock } = this.#world;
    const resize = this.#resize.work(this.#pod, this.seen);
    if (!resize) this.#resize.completed(this.#pod, (...event) => this.#tell(...event));
    const plan = planPod(this.#pod, this.seen, {
      startTimeMs: this.#startTimeMs,
      busy: new Set(this.#busy.keys()),
      restarts: this.#restarts,
      retryAtMs: this.#failures.retryAtMs,
      unhealthy: this.#health.unhealthy,
      started: this.#health.started,
      toRunAgain: this.#toRunAgain,
      resize,
    }, clock.wallMs());
    this.#plan = plan;
    if (plan.end) return this.#endAsPlanned(plan.end);
    for (const name of this.#backOffs.untold(plan, this.seen)) this.#tell('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podText(this.#pod)}`, containerNamed(this.#pod, name));
    for (const step of plan.steps) this.#begin(step);
    this.#turns.wakeAfter(plan.wakeAfterMs);
    this.#putStatus();
  }

  #endAsPlanned(end: NonNullable<Plan['end']>): void {
    if (end === 'deadline') {
      this.#failure = deadline;
      this.#tell('Warning', deadline.reason, deadline.message);
    }
    this.#terminate(this.#pod.spec.terminationGracePeriodSeconds ?? 30);
  }

  #retryNow(): void {
    this.#failures.retryNow();
    this.#wake();
  }

  // --- carrying out ---

  #begin(step: Step): void {
    const key = keyOfStep(step);
    const done = performStep(step, this.#stepWorld(), this.#sync.signal).finally(() => {
      this.#busy.delete(key);
      this.#stepsEnded++;
      this.#look();
    });
    this.#busy.set(key, done);
  }

  #stepWorld(): StepWorld {
    const { world, cgroups, services } = this.#deps;
    return {
      world, cgroups, services, pod: this.#pod, seen: this.seen, supplies: this.#supplies, health: this.#health, failures: this.#failures, restarts: this.#restarts,
      resize: this.#resize, toRunAgain: this.#toRunAgain,
      look: () => this.#look(),
      tell: (...event) => this.#tell(...event),
    };
  }

  // --- ending ---

  #terminate(graceSeconds: number): void {
    const grace = new Grace(this.#world.clock, graceSeconds * 1000);
    const underWay = [...this.#busy.values()];
    this.#life = { phase: 'terminating', grace };
    this.#sync.abort();
    this.#turns.wakeAfter(undefined);
    this.#health.podEnds();
    this.#world.timelines.note(this.uid, 'EndBegan', { graceSeconds, ...this.#failure });
    this.#putStatus();
    this.#finally('ending', async () => {
      await endProcesses(this.#endingWorld(), grace, underWay, this.#signal);
      this.#health.stop();
      this.#life = { phase: 'clearing' };
      this.#putStatus();
      await clearPod(this.#endingWorld(), this.#signal);
      this.#life = { phase: 'terminated' };
      this.#world.timelines.note(this.uid, 'Cleared');
      if (!this.#gone) await this.#status.flush();
      this.#ended.resolve();
      if (this.#gone) return this.#finish();
      if (isBeingDeleted(this.#pod)) await this.#confirmDeletion();
    });
  }

  /** Once is enough: the object then waits for nothing but finalizers. */
  #confirmDeletion(): Promise<void> {
    this.#confirmed ??= confirmDeletion(this.#endingWorld(), this.#signal);
    return this.#confirmed;
  }

  /** Nothing of the Pod is left, neither here nor in the API. */
  async #finish(): Promise<void> {
    await forget(this.#endingWorld(), this.#signal);
    this.#deps.onFinished(this.uid);
  }

  /** Work that belongs to the end of the Pod; only the agent's end can cut it off. */
  #finally(what: string, work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#world.log.error(`${what} broke off`, { pod: podText(this.#pod), error });
      })
      .finally(() => this.#busy.delete(`/${what}`));
    this.#busy.set(`/${what}`, done);
  }

  #endingWorld(): EndingWorld {
    const { world, cgroups } = this.#deps;
    return { world, cgroups, pod: this.#pod, supplies: this.#supplies, observe: async () => (await this.#observe(), this.seen) };
  }

  // --- status ---

  #putStatus(): void {
    if (this.#gone) return;
    const facts = this.#statusFacts();
    const seen = this.seen;
    this.#status.put((newest) => statusOf(newest, seen, facts));
  }

  #statusFacts(): StatusFacts {
    const nowMs = this.#world.clock.wallMs();
    const waiting = this.#failures.waiting(nowMs);
    if (this.#life.phase === 'syncing') addRestarts(waiting, { pod: this.#pod, seen: this.seen, plan: this.#plan, toRunAgain: this.#toRunAgain });
    return {
      runtimeName: this.#world.runtimeName,
      waiting,
      started: new Set(this.#health.started),
      ready: new Set(this.#health.ready),
      terminationMessages: this.#sight.messages,
      startTimeMs: this.#startTimeMs,
      hostIPs: this.#world.hostIPs,
      life: this.#life.phase === 'syncing' ? 'living' : this.#life.phase === 'terminating' ? 'ending' : 'ended',
      failure: this.#failure,
      resize: this.#resize,
      nowMs,
    };
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string, container?: PodContainer): void {
    this.#world.events.event({ apiVersion: 'v1', kind: 'Pod', metadata: this.#pod.metadata }, type, reason, message, container?.fieldPath);
  }
}
