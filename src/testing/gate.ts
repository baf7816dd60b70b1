// Between one component and all that it acts on: its calls, its timers, its runtime. Closing it is what a stopped process,
// or a dead one, looks like from outside.
//
//   open ◀── open() / hold() ──▶ held ── kill() ──▶ dead
//    └──────────────────── kill() ─────────────────▲
import type { Clock } from '../base/clock.ts';
import { sleepOn } from '../base/clock.ts';
import type { SimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts';

export class Gate {
  #state: 'open' | 'held' | 'dead' = 'open';
  /** What waits for the gate to open, in order. A dead one's is dropped. */
  #waiting: (() => void)[] = [];
  #actsLeft = Infinity;
  #onLastAct = () => {};

  get state(): 'open' | 'held' | 'dead' {
    return this.#state;
  }

  hold(): void {
    if (this.#state === 'open') this.#state = 'held';
  }

  open(): void {
    if (this.#state !== 'held') return;
    this.#state = 'open';
    for (const run of this.#waiting.splice(0)) run();
  }

  kill(): void {
    this.#state = 'dead';
    this.#waiting = [];
  }

  /** Now, or once it is open. */
  run(work: () => void): void {
    if (this.#state === 'open') work();
    else if (this.#state === 'held') this.#waiting.push(work);
  }

  /** Calls back just before something passes for the `act`-th time from now, which may kill. */
  beforeAct(act: number, run: () => void): void {
    this.#actsLeft = act;
    this.#onLastAct = run;
  }

  /** Undefined when it is open: nothing is waited for. A dead one never lets through; the signal's end is told. */
  pass(signal: AbortSignal): Promise<void> | undefined {
    if (--this.#actsLeft === 0) this.#onLastAct();
    if (this.#state === 'open') return undefined;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.run(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}

/** Timers that are due while the gate is held run when it opens. `onTimer` is told of each. */
export function gatedClock(clock: Clock, gate: Gate, onTimer: () => void): Clock {
  const gated: Clock = {
    wallMs: clock.wallMs,
    monotonicMs: clock.monotonicMs,
    schedule(delayMs, run) {
      let over = false;
      const timer = clock.schedule(delayMs, () => {
        gate.run(() => {
          if (over) return;
          over = true;
          onTimer();
          run();
        });
      });
      return {
        [Symbol.dispose]() {
          over = true;
          timer[Symbol.dispose]();
        },
      };
    },
    sleep: (delayMs, signal) => sleepOn(gated, delayMs, signal),
  };
  return gated;
}

/** What the node agent asks of its runtime waits at the gate, on its way there and back. */
export function gatedRuntime(runtime: SimulatedRuntime, gate: Gate): SimulatedRuntime {
  const asked: Record<string, unknown> = { ...runtime };
  for (const [name, value] of Object.entries(runtime)) {
    if (!asynchronous.has(name)) continue;
    const call = value as (...args: unknown[]) => Promise<unknown>;
    asked[name] = async (...args: unknown[]) => {
      const signal = args.at(-1) instanceof AbortSignal ? (args.at(-1) as AbortSignal) : never;
      await gate.pass(signal);
      const answer = await call(...args);
      await gate.pass(signal);
      return answer;
    };
  }
  return asked as unknown as SimulatedRuntime;
}

const never = new AbortController().signal;
const asynchronous: ReadonlySet<string> = new Set([
  'version', 'notReady', 'observe', 'observeAll', 'pullImage', 'imageStatus', 'listImages', 'removeImage', 'startSandbox', 'stopSandbox', 'removeSandbox',
  'createContainer', 'startContainer', 'stopContainer', 'removeContainer', 'updateContainerResources', 'containerStats', 'exec', 'execSync', 'attach',
]);
