// What is remembered between calls: which Pod an id belongs to, and facts about sandboxes and containers that cannot
// change any more, so that they need not be asked again. All of it may be forgotten at any time; it is bounded, and the
// runtime is the truth.
import type { ContainerState, SandboxState } from '../runtime.ts';
import { ExecStarts } from './exec-starts.ts';
import { KnownIds } from './pod-ids.ts';
import { Recent } from './recent.ts';
import type { Message } from './wire/protobuf.ts';

export interface PastExit {
  readonly exitCode: number;
  readonly finishedAtMs: number;
}

export class Memory {
  readonly ids = new KnownIds();
  readonly execStarts = new ExecStarts();
  /** PodSandboxConfig of the sandboxes made by this process. */
  readonly configs = new Recent<Message>();
  /** Sandboxes as they were while they were ready; `ready` is false only where we know of the end. */
  readonly sandboxes = new Recent<SandboxState>();
  /** Containers that run (all but their end is settled) or have ended. */
  readonly containers = new Recent<ContainerState>();
  /** Ends that events told of; the runtime's own status may lag behind them. */
  readonly exits = new Recent<PastExit>();
  readonly outOfMemory = new Recent<true>();
  /** Stop signals that the runtime does not send by itself. */
  readonly ownSignals = new Recent<string>();

  /** What we stopped has ended, although no event may have told so yet, and a status that was asked for before may still come. */
  readonly #stopped = new Recent<true>();

  stoppedContainer(id: string): void {
    this.#stopped.set(id, true);
    if (this.containers.get(id)?.state === 'running') this.containers.delete(id);
  }

  /** With its containers. */
  stoppedSandbox(id: string): void {
    this.#stopped.set(id, true);
    this.#notReady(id);
    for (const [container, sandboxId] of this.ids.of(this.ids.podUidOf(id) ?? '').containers) if (sandboxId === id) this.stoppedContainer(container);
  }

  exited(id: string, exit: PastExit): void {
    this.exits.set(id, exit);
    this.#notReady(id);
  }

  hasEnded(id: string): boolean {
    return this.exits.has(id) || this.#stopped.has(id);
  }

  forget(id: string): void {
    for (const gone of [id, ...this.ids.forget(id)]) {
      for (const facts of [this.configs, this.sandboxes, this.containers, this.exits, this.outOfMemory, this.ownSignals, this.#stopped]) facts.delete(gone);
    }
  }

  #notReady(id: string): void {
    const state = this.sandboxes.get(id);
    if (state?.ready) this.sandboxes.set(id, { ...state, ready: false });
  }
}
