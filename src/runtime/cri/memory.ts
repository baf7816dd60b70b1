// What is remembered between calls: which Pod an id belongs to, and facts about sandboxes and containers that cannot
// change any more, so that they need not be asked again. All of it may be forgotten at any time; it is bounded, and the
// runtime is the truth.
import type { ContainerState, SandboxState } from '../runtime.ts';
import type { Message } from './wire/protobuf.ts';

export interface PastExit {
  readonly exitCode: number;
  readonly finishedAtMs: number;
}

export class Memory {
  readonly podUids = new Recent<string>();
  /** Ids of a Pod's sandboxes and containers that are worth asking about before a list has named them. */
  readonly #idsOfPod = new Recent<{ sandboxes: Set<string>; containers: Set<string> }>();
  /** PodSandboxConfig of the sandboxes made by this process. */
  readonly configs = new Recent<Message>();
  /** Addresses and all else of sandboxes but readiness. */
  readonly sandboxes = new Recent<SandboxState>();
  /** Containers that run (all but their end is settled) or have ended. */
  readonly containers = new Recent<ContainerState>();
  /** Ends that events told of; the runtime's own status may lag behind them. */
  readonly exits = new Recent<PastExit>();
  readonly outOfMemory = new Recent<true>();

  learn(podUid: string, kind: 'sandboxes' | 'containers', id: string): void {
    this.podUids.set(id, podUid);
    let ids = this.#idsOfPod.get(podUid);
    if (!ids) this.#idsOfPod.set(podUid, (ids = { sandboxes: new Set(), containers: new Set() }));
    ids[kind].add(id);
  }

  idsOf(podUid: string): { readonly sandboxes: ReadonlySet<string>; readonly containers: ReadonlySet<string> } {
    return this.#idsOfPod.get(podUid) ?? nothing;
  }

  forget(id: string): void {
    const podUid = this.podUids.get(id);
    const ids = podUid === undefined ? undefined : this.#idsOfPod.get(podUid);
    ids?.sandboxes.delete(id);
    ids?.containers.delete(id);
    if (ids && ids.sandboxes.size + ids.containers.size === 0) this.#idsOfPod.delete(podUid!);
    for (const facts of [this.podUids, this.configs, this.sandboxes, this.containers, this.exits, this.outOfMemory]) facts.delete(id);
  }
}

const nothing = { sandboxes: new Set<string>(), containers: new Set<string>() };

/** A map that forgets what was set longest ago when it is full. */
export class Recent<Value> {
  readonly #values = new Map<string, Value>();
  readonly #capacity: number;

  constructor(capacity = 8192) {
    this.#capacity = capacity;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#capacity) this.#values.delete(this.#values.keys().next().value!);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
