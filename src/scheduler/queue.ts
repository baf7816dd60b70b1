// Pods that wait for a node.
//
//   put ──▶ active ──── pop ──▶ (being decided) ── bound ──▶ (gone)
//    │        ▲ ▲                     │
//    │        │ └─ back-off over ─────┼───────────────────┐
//    │        │                       │ nowhere           │ failed: retry
//    │        │ a change that can     ▼                   ▼
//    │        ├────── help ───── unschedulable        backing off
//    │        ├─── five minutes ──────┤                    ▲
//    │        │                       └── a change, too soon
//    └──▶ gated ─ gates removed ─▶ active
import { sameJson } from '../api/meta.ts';
import type { Pod } from '../api/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { ChangeDetail, ClusterChange } from './filters/filter.ts';
import { Heap } from '../base/heap.ts';
import { needsOf, type PodNeeds } from './pod-needs.ts';
import type { QueueEvent, QueueName } from './scheduler-metrics.ts';

export interface Waiting {
  needs: PodNeeds;
  /** Order of arrival, for Pods of the same priority. */
  readonly order: number;
  attempts: number;
  /** When it was first popped. */
  firstTriedMs?: number;
  state: State;
}

type State =
  | { readonly type: 'active' }
  | { readonly type: 'deciding' }
  | { readonly type: 'backing-off'; readonly untilMs: number }
  | { readonly type: 'unschedulable'; readonly mayHelp: MayHelp; readonly backoffUntilMs: number; readonly flushAtMs: number }
  | { readonly type: 'gated' };

type Came = (queue: QueueName, event: QueueEvent) => void;

/** Whether a change is reason to try a Pod again that fitted nowhere. */
export type MayHelp = (change: ClusterChange, detail: ChangeDetail) => boolean;

const backoff = { initialMs: 1_000, longestMs: 10_000 };
/** What fits nowhere is tried again after so long all the same, should a change have been missed. */
const longestParkedMs = 300_000;

