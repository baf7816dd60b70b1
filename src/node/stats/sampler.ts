// Counts of what the machine and its containers use. Taken when someone asks, and never by themselves: a node that nobody
// looks at does nothing. Two samples are kept, since how fast CPU is used is the difference of two.
import type { Clock } from '../../base/clock.ts';
import type { ContainerStats, Runtime } from '../../runtime/runtime.ts';
import { abortable } from '../pod/abortable.ts';
import type { Pods } from '../pods.ts';
import type { CgroupUsage, ReadCgroupUsage } from '../cgroups/cgroup-usage.ts';
import { interfacesOf, type InterfaceSample, type MachineSample } from './machine-sample.ts';

export interface ContainerSample extends ContainerStats {
  readonly startedAtMs: number;
}

export interface PodSample {
  readonly uid: string;
  readonly cgroup: CgroupUsage;
  readonly interfaces: readonly InterfaceSample[];
}

export interface Sample {
  readonly atMs: number;
  readonly wallMs: number;
  /** Undefined: the node is not this machine. */
  readonly machine: MachineSample | undefined;
  /** Those that run, by id. */
  readonly containers: ReadonlyMap<string, ContainerSample>;
  /** By UID. */
  readonly pods: ReadonlyMap<string, PodSample>;
}

export interface SamplePair {
  readonly before: Sample;
  readonly now: Sample;
}

export interface SamplerDeps {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly pods: Pods;
  readonly machine: () => MachineSample | undefined;
  readonly cgroupUsage: ReadCgroupUsage;
}

/** As metrics-server's: who asks again sooner is told the same. */
const resolutionMs = 15_000;
/** A sample that is older says too little of now to reckon from. */
const staleMs = 60_000;
/** Then two are taken, so far apart. */
const shortestMs = 1000;
/** How old a sample may be for those who want counts alone. */
const freshMs = 5000;

export class Sampler {
  readonly #deps: SamplerDeps;
  #before: Sample | undefined;
  #now: Sample | undefined;
  #pairing: Promise<SamplePair> | undefined;
  #sampling: Promise<Sample> | undefined;

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
  }

  /** Two samples, the second at most 15 s old. Waits a second when nobody has asked for a while. */
  pair(signal: AbortSignal): Promise<SamplePair> {
    this.#pairing ??= this.#pair().finally(() => (this.#pairing = undefined));
    return abortable(this.#pairing, signal);
  }

  /** Counts that are at most 5 s old. */
  async latest(signal: AbortSignal): Promise<Sample> {
    const now = this.#now;
    if (now && this.#deps.clock.monotonicMs() - now.atMs <= freshMs) return now;
    return abortable(this.#take(), signal);
  }

  /** Counts of now, for decisions. */
  fresh(signal: AbortSignal): Promise<Sample> {
    return abortable(this.#take(), signal);
  }

  async #pair(): Promise<SamplePair> {
    const age = (sample: Sample) => this.#deps.clock.monotonicMs() - sample.atMs;
    if (this.#now && this.#before && age(this.#now) < resolutionMs) return { before: this.#before, now: this.#now };
    let before = this.#now;
    if (!before || age(before) > staleMs) before = await this.#take();
    // Clean-up of this wait has no signal but its own shortness: others may wait for the same.
    if (age(before) < shortestMs) await this.#deps.clock.sleep(shortestMs - age(before), new AbortController().signal);
    const now = await this.#take();
    this.#before = before;
    this.#now = now;
    return { before, now };
  }

  /** Whoever asks while one is being taken gets the same. */
  #take(): Promise<Sample> {
    this.#sampling ??= this.#sample().finally(() => (this.#sampling = undefined));
    return this.#sampling;
  }

  async #sample(): Promise<Sample> {
    const { runtime, clock, pods, machine, cgroupUsage } = this.#deps;
    const giveUp = new AbortController();
    using _timer = clock.schedule(patienceMs, () => giveUp.abort(new Error('the runtime does not tell what its containers use')));
    const stats = await runtime.containerStats(giveUp.signal);
    const containers = new Map<string, ContainerSample>();
    for (const one of stats) {
      const state = pods.worker(one.pod.uid)?.seen.containers.find(({ id }) => id === one.id);
      if (state?.state === 'running') containers.set(one.id, { ...one, startedAtMs: state.startedAtMs });
    }
    const ofPods = new Map<string, PodSample>();
    for (const uid of new Set([...containers.values()].map(({ pod }) => pod.uid))) {
      const cgroup = cgroupUsage(uid);
      const hostNetwork = pods.worker(uid)?.pod.spec.hostNetwork === true;
      if (cgroup) ofPods.set(uid, { uid, cgroup, interfaces: cgroup.pid === undefined || hostNetwork ? [] : interfacesOf(cgroup.pid).filter(({ name }) => name !== 'lo') });
    }
    return { atMs: clock.monotonicMs(), wallMs: clock.wallMs(), machine: machine(), containers, pods: ofPods };
  }
}

const patienceMs = 30_000;
