// Keeps the node from running out of memory, disk, inodes and processes: looks at what is left, says so in its conditions,
// frees what nobody needs, and evicts Pods one by one until there is enough again.
//
// The kernel tells such things only by means that this platform does not offer (eventfd, poll for priority), so it is
// asked: as often as the kubelet asks, and more often when a threshold is near.
import type { Pod } from '../../api/types.ts';
import { podText } from '../pod/containers.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { Pods } from '../pods.ts';
import type { Sampler } from '../stats/sampler.ts';
import type { PodWorker } from '../worker/pod-worker.ts';
import { isMet, isNear, nextPressure, noPressure, type PressureMemory } from './decide.ts';
import { directoryLimits, limitsContainers, overLocalLimit } from './local-limits.ts';
import type { DiskUnit, LocalUse } from './local-use.ts';
import { evictionMessage } from './messages.ts';
import type { EvictionPolicy, Threshold } from './policy.ts';
import type { NodePressure } from './pressure.ts';
import { isCritical, ranked, type Use } from './rank.ts';
import { resourceOf, type Readings, type ScarceResource } from './signals.ts';
import { diskUse, localBytes, memoryUse, processUse, type DiskParts } from './uses.ts';

export interface EvictorDeps {
  readonly world: NodeWorld;
  readonly pods: Pods;
  readonly policy: EvictionPolicy;
  readonly pressure: NodePressure;
  readonly sampler: Sampler;
  readonly readings: { read(signal: AbortSignal): Promise<Readings>; hasImageDisk(signal: AbortSignal): Promise<boolean> };
  /** Removes every image that nobody uses; gives the bytes. */
  readonly removeUnusedImages: (signal: AbortSignal) => Promise<number>;
}

const everyMs = 10_000;
const everyNearMs = 1_000;
/** A measurement of the disk that takes long is followed by a rest so many times as long. */
const restPerWork = 20;
/** What a Pod gets that must go at once. */
const atOnceSeconds = 1;
/** Until then one that has been evicted may be in the way of the next decision. */
const clearedWithinMs = 30_000;
const clearedLookMs = 250;

export class Evictor {
  #memory: PressureMemory = noPressure;
  /** Those that were evicted and do not end: the next in rank has to go too. */
  readonly #stuck = new Set<string>();
  readonly #deps: EvictorDeps;

  constructor(deps: EvictorDeps) {
    this.#deps = deps;
  }