/** Bounded by the Pods there are: each waits in one place. */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #onActive: () => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #active = new Heap<Waiting>((a, b) => a.needs.priority > b.needs.priority || (a.needs.priority === b.needs.priority && a.order < b.order));
  readonly #backingOff = new Heap<Waiting>((a, b) => untilMs(a) < untilMs(b));
  /** In the order in which they came here. */
  readonly #unschedulable = new Set<Waiting>();
  #timer: Disposable | undefined;
  #flushTimer: Disposable | undefined;
  #arrivals = 0;
  readonly #came: Came;

  /** `came` is told of each that comes into a queue, and why. */
  constructor(clock: Clock, onActive: () => void, came: Came = () => {}) {
    this.#clock = clock;
    this.#onActive = onActive;
    this.#came = came;
  }

  /** How many wait in which way. */
  get sizes(): Readonly<Record<QueueName, number>> {
    let gated = 0;
    for (const { state } of this.#waiting.values()) if (state.type === 'gated') gated++;
    return { active: this.#active.size, backoff: this.#backingOff.size, unschedulable: this.#unschedulable.size, gated };
  }

  /** A Pod that is new, or changed while it waits. A change of its own spec or labels is reason to try it again. */
  put(pod: Pod): void {
    const before = this.#waiting.get(pod.metadata.uid);
    if (before && asksTheSame(before.needs.pod, pod)) {
      before.needs = { ...before.needs, pod };
      return;
    }
    const needs = needsOf(pod);
    const waiting = before ?? { needs, order: this.#arrivals++, attempts: 0, state: { type: 'gated' } };
    if (waiting.state.type === 'deciding') {
      waiting.needs = needs;
      return;
    }
    // Where it waits depends on its priority, so it leaves its place before that can change.
    this.#leave(waiting);
    waiting.needs = needs;
    this.#waiting.set(needs.uid, waiting);
    const event = before ? 'PodUpdate' : 'PodAdd';
    if (!pod.spec.schedulingGates?.length) return this.#activate(waiting, event);
    waiting.state = { type: 'gated' };
    this.#came('gated', event);
  }

  remove(uid: string): void {
    const waiting = this.#waiting.get(uid);
    if (!waiting) return;
    this.#leave(waiting);
    this.#waiting.delete(uid);
  }

  /** The next to decide: the highest priority, then who came first. */
  pop(): Waiting | undefined {
    const waiting = this.#active.pop();
    if (!waiting) return undefined;
    waiting.attempts++;
    waiting.firstTriedMs ??= this.#clock.monotonicMs();
    waiting.state = { type: 'deciding' };
    return waiting;
  }

  /** It fits nowhere: it waits for a change that may help. */
  park(waiting: Waiting, mayHelp: MayHelp): void {
    if (!this.#isDeciding(waiting)) return;
    const nowMs = this.#clock.monotonicMs();
    waiting.state = { type: 'unschedulable', mayHelp, backoffUntilMs: nowMs + backoffMs(waiting.attempts, backoff), flushAtMs: nowMs + longestParkedMs };
    this.#unschedulable.add(waiting);
    this.#came('unschedulable', 'ScheduleAttemptFailure');
    this.#flushTimer ??= this.#clock.schedule(longestParkedMs, () => this.#flush());
  }

  /** It failed for a reason of ours: it is tried again after its back-off. */
  retry(waiting: Waiting): void {
    if (!this.#isDeciding(waiting)) return;
    this.#backOff(waiting, this.#clock.monotonicMs() + backoffMs(waiting.attempts, backoff), 'ScheduleAttemptFailure');
  }

  /** Something changed: those whom it may help are tried again, at once or as soon as their back-off is over. */
  wake(change: ClusterChange, detail: ChangeDetail = {}): void {
    for (const waiting of this.#unschedulable) {
      if (waiting.state.type === 'unschedulable' && waiting.state.mayHelp(change, detail)) this.#unpark(waiting, waiting.state.backoffUntilMs, change);
    }
  }

  /** This one is to be tried again, whatever it waits for. */
  again(uid: string): void {
    const waiting = this.#waiting.get(uid);
    if (waiting?.state.type === 'unschedulable') this.#unpark(waiting, waiting.state.backoffUntilMs, 'ForceActivate');
  }

  clear(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#flushTimer?.[Symbol.dispose]();
    this.#flushTimer = undefined;
  }

  #unpark(waiting: Waiting, backoffUntilMs: number, event: QueueEvent): void {
    this.#unschedulable.delete(waiting);
    if (backoffUntilMs > this.#clock.monotonicMs()) this.#backOff(waiting, backoffUntilMs, event);
    else this.#activate(waiting, event);
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const waiting of this.#unschedulable) {
      if (waiting.state.type !== 'unschedulable') continue;
      if (waiting.state.flushAtMs > nowMs) {
        this.#flushTimer = this.#clock.schedule(waiting.state.flushAtMs - nowMs, () => this.#flush());
        return;
      }
      this.#unpark(waiting, waiting.state.backoffUntilMs, 'UnschedulableTimeout');
    }
  }

  /** False when the Pod was taken out, or replaced, while it was being decided. */
  #isDeciding(waiting: Waiting): boolean {
    return waiting.state.type === 'deciding' && this.#waiting.get(waiting.needs.uid) === waiting;
  }

  #activate(waiting: Waiting, event: QueueEvent): void {
    this.#came('active', event);
    waiting.state = { type: 'active' };
    this.#active.push(waiting);
    this.#onActive();
  }

  #backOff(waiting: Waiting, until: number, event: QueueEvent): void {
    this.#came('backoff', event);
    waiting.state = { type: 'backing-off', untilMs: until };
    this.#backingOff.push(waiting);
    if (this.#backingOff.first === waiting) this.#arm();
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const first = this.#backingOff.first;
    if (first) this.#timer = this.#clock.schedule(untilMs(first) - this.#clock.monotonicMs(), () => this.#release());
  }

  #release(): void {
    for (let first = this.#backingOff.first; first && untilMs(first) <= this.#clock.monotonicMs(); first = this.#backingOff.first) {
      this.#backingOff.remove(first);
      this.#activate(first, 'BackoffComplete');
    }
    this.#arm();
  }

  #leave(waiting: Waiting): void {
    switch (waiting.state.type) {
      case 'active':
        this.#active.remove(waiting);
        return;
      case 'backing-off':
        this.#backingOff.remove(waiting);
        return;
      case 'unschedulable':
        this.#unschedulable.delete(waiting);
        return;
      case 'deciding':
      case 'gated':
        return;
    }
  }
}

/** True when only the status, or what no decision looks at, has changed. */
function asksTheSame(before: Pod, after: Pod): boolean {
  return before.metadata.generation === after.metadata.generation && sameJson(before.metadata.labels, after.metadata.labels);
}

function untilMs({ state }: Waiting): number {
  return state.type === 'backing-off' ? state.untilMs : 0;
}
