// What this node has done with each Pod, and seen of it, step by step. Kept in memory only: noting a step is pushing it onto a
// list. A page of the node tells it; the API server puts it together with what it has seen itself.
import type { TimelineMoment, TimelineStepDetails, TimelineStepType } from '../../api/kinds/pod-timeline.ts';
import type { Clock } from '../../base/clock.ts';
import type { ContainerState, Observation } from '../../runtime/runtime.ts';

/** Of a Pod's steps the first and the newest are kept; those between them are dropped and counted. */
const firstSteps = 60;
const newestSteps = 240;
/** So many Pods that are gone are remembered, for so long: the ones that went first are forgotten first. */
const mostGone = 500;
const goneMs = 3_600_000;
const longestMessage = 300;
/** The runtime's clock and ours may differ a little in how they round. */
const slackMs = 50;

export interface NodeSteps {
  readonly steps: readonly TimelineMoment[];
  readonly dropped: number;
}

interface Record {
  readonly first: TimelineMoment[];
  newest: TimelineMoment[];
  dropped: number;
  /** What has been told of each container, by id. */
  readonly told: Map<string, 'running' | 'exited'>;
  /** When each that has its signal is killed, by id. */
  killedAtMs: Map<string, number> | undefined;
  /** What has been said already and may only be counted, by what it says. */
  repeated: Map<string, { moment: TimelineMoment; count: number }> | undefined;
  goneAtMs: number | undefined;
}

export class PodTimelines {
  readonly #clock: Clock;
  readonly #records = new Map<string, Record>();
  /** UIDs of those that are gone, in their order. */
  readonly #gone = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(uid: string, type: TimelineStepType, details: TimelineStepDetails = {}, atMs = this.#clock.wallMs()): void {
    this.#push(this.#recordOf(uid), { atMs, type, ...details });
  }

  /** What may be said again and again is counted while nothing else happens to its container. */
  noteRepeated(uid: string, type: TimelineStepType, details: TimelineStepDetails): void {
    const record = this.#recordOf(uid);
    const key = `${type} ${details.container ?? ''} ${details.reason ?? ''} ${details.hook ?? ''} ${type === 'ProbeFailed' ? '' : (details.message ?? '')}`;
    const repeated = (record.repeated ??= new Map());
    const before = repeated.get(key);
    if (before) {
      before.count++;
      (before.moment as { count?: number }).count = before.count;
      return;
    }
    const moment: TimelineMoment = { atMs: this.#clock.wallMs(), type, ...details, ...(details.message === undefined ? {} : { message: details.message.slice(0, longestMessage) }) };
    repeated.set(key, { moment, count: 1 });
    this.#push(record, moment);
  }

  /** The container has its signal, or less time than it had. */
  signalled(uid: string, { id, name }: Pick<ContainerState, 'id' | 'name'>, signal: string, graceMs: number): void {
    const record = this.#recordOf(uid);
    const killedAtMs = (record.killedAtMs ??= new Map());
    const again = killedAtMs.has(id);
    const nowMs = this.#clock.wallMs();
    killedAtMs.set(id, nowMs + graceMs);
    this.#push(record, { atMs: nowMs, type: again ? 'GraceShortened' : 'Signalled', container: name, ...(again ? {} : { signal }), graceSeconds: Math.round(graceMs) / 1000 });
  }

  /** Tells starts and ends of containers that were not told before, at the runtime's own times: also those of before our start. */
  observed(uid: string, { containers }: Observation): void {
    if (containers.length === 0) return;
    const record = this.#recordOf(uid);
    for (const state of containers) {
      if (state.startedAtMs === 0 || (state.state !== 'running' && state.state !== 'exited')) continue;
      const told = record.told.get(state.id);
      if (told === state.state || told === 'exited') continue;
      const { id, name: container, attempt: restart } = state;
      record.told.set(id, state.state);
      for (const [key, { moment }] of record.repeated ?? []) if (moment.container === container) record.repeated!.delete(key);
      if (told === undefined) this.#push(record, { atMs: state.startedAtMs, type: 'Started', container, restart });
      if (state.state === 'exited') this.#exited(record, state);
    }
    for (const id of record.told.keys()) if (!containers.some((state) => state.id === id)) record.told.delete(id);
  }

  /** Nothing of the Pod is left here. */
  gone(uid: string): void {
    const record = this.#records.get(uid);
    if (!record) return;
    record.goneAtMs = this.#clock.wallMs();
    this.#gone.add(uid);
    this.#forgetOld();
  }

  get uids(): readonly string[] {
    return [...this.#records.keys()];
  }

  /** In the order of their times; undefined: nothing is known of it. */
  of(uid: string): NodeSteps | undefined {
    this.#forgetOld();
    const record = this.#records.get(uid);
    if (!record) return undefined;
    return { steps: [...record.first, ...record.newest.slice(-newestSteps)].sort((a, b) => a.atMs - b.atMs), dropped: record.dropped + Math.max(0, record.newest.length - newestSteps) };
  }

  #exited(record: Record, { id, name: container, exitCode, finishedAtMs, reason, signal }: ContainerState): void {
    const killedAtMs = record.killedAtMs?.get(id);
    record.killedAtMs?.delete(id);
    // Whom the time ran out for was killed by us; the runtime only says how it ended.
    if (killedAtMs !== undefined && exitCode === 137 && reason !== 'OOMKilled' && finishedAtMs >= killedAtMs - slackMs) {
      this.#push(record, { atMs: Math.min(killedAtMs, finishedAtMs), type: 'Killed', container, signal: 'SIGKILL' });
    }
    this.#push(record, { atMs: finishedAtMs, type: 'Exited', container, exitCode, ...(reason ? { reason } : {}), ...(signal ? { signal: String(signal) } : {}) });
  }

  #recordOf(uid: string): Record {
    let record = this.#records.get(uid);
    if (!record) {
      record = { first: [], newest: [], dropped: 0, told: new Map(), killedAtMs: undefined, repeated: undefined, goneAtMs: undefined };
      this.#records.set(uid, record);
    }
    return record;
  }

  #push(record: Record, moment: TimelineMoment): void {
    if (record.first.length < firstSteps) return void record.first.push(moment);
    record.newest.push(moment);
    if (record.newest.length < newestSteps * 2) return;
    record.dropped += record.newest.length - newestSteps;
    record.newest = record.newest.slice(-newestSteps);
  }

  #forgetOld(): void {
    const oldestMs = this.#clock.wallMs() - goneMs;
    for (const uid of this.#gone) {
      if (this.#gone.size <= mostGone && (this.#records.get(uid)?.goneAtMs ?? 0) >= oldestMs) return;
      this.#gone.delete(uid);
      this.#records.delete(uid);
    }
  }
}
