// All Pods of this node, each with its worker: tells them what the API and the runtime say, and ends what the API no
// longer knows.
import { join } from 'node:path';
import { isPodFinished } from '../api/meta.ts';
import type { Pod } from '../api/types.ts';
import type { Informer } from '../client/informer.ts';
import type { Observation, RuntimeEvent } from '../runtime/runtime.ts';
import { mayHaveChanged, refusalOf, resizeRefusalOf, type NodeFacts, type Refusal } from './admission.ts';
import { qosClassOf } from './spec/resources.ts';
import { removeCgroups } from './worker/end-pod.ts';
import { PodWorker, type PodWorkerDeps } from './worker/pod-worker.ts';

/** Where the Pods are: as last seen, and as it is now. */
export interface NodeSource {
  readonly node: NodeFacts;
  newest(signal: AbortSignal): Promise<NodeFacts>;
}

export class Pods {
  readonly #workers = new Map<string, PodWorker>();
  readonly #deps: PodWorkerDeps;
  /** Pods that wait for a newer look at the Node before they are taken or refused: the newest of each, by UID. */
  readonly #undecided = new Map<string, Pod>();
  readonly #node: NodeSource;

  constructor(deps: Omit<PodWorkerDeps, 'onFinished' | 'refuseResize'>, node: NodeSource) {
    this.#deps = { ...deps, onFinished: (uid) => this.#finished(uid), refuseResize: (pod) => resizeRefusalOf(pod, this.#others(pod), deps.world) };
    this.#node = node;
  }