  /** Until the signal ends. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keepThresholds(signal), this.#keepLimits(signal)]);
  }

  async #keepThresholds(signal: AbortSignal): Promise<void> {
    const { world: { clock, log } } = this.#deps;
    while (!signal.aborted) {
      let waitMs = everyMs;
      try {
        waitMs = await this.#look(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('cannot see what the node has left', { error });
      }
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  /** Gives how long to wait for the next. */
  async #look(signal: AbortSignal): Promise<number> {
    const { world, policy, pressure, readings } = this.#deps;
    const now = await readings.read(signal);
    const { memory, conditions, due } = nextPressure(this.#memory, now, policy, world.clock.monotonicMs());
    this.#memory = memory;
    pressure.set(conditions);
    const [threshold] = due;
    if (threshold) return (await this.#relieve(threshold, now, signal)) ? 0 : everyMs;
    if (memory.metSinceMs.size > 0 || isNear(now, policy)) return everyNearMs;
    // A condition goes when its time is over, not when it happens to be looked at.
    const overMs = Math.min(...[...memory.lastMetMs.values()].map((atMs) => atMs + policy.transitionMs - world.clock.monotonicMs()));
    return Math.min(everyMs, Math.max(overMs, 0));
  }

  /** True: a Pod has gone, and it is worth looking again at once. */
  async #relieve(threshold: Threshold, seen: Readings, signal: AbortSignal): Promise<boolean> {
    const { world, readings, pods } = this.#deps;
    const resource = resourceOf(threshold.signal);
    if ([...pods.all].every((worker) => !isThere(worker))) return false;
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: world.name, uid: world.name } };
    world.events.event(node, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (await this.#freeUnused(threshold, signal)) {
      const now = await readings.read(signal);
      if (!isMet(threshold, now, true)) return false;
    }
    const workers = [...pods.all].filter((worker) => isThere(worker) && !isCritical(worker.pod) && !this.#stuck.has(worker.uid));
    const uses = await this.#uses(workers.map(({ pod }) => pod), threshold, resource, signal);
    const [first] = ranked(workers.map((worker) => ({ worker, pod: worker.allocatedPod, use: uses.get(worker.uid) })), resource);
    if (!first) return false;
    const graceSeconds = threshold.isHard ? atOnceSeconds : Math.min(this.#deps.policy.maxPodGraceSeconds, first.pod.spec.terminationGracePeriodSeconds ?? 30);
    this.#evict(first.worker, evictionMessage(threshold, seen.get(threshold.signal), first), graceSeconds);
    await this.#untilCleared(first.worker, signal);
    return true;
  }

  /** Only a disk can have what nobody needs. False: there was nothing to do. */
  async #freeUnused({ signal: name }: Threshold, signal: AbortSignal): Promise<boolean> {
    const { world, pods, readings, removeUnusedImages } = this.#deps;
    if (!/fs\./.test(name)) return false;
    // Where images have their own disk, it is only that which can be freed.
    if (name.startsWith('nodefs') && (await readings.hasImageDisk(signal))) return false;
    const dead = [...pods.all].filter(({ phase }) => phase === 'syncing').flatMap(({ seen }) => seen.containers.filter((one) => one.state === 'exited' && seen.containers.find(({ name: other }) => other === one.name) !== one));
    const failed = (error: unknown) => world.log.info('cannot free what nobody needs', { error });
    await Promise.all(dead.map(({ id }) => world.runtime.removeContainer(id, signal).catch(failed)));
    await removeUnusedImages(signal).catch(failed);
    return true;
  }

  async #uses(pods: readonly Pod[], { signal: name }: Threshold, resource: ScarceResource, signal: AbortSignal): Promise<ReadonlyMap<string, Use | undefined>> {
    const sample = await this.#deps.sampler.fresh(signal);
    switch (resource) {
      case 'memory':
        return new Map(pods.map((pod) => [pod.metadata.uid, memoryUse(pod, sample)]));
      case 'pids':
        return new Map(pods.map((pod) => [pod.metadata.uid, processUse(pod, sample)]));
      case 'ephemeral-storage':
      case 'inodes': {
        const unit: DiskUnit = resource === 'inodes' ? 'inodes' : 'bytes';
        const apart = await this.#deps.readings.hasImageDisk(signal);
        const parts: DiskParts = apart ? { layers: name.startsWith('imagefs'), local: name.startsWith('nodefs') } : { layers: true, local: true };
        const local = parts.local ? await this.#localUse(pods, unit, signal) : new Map<string, LocalUse>();
        return new Map(pods.map((pod) => [pod.metadata.uid, diskUse(pod, sample, local.get(pod.metadata.uid), unit, parts)]));
      }
    }
  }

  /** Pods that go beyond what they themselves said. Only those that set a limit are ever measured. */
  async #keepLimits(signal: AbortSignal): Promise<void> {
    const { world: { clock, log } } = this.#deps;
    if (!this.#deps.world.files.localUse) return;
    for (let waitMs = everyMs; !signal.aborted; ) {
      await clock.sleep(waitMs, signal).catch(() => {});
      if (signal.aborted) return;
      const beganMs = clock.monotonicMs();
      await this.#lookAtLimits(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn("cannot measure Pods' disk use", { error });
      });
      waitMs = Math.max(everyMs, (clock.monotonicMs() - beganMs) * restPerWork);
    }
  }

  async #lookAtLimits(signal: AbortSignal): Promise<void> {
    const { pods, sampler, readings } = this.#deps;
    const limited = [...pods.all].filter(({ phase, pod }) => phase === 'syncing' && (limitsContainers(pod) || directoryLimits(pod).length > 0));
    if (limited.length === 0) return;
    const withContainers = limited.some(({ pod }) => limitsContainers(pod));
    const [local, sample, apart] = await Promise.all([
      this.#localUse(limited.map(({ pod }) => pod), 'bytes', signal),
      withContainers ? sampler.fresh(signal) : undefined,
      withContainers && readings.hasImageDisk(signal),
    ]);
    for (const worker of limited) {
      const message = overLocalLimit(worker.pod, localBytes(worker.pod, sample, local.get(worker.uid), { layers: !apart, local: true }));
      if (message !== undefined) this.#evict(worker, message, atOnceSeconds);
    }
  }

  async #localUse(pods: readonly Pod[], unit: DiskUnit, signal: AbortSignal): Promise<ReadonlyMap<string, LocalUse>> {
    const { files, dirs } = this.#deps.world;
    return files.localUse?.(dirs, pods, unit, signal) ?? new Map();
  }

  #evict(worker: PodWorker, message: string, graceSeconds: number): void {
    const { world } = this.#deps;
    const { pod } = worker;
    world.log.info('evicting a pod', { pod: podText(pod), message });
    if (worker.phase === 'syncing') world.events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', 'Evicted', message);
    worker.fail({ reason: 'Evicted', message }, graceSeconds);
  }

  /** What it used is free only then; but one that cannot end keeps nobody from being helped. */
  async #untilCleared(worker: PodWorker, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps.world;
    const untilMs = clock.monotonicMs() + clearedWithinMs;
    while (isThere(worker) && clock.monotonicMs() < untilMs && !signal.aborted) await clock.sleep(clearedLookMs, signal).catch(() => {});
    for (const uid of this.#stuck) if (!this.#deps.pods.worker(uid)) this.#stuck.delete(uid);
    if (isThere(worker)) this.#stuck.add(worker.uid);
  }
}

/** Something of it may still run, or lie on the disk. */
function isThere({ phase }: PodWorker): boolean {
  return phase !== 'terminated';
}
