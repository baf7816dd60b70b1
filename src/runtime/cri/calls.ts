// Calls that make things in the runtime, as long as they are under way. Who clears up after calls that were cut off must know which
// of what is there may still be in the making.
import { RuntimeError } from '../runtime.ts';

const making = new Set(['RunPodSandbox', 'CreateContainer', 'StartContainer']);
const removesSandbox = 'RemovePodSandbox';

export class CallsUnderWay {
  readonly #underWay = new Set<Promise<unknown>>();
  #onCutOff: () => void = () => {};
  #onSandboxRemoved: () => void = () => {};

  /** `cutOff`: a call that makes something got no answer, and may have made it, or a part of it. */
  listen(listeners: { readonly cutOff: () => void; readonly sandboxRemoved: () => void }): void {
    this.#onCutOff = listeners.cutOff;
    this.#onSandboxRemoved = listeners.sandboxRemoved;
  }

  /** Resolves once all that are under way now have ended; not those that begin meanwhile. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async during<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (!making.has(name)) {
      const answer = await call();
      if (name === removesSandbox) this.#onSandboxRemoved();
      return answer;
    }
    const done = call();
    this.#underWay.add(done);
    try {
      return await done;
    } catch (error) {
      // Anything but an answer: the connection was lost, its time was over, or we have given it up.
      if (!(error instanceof RuntimeError) || error.code === 'unavailable') this.#onCutOff();
      throw error;
    } finally {
      this.#underWay.delete(done);
    }
  }
}
