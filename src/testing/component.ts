// A part of a test cluster that can be stopped, killed, and started again.
//
//   stopped ── start ──▶ running ── stop (it may finish what it does) ──▶ stopped
//      ▲                    └────── crash (nothing more leaves it) ─────────▲
import type { UserInfo } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Runnable } from '../base/runnable.ts';
import { Client } from '../client/client.ts';
import { ComponentTransport, type Wire } from './component-transport.ts';
import { Gate, gatedClock } from './gate.ts';

export interface ComponentWorld {
  readonly gate: Gate;
  readonly client: Client;
  readonly clock: Clock;
}

export interface ComponentOptions<Part extends Runnable> {
  readonly name: string;
  readonly user: UserInfo;
  readonly wire: Wire;
  /** A new one for each start: what it remembered is gone with the old. */
  readonly create: (world: ComponentWorld) => Part;
}

interface Life<Part> {
  readonly part: Part;
  readonly gate: Gate;
  readonly transport: ComponentTransport;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export class Component<Part extends Runnable = Runnable> {
  readonly name: string;
  readonly #options: ComponentOptions<Part>;
  #life: Life<Part> | undefined;
  #cutOff = false;
  /** Set when it ended without having been told to. */
  failure: Error | undefined;

  constructor(options: ComponentOptions<Part>) {
    this.name = options.name;
    this.#options = options;
  }

  get part(): Part | undefined {
    return this.#life?.part;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** Nothing when it runs already. */
  start(): void {
    if (this.#life) return;
    const { name, user, wire, create } = this.#options;
    const gate = new Gate();
    const transport = new ComponentTransport(name, user, gate, wire);
    transport.cutOff = this.#cutOff;
    const part = create({ gate, client: new Client(transport), clock: gatedClock(wire.clock, gate, () => wire.guard.timer(name)) });
    const stop = new AbortController();
    const done = part.run(stop.signal).then(
      () => stop.signal.aborted || void (this.failure = new Error(`${name} ended by itself`)),
      (error: unknown) => stop.signal.aborted || void (this.failure = new Error(`${name} failed`, { cause: error })),
    ) as Promise<void>;
    this.#life = { part, gate, transport, stop, done };
  }

  /** Resolves when it has ended, once time is given to it. */
  stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    if (!life) return Promise.resolve();
    life.gate.open();
    life.stop.abort(new Error(`${this.name} is being stopped`));
    return life.done;
  }

  /** At once. */
  crash(): void {
    const life = this.#life;
    this.#life = undefined;
    life?.gate.kill();
    life?.stop.abort(new Error(`${this.name} crashed`));
  }

  /** Calls back just before it acts for the `act`-th time from now, if it lives so long. */
  beforeAct(act: number, run: () => void): void {
    const life = this.#life;
    life?.gate.beforeAct(act, () => life === this.#life && run());
  }

  pause(): void {
    this.#life?.gate.hold();
  }

  resume(): void {
    this.#life?.gate.open();
  }

  set cutOff(cut: boolean) {
    this.#cutOff = cut;
    if (this.#life) this.#life.transport.cutOff = cut;
  }

  get cutOff(): boolean {
    return this.#cutOff;
  }
}