  #finished(uid: string): void {
    this.#workers.delete(uid);
    this.#deps.world.timelines.gone(uid);
  }

  worker(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  get all(): IterableIterator<PodWorker> {
    return this.#workers.values();
  }

  /** Follows the informer until the signal ends; resolves when all workers' own work has ended. */
  async follow(source: Informer<Pod>, signal: AbortSignal): Promise<void> {
    const stopListening = source.onChange((before, after) => {
      if (before && before.metadata.uid !== after?.metadata.uid) {
        this.#undecided.delete(before.metadata.uid);
        this.#workers.get(before.metadata.uid)?.gone();
      }
      if (after) this.#changed(after, signal);
      this.#retryResizes();
    });
    await new Promise<void>((resolve) => {
      const end = () => {
        for (const worker of this.#workers.values()) worker.abandon();
        resolve();
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
    stopListening[Symbol.dispose]();
    await Promise.all([...this.#workers.values()].map((worker) => worker.stopped()));
  }

  runtimeChanged(event: RuntimeEvent): void {
    if (event.type === 'resync') {
      for (const worker of this.#workers.values()) worker.runtimeChanged(event);
    } else if (event.podUid !== undefined) {
      this.#workers.get(event.podUid)?.runtimeChanged(event);
    } else {
      for (const worker of this.#workers.values()) {
        if (worker.seen.containers.some(({ id }) => id === event.id) || worker.seen.sandboxes.some(({ id }) => id === event.id)) worker.runtimeChanged(event);
      }
    }
  }

  /**
   * Ends what the runtime runs of Pods that the API does not have, and clears what they left. Call once the source is synced; may be
   * called again. What is there is always seen first, and then who it may belong to: a Pod has its worker before it has anything else.
   */
  async endOrphans(source: Informer<Pod>, signal: AbortSignal): Promise<void> {
    const { world, cgroups } = this.#deps;
    const observed = await world.runtime.observeAll(signal);
    const isKnown = (uid: string) => this.#workers.has(uid) || this.#undecided.has(uid) || source.list().some(({ metadata }) => metadata.uid === uid);
    for (const [uid, seen] of observed) {
      if (isKnown(uid)) continue;
      const worker = new PodWorker(orphanPod(seen), this.#deps, signal);
      this.#workers.set(uid, worker);
      world.log.info('ending a pod that the API does not know', { uid });
      worker.gone();
    }
    for (const uid of cgroups.podUids()) if (!isKnown(uid)) await removeCgroups(cgroups, uid, world.clock, signal);
    for (const uid of await world.files.podUids(world.dirs)) if (!isKnown(uid)) await world.files.removePodDirectory(join(world.dirs.pods, uid), world.runtime, signal);
    for (const [uid, path] of await world.files.logDirectories(world.dirs)) if (!isKnown(uid)) await world.files.removeLogDirectory(path);
  }

  #changed(pod: Pod, signal: AbortSignal): void {
    const worker = this.#workers.get(pod.metadata.uid);
    if (worker) return worker.update(pod);
    if (this.#undecided.has(pod.metadata.uid)) return void this.#undecided.set(pod.metadata.uid, pod);
    const refusal = this.#refusalOf(pod, this.#node.node);
    if (!refusal || !mayHaveChanged.has(refusal.reason)) return this.#take(pod, refusal, signal);
    this.#undecided.set(pod.metadata.uid, pod);
    void this.#lookAgain(pod.metadata.uid, signal);
  }

  /** The scheduler may have seen labels of the Node that we have not. */
  async #lookAgain(uid: string, signal: AbortSignal): Promise<void> {
    const node = await this.#node.newest(signal).catch(() => this.#node.node);
    const pod = this.#undecided.get(uid);
    this.#undecided.delete(uid);
    if (pod && !signal.aborted) this.#take(pod, this.#refusalOf(pod, node), signal);
  }

  /** A Pod that has a start time was taken before. */
  #refusalOf(pod: Pod, node: NodeFacts): Refusal | undefined {
    if (pod.status.startTime || isPodFinished(pod)) return undefined;
    const { world } = this.#deps;
    const { machine, podLimit, allowedUnsafeSysctls, allocatable, pressure, shutdown } = world;
    const security = { kernelVersion: machine.kernelVersion, allowedUnsafeSysctls, appArmor: machine.appArmor ?? false, supplementalGroupsPolicy: world.runtimeFeatures.supplementalGroupsPolicy };
    return shutdown.refusal ?? pressure.refusalOf(pod) ?? refusalOf(pod, this.#others(pod), { allocatable, podLimit, security }, node);
  }

  /** With what they were granted. */
  #others({ metadata }: Pod): Pod[] {
    return [...this.#workers.values()].filter(({ uid }) => uid !== metadata.uid).map((one) => one.allocatedPod).filter((other) => !isPodFinished(other));
  }

  /** Something may have left, or shrunk. The more important go first. */
  #retryResizes(): void {
    const waiting = [...this.#workers.values()].filter((worker) => worker.resizeIsDeferred);
    if (waiting.length === 0) return;
    const rank = ({ pod }: PodWorker) => (pod.spec.priority ?? 0) * 2 + (qosClassOf(pod) === 'Guaranteed' ? 1 : 0);
    for (const worker of waiting.sort((a, b) => rank(b) - rank(a))) worker.retryResize();
  }

  #take(pod: Pod, refusal: Refusal | undefined, signal: AbortSignal): void {
    const fresh = new PodWorker(pod, this.#deps, signal);
    this.#workers.set(pod.metadata.uid, fresh);
    this.#deps.world.timelines.note(pod.metadata.uid, 'Accepted', refusal ? { reason: refusal.reason, message: refusal.message } : {});
    if (!refusal) return fresh.start();
    this.#deps.world.events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', refusal.reason, refusal.message.replace(/^Pod was rejected: /, ''));
    fresh.fail(refusal, 0);
  }
}

/** As much of a Pod as its remains tell: enough to end it. */
function orphanPod({ sandboxes, containers }: Observation): Pod {
  const { pod } = (sandboxes[0] ?? containers[0])!;
  const names = [...new Set(containers.map(({ name }) => name))];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod.name, namespace: pod.namespace, uid: pod.uid, resourceVersion: '0', creationTimestamp: '' },
    spec: { containers: names.map((name) => ({ name })) },
    status: {},
  } as Pod;
}
