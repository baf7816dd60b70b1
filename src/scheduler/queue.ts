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

export interface Waiting {
  needs: PodNeeds;
  /** Order of arrival, for Pods of the same priority. */
  readonly order: number;
  attempts: number;
  state: State;
}

type State =
  | { readonly type: 'active' }
  | { readonly type: 'deciding' }
  | { readonly type: 'backing-off'; readonly untilMs: number }
  | { readonly type: 'unschedulable'; readonly mayHelp: MayHelp; readonly backoffUntilMs: number; readonly flushAtMs: number }
  | { readonly type: 'gated' };

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

  constructor(clock: Clock, onActive: () => void) {
    this.#clock = clock;
    this.#onActive = onActive;
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
    if (pod.spec.schedulingGates?.length) waiting.state = { type: 'gated' };
    else this.#activate(waiting);
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
    waiting.state = { type: 'deciding' };
    return waiting;
  }

  /** It fits nowhere: it waits for a change that may help. */
  park(waiting: Waiting, mayHelp: MayHelp): void {
    if (!this.#isDeciding(waiting)) return;
    const nowMs = this.#clock.monotonicMs();
    waiting.state = { type: 'unschedulable', mayHelp, backoffUntilMs: nowMs + backoffMs(waiting.attempts, backoff), flushAtMs: nowMs + longestParkedMs };
    this.#unschedulable.add(waiting);
    this.#flushTimer ??= this.#clock.schedule(longestParkedMs, () => this.#flush());
  }

  /** It failed for a reason of ours: it is tried again after its back-off. */
  retry(waiting: Waiting): void {
    if (!this.#isDeciding(waiting)) return;
    this.#backOff(waiting, this.#clock.monotonicMs() + backoffMs(waiting.attempts, backoff));
  }

  /** Something changed: those whom it may help are tried again, at once or as soon as their back-off is over. */
  wake(change: ClusterChange, detail: ChangeDetail = {}): void {
    for (const waiting of this.#unschedulable) {
      if (waiting.state.type === 'unschedulable' && waiting.state.mayHelp(change, detail)) this.#unpark(waiting, waiting.state.backoffUntilMs);
    }
  }

  /** This one is to be tried again, whatever it waits for. */
  again(uid: string): void {
    const waiting = this.#waiting.get(uid);
    if (waiting?.state.type === 'unschedulable') this.#unpark(waiting, waiting.state.backoffUntilMs);
  }

  clear(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#flushTimer?.[Symbol.dispose]();
    this.#flushTimer = undefined;
  }

  #unpark(waiting: Waiting, backoffUntilMs: number): void {
    this.#unschedulable.delete(waiting);
    if (backoffUntilMs > this.#clock.monotonicMs()) this.#backOff(waiting, backoffUntilMs);
    else this.#activate(waiting);
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
      this.#unpark(waiting, waiting.state.backoffUntilMs);
    }
  }

  /** False when the Pod was taken out, or replaced, while it was being decided. */
  #isDeciding(waiting: Waiting): boolean {
    return waiting.state.type === 'deciding' && this.#waiting.get(waiting.needs.uid) === waiting;
  }

  #activate(waiting: Waiting): void {
    waiting.state = { type: 'active' };
    this.#active.push(waiting);
    this.#onActive();
  }

  #backOff(waiting: Waiting, until: number): void {
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
      this.#activate(first);
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
