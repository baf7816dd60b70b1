// What the runtime has of a Pod, as last seen; with what only its files and the kernel tell of containers that have ended.
import type { Observation, RuntimeEvent } from '../../runtime/runtime.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';

export class PodSight {
  seen: Observation = { sandboxes: [], containers: [] };
  /** What each ended container has left behind as its message; by id. */
  readonly messages = new Map<string, string>();
  /** Ended containers of which the kernel, not yet the runtime, has told why. */
  readonly #outOfMemory = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #uid: string;
  readonly #world: NodeWorld;
  readonly #cgroups: Cgroups;

  constructor(uid: string, world: NodeWorld, cgroups: Cgroups) {
    this.#uid = uid;
    this.#world = world;
    this.#cgroups = cgroups;
  }

  /** `isLiving`: what ends with 137 was not killed by us. */
  async look(isLiving: () => boolean, signal: AbortSignal): Promise<void> {
    const seen = await this.#world.runtime.observe(this.#uid, signal);
    const ended = seen.containers.filter(({ id, state }) => state === 'exited' && !this.messages.has(id));
    if (ended.length > 0) await Promise.all(ended.map(async (state) => this.messages.set(state.id, await this.#world.files.terminationMessage(state))));
    for (const { id, exitCode, reason } of ended) {
      if (exitCode === 137 && reason !== 'OOMKilled' && isLiving() && this.#cgroups.killedForMemory(this.#uid, id)) this.#outOfMemory.add(id);
    }
    for (const known of [this.messages, this.#outOfMemory]) for (const id of known.keys()) if (!seen.containers.some((state) => state.id === id)) known.delete(id);
    this.seen = this.#outOfMemory.size === 0 ? seen : { ...seen, containers: seen.containers.map((state) => (this.#outOfMemory.has(state.id) ? { ...state, reason: 'OOMKilled' } : state)) };
    this.#world.timelines.observed(this.#uid, this.seen);
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each look. */
  onLooked(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Whether what the event tells has been seen already. */
  has(event: Exclude<RuntimeEvent, { type: 'resync' }>): boolean {
    const known = this.seen.containers.find(({ id }) => id === event.id);
    switch (event.type) {
      case 'started':
        return known?.state === 'running';
      case 'exited':
        return known?.state === 'exited';
      case 'removed':
        return !known && !this.seen.sandboxes.some(({ id }) => id === event.id);
      case 'oom':
        return false;
    }
  }
}
