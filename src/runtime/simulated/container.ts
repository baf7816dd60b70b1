// One simulated container: what its script makes of it as time goes by.
//
//   created ── start ──▶ running ── by itself, SIGTERM that it heeds, SIGKILL, or want of memory ──▶ exited
//      └───────────────────── its sandbox stops ─────────────────────────────────────────────────────▲
import { formatTime, type Clock } from '../../base/clock.ts';
import type { ContainerSpec, ContainerState, Health, LinuxResources, RuntimeEvent } from '../runtime.ts';
import { RuntimeError } from '../runtime.ts';
import type { Script } from './script.ts';

/** So many of the last lines of a log are there; those before them are gone, as if it had been rotated. */
const mostLogLines = 10_000;
const nothing: readonly (() => void)[] = [];

export class SimulatedContainer {
  state: ContainerState;
  readonly spec: ContainerSpec;
  readonly script: Script;
  readonly #clock: Clock;
  readonly #tell: (event: RuntimeEvent) => void;
  #memoryLimit: number;
  /** What it will come to by itself. */
  #timers: Disposable[] = [];
  #onEnd: readonly (() => void)[] = nothing;
  /** When SIGTERM came, wall ms; undefined: it has not. */
  signalledAtMs: number | undefined;

  constructor(state: ContainerState, spec: ContainerSpec, script: Script, clock: Clock, tell: (event: RuntimeEvent) => void) {
    this.state = state;
    this.spec = spec;
    this.script = script;
    this.#clock = clock;
    this.#tell = tell;
    this.#memoryLimit = spec.resources.memoryLimitBytes ?? 0;
  }

  start(): void {
    const { script } = this;
    if (this.state.state !== 'created') throw new RuntimeError('failed', `container ${this.state.id} is not in created state`);
    if (script.startFails) {
      const why = `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: ${JSON.stringify(this.spec.command[0] ?? this.spec.name)}: executable file not found in $PATH`;
      this.state = { ...this.state, state: 'exited', finishedAtMs: this.#clock.wallMs(), exitCode: 128, reason: 'StartError', message: why };
      throw new RuntimeError('failed', why);
    }
    this.state = { ...this.state, state: 'running', startedAtMs: this.#clock.wallMs() };
    this.#tell({ type: 'started', podUid: this.state.pod.uid, id: this.state.id });
    if (script.runMs !== undefined) this.#after(script.runMs, () => this.#end(script.exit, script.exit === 0 ? 'Completed' : 'Error'));
    this.#awaitOom();
  }

  /** Resolves once it has ended. When aborted it lives on, and is told nothing more. */
  stop(graceMs: number, signal: AbortSignal): Promise<void> {
    if (this.state.state !== 'running') return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const kill = this.#clock.schedule(graceMs, () => this.kill());
      const abandon = () => {
        kill[Symbol.dispose]();
        this.#onEnd = this.#onEnd.filter((other) => other !== ended);
        reject(signal.reason);
      };
      const ended = () => {
        kill[Symbol.dispose]();
        signal.removeEventListener('abort', abandon);
        resolve();
      };
      signal.addEventListener('abort', abandon, { once: true });
      this.#onEnd = [...this.#onEnd, ended];
      if (graceMs > 0) this.#term();
    });
  }

  kill(): void {
    if (this.state.state === 'running') this.#end(137, 'Error');
    else if (this.state.state === 'created') this.state = { ...this.state, state: 'exited', finishedAtMs: this.#clock.wallMs(), exitCode: 137, reason: 'Error' };
  }

  setResources({ memoryLimitBytes }: LinuxResources): void {
    if (memoryLimitBytes === undefined) return;
    this.#memoryLimit = memoryLimitBytes;
    if (this.state.state === 'running') this.#awaitOom();
  }

  get health(): Health {
    const livedMs = this.#livedMs();
    return livedMs < this.script.readyAfterMs ? 'starting' : livedMs < this.script.illAfterMs ? 'well' : 'ill';
  }

  get memoryBytes(): number {
    return this.state.state === 'running' ? this.script.memoryBytes + (this.script.growBytes * this.#livedMs()) / 1000 : 0;
  }

  get cpuNanoseconds(): number {
    return this.#livedMs() * this.script.milliCpu * 1000;
  }

  /** In the CRI format, as far as it has been written. */
  log(): string {
    const { log, logEveryMs } = this.script;
    const { startedAtMs } = this.state;
    if (log === '' || startedAtMs === 0) return '';
    const count = logEveryMs === undefined ? 1 : 1 + Math.floor(this.#livedMs() / logEveryMs);
    let text = '';
    for (let at = Math.max(0, count - mostLogLines); at < count; at++) text += `${nanoTime(startedAtMs + at * (logEveryMs ?? 0))} stdout F ${log}\n`;
    return text;
  }

  /** When the log will next have grown, from now; undefined: never. */
  get nextLogMs(): number | undefined {
    const { log, logEveryMs } = this.script;
    return log === '' || logEveryMs === undefined || this.state.state !== 'running' ? undefined : logEveryMs - (this.#livedMs() % logEveryMs);
  }

  /** Calls back once it has ended, at once if it has; disposing takes that back. */
  whenEnded(run: () => void): Disposable {
    if (this.state.state !== 'running') run();
    else this.#onEnd = [...this.#onEnd, run];
    return { [Symbol.dispose]: () => void (this.#onEnd = this.#onEnd.filter((other) => other !== run)) };
  }

  #term(): void {
    if (this.signalledAtMs !== undefined) return;
    this.signalledAtMs = this.#clock.wallMs();
    const { ignoreTerm, endAfterMs, endExit } = this.script;
    if (ignoreTerm) return;
    const end = () => this.#end(endExit, endExit === 0 ? 'Completed' : 'Error');
    if (endAfterMs > 0) this.#after(endAfterMs, end);
    else end();
  }

  #awaitOom(): void {
    const { oomAfterMs = Infinity, memoryBytes, growBytes } = this.script;
    let afterMs = oomAfterMs - this.#livedMs();
    if (this.#memoryLimit > 0) {
      if (this.memoryBytes > this.#memoryLimit) afterMs = 0;
      else if (growBytes > 0) afterMs = Math.min(afterMs, ((this.#memoryLimit - memoryBytes) / growBytes) * 1000 - this.#livedMs());
    }
    if (afterMs === Infinity) return;
    this.#after(Math.max(0, afterMs), () => {
      this.#tell({ type: 'oom', podUid: this.state.pod.uid, id: this.state.id });
      this.#end(137, 'OOMKilled');
    });
  }

  #end(exitCode: number, reason: string): void {
    if (this.state.state !== 'running') return;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers = [];
    this.state = { ...this.state, state: 'exited', finishedAtMs: this.#clock.wallMs(), exitCode, reason };
    this.#tell({ type: 'exited', podUid: this.state.pod.uid, id: this.state.id });
    const waiting = this.#onEnd;
    this.#onEnd = nothing;
    for (const ended of waiting) ended();
  }

  #after(delayMs: number, run: () => void): void {
    this.#timers.push(this.#clock.schedule(delayMs, run));
  }

  #livedMs(): number {
    const { startedAtMs, finishedAtMs } = this.state;
    return startedAtMs === 0 ? 0 : (finishedAtMs || this.#clock.wallMs()) - startedAtMs;
  }
}

function nanoTime(wallMs: number): string {
  return `${formatTime(wallMs).slice(0, -1)}.${String(Math.floor(wallMs) % 1000).padStart(3, '0')}000000Z`;
}
