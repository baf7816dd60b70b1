// containerd's shim (seen in 1.6) all but stands still, at one start a second, when many commands start in one container at once: a
// hundred of them took 90 s, and take 4 s when only so many start at the same time. The next comes in when an event tells that one
// has started, or a call has ended.

const mostAtOnce = 4;

interface Starting {
  /** The calls of which no event has told yet, the oldest first. */
  readonly calls: Set<object>;
  readonly waiting: (() => void)[];
}

export class ExecStarts {
  #followers = 0;
  /** Of containers in which something starts. */
  readonly #byContainer = new Map<string, Starting>();

  /** From now on events tell of starts, until disposed: then nobody waits for what would no longer be told. */
  follow(): Disposable {
    this.#followers++;
    return { [Symbol.dispose]: () => {
      this.#followers--;
      for (const { calls, waiting } of this.#byContainer.values()) {
        calls.clear();
        for (const enter of waiting.splice(0)) enter();
      }
    } };
  }

  /** Makes the call that runs a command, from its start to its end, once there is room for it. */
  async run<T>(containerId: string, call: () => Promise<T>): Promise<T> {
    if (this.#followers === 0) return call();
    const starting = this.#byContainer.get(containerId) ?? { calls: new Set(), waiting: [] };
    this.#byContainer.set(containerId, starting);
    if (starting.calls.size >= mostAtOnce) await new Promise<void>((resolve) => starting.waiting.push(resolve));
    const own = {};
    starting.calls.add(own);
    try {
      return await call();
    } finally {
      this.#leave(containerId, starting, own);
    }
  }

  /** Which of the commands it was is not known, and does not matter. */
  started(containerId: string): void {
    const starting = this.#byContainer.get(containerId);
    const [oldest] = starting?.calls ?? [];
    if (oldest) this.#leave(containerId, starting!, oldest);
  }

  #leave(containerId: string, starting: Starting, call: object): void {
    if (starting.calls.delete(call)) starting.waiting.shift()?.();
    if (starting.calls.size === 0 && starting.waiting.length === 0 && this.#byContainer.get(containerId) === starting) this.#byContainer.delete(containerId);
  }
}
