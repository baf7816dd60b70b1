// A whole cluster inside a test: the real API server, scheduler, controllers and node agents over simulated machines, in
// time that the test moves, from chance that a seed decides.
import { writeFileSync } from 'node:fs';
import { podTimelines, type PodTimeline } from '../api/kinds/pod-timeline.ts';
import type { Client } from '../client/client.ts';
import type { ApiRequest, Transport } from '../api/request.ts';
import type { Clock } from '../base/clock.ts';
import { UserError } from '../cluster/user-error.ts';
import type { SimulatedNodeSpec } from '../cluster/simulated-node.ts';
import type { Component } from './component.ts';
import type { ApiComponent } from './api-component.ts';
import { checkFault, type Fault, type Faults } from './faults.ts';
import type { History } from './history.ts';
import { ended } from './leaks.ts';
import { storyOf, type LookedAt } from './story.ts';
import type { TestNode } from './test-node.ts';
import { drawTimeline } from '../timeline/draw.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface RunUntilOptions {
  /** What is waited for, for the failure's text. Default: the condition's own. */
  readonly what?: string;
  /** Of the cluster's time. Default: ten minutes of virtual time, 30 seconds of real. */
  readonly withinMs?: number;
}

/** It did not come about; the message tells the story of what was looked at. */
export class NeverCame extends Error {
  override readonly name = 'NeverCame';
}

/** What a cluster is made of; its parts are started in order, and stopped in the reverse. */
export interface Parts {
  readonly client: Client;
  readonly clock: Clock;
  /** Undefined: time is real. */
  readonly time: VirtualTime | undefined;
  readonly api: ApiComponent;
  readonly components: Map<string, Component>;
  readonly nodes: TestNode[];
  readonly history: History;
  readonly faults: Faults;
  /** What the test has read since it was last emptied. */
  readonly reads: ApiRequest[];
  readonly makeNode: (spec: SimulatedNodeSpec) => TestNode;
  readonly close: () => Promise<void>;
}

const virtualWithinMs = 600_000;
const realWithinMs = 30_000;
/** So many Pods' lives are drawn when something did not come about. */
const mostLives = 5;
/** In real time, conditions that no write tells of are looked at this often. */
const lookEveryMs = 50;
/** What stops may take so long, in the cluster's time, to say its last words. */
const lastWordsMs = 5_000;

export class TestCluster implements AsyncDisposable {
  /** The whole API, as an administrator, in process. */
  readonly client: Client;
  readonly clock: Clock;
  readonly #parts: Parts;
  #stopped: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.client = parts.client;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  get transport(): Transport {
    return this.client.transport;
  }

  /** The text of a kubeconfig for an administrator; undefined without `https`. */
  get kubeconfig(): string | undefined {
    return this.#parts.api.kubeconfig;
  }

  /** For tools that want a file. Throws UserError without `https`. */
  writeKubeconfig(path: string): void {
    const text = this.kubeconfig;
    if (text === undefined) throw new UserError('this cluster takes no connections', 'start it with: startTestCluster({ https: true })');
    writeFileSync(path, text, { mode: 0o600 });
  }

  // --- time ---

  /** Moves time on by so much, with all that happens in it. */
  async advance(byMs: number): Promise<void> {
    if (!(byMs >= 0)) throw new UserError(`advance: Invalid value: ${byMs}: must be 0 or more`, 'time does not go back');
    const { time, clock } = this.#parts;
    await (time ? time.clock.advance(byMs) : clock.sleep(byMs, never));
    this.#checkParts();
  }

  /** Lets all happen that needs no time. */
  async settle(): Promise<void> {
    await this.#parts.time?.settle();
    this.#checkParts();
  }

  /** The next thing that waits for its time, and what follows from it at once; false when nothing waits. Only in virtual time. */
  async step(): Promise<boolean> {
    const { time } = this.#parts;
    if (!time) throw new UserError('step: real time has no steps', 'start the cluster with: clock: "virtual"');
    const stepped = await time.step();
    this.#checkParts();
    return stepped;
  }

  /** Moves time on until the condition gives something (not undefined, null or false), and gives that. Throws NeverCame. */
  async runUntil<T>(condition: () => T | Promise<T>, options: RunUntilOptions = {}): Promise<Exclude<T, undefined | null | false>> {
    const { time, clock, reads, history } = this.#parts;
    const { withinMs = time ? virtualWithinMs : realWithinMs } = options;
    const beganMs = clock.monotonicMs();
    await this.settle();
    for (;;) {
      reads.length = 0;
      const revision = history.revision;
      const found = await condition();
      if (found !== undefined && found !== null && found !== false) return found as Exclude<T, undefined | null | false>;
      const leftMs = beganMs + withinMs - clock.monotonicMs();
      if (leftMs <= 0 || !(await this.#awaitMore(leftMs, revision))) throw await this.#neverCame(options.what ?? `${condition}`, clock.monotonicMs() - beganMs);
      this.#checkParts();
    }
  }

  /** False when nothing more will happen by then. */
  async #awaitMore(leftMs: number, seen: number): Promise<boolean> {
    const { time, clock, history } = this.#parts;
    if (time) {
      if (history.revision !== seen) {
        await time.settle();
        return true;
      }
      return time.step(clock.monotonicMs() + leftMs);
    }
    if (history.revision !== seen) return true;
    await new Promise<void>((resolve) => {
      const done = () => (timer[Symbol.dispose](), change[Symbol.dispose](), resolve());
      const timer = clock.schedule(Math.min(leftMs, lookEveryMs), done);
      const change = history.onChange(done);
    });
    return true;
  }

  async #neverCame(what: string, tookMs: number): Promise<NeverCame> {
    const { reads, history } = this.#parts;
    const looked = new Map<string, LookedAt>();
    for (const { resource: { plural }, namespace, name } of reads) looked.set(`${plural}/${namespace ?? ''}/${name ?? ''}`, { plural, namespace, name });
    return new NeverCame(`this did not come about within ${tookMs / 1000} s:\n  ${what.replaceAll('\n', '\n  ')}\n${storyOf([...looked.values()], history.remembered)}${await this.#drawnLives([...looked.values()])}`);
  }

  /** Of the Pods that were looked at, where they are few. What cannot be had is left out: something else is to be told. */
  async #drawnLives(looked: readonly LookedAt[]): Promise<string> {
    const { clock, time } = this.#parts;
    const lives: PodTimeline[] = [];
    for (const { plural, namespace = '', name } of looked) {
      if (plural !== 'pods' || !namespace) continue;
      const asked = name === undefined ? this.client.list(podTimelines, { namespace }, never).then(({ items }) => items) : this.client.get(podTimelines, { namespace, name }, never).then((one) => [one]);
      const none = (): readonly PodTimeline[] => [];
      // In virtual time nothing is waited for that needs time: it does not go on by itself.
      lives.push(...(await Promise.race([asked.catch(none), ...(time ? [time.settle().then(none, none)] : [])])));
    }
    const draw = (life: PodTimeline) => drawTimeline(life, { columns: 110, colours: false, ascii: false, nowMs: clock.wallMs(), mostSteps: 0 }).join('\n  ').trimEnd();
    return lives.slice(0, mostLives).map((life) => `\n\n  ${draw(life)}`).join('');
  }

  // --- nodes and faults ---

  get nodes(): readonly TestNode[] {
    return this.#parts.nodes;
  }

  /** Throws UserError when there is none. */
  node(name: string): TestNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new UserError(`node: Not found: ${JSON.stringify(name)}: there are ${this.nodes.map((node) => node.name).join(', ')}`, 'name one of them');
    return found;
  }

  /** Joins another node; it is Ready as soon as it has had time to say so. */
  addNode(spec: SimulatedNodeSpec): TestNode {
    const node = this.#parts.makeNode(spec);
    node.start();
    return node;
  }

  /** Makes calls and watches go wrong until disposed. Throws UserError for a fault that makes no sense. */
  inject(fault: Fault): Disposable {
    checkFault(fault, [...this.componentNames, 'test']);
    return this.#parts.faults.add(fault);
  }

  /** What can crash: `api-server`, `scheduler`, `controllers`, `kubernetes-service`, `node/NAME`. */
  get componentNames(): readonly string[] {
    return ['api-server', ...this.#parts.components.keys()];
  }

  /** Ends it in its tracks: what it was about to say is not said. Nothing when it does not run. */
  async crash(name: string): Promise<void> {
    if (name === 'api-server') return this.#parts.api.crash();
    this.#component(name).crash();
  }

  /**
   * Ends it in its tracks just before it acts for the `act`-th time from now. Every call of the API or of its runtime is an act,
   * every answer that comes back is one, and so is every event of a watch. Not for the API server's own acts; but it can be what
   * crashes (`victim`) when another is about to act.
   */
  crashAtAct(name: string, act: number, victim = name): void {
    if (!(Number.isInteger(act) && act > 0)) throw new UserError(`act: Invalid value: ${act}: must be a whole number greater than 0`, 'mend that field');
    if (victim !== 'api-server') this.#component(victim);
    this.#component(name).beforeAct(act, () => void this.crash(victim));
  }

  /** Starts it again, without any memory; crashes it first when it runs. */
  async restart(name: string): Promise<void> {
    await this.crash(name);
    if (name === 'api-server') await this.#parts.api.start(never);
    else this.#component(name).start();
  }

  #component(name: string): Component {
    const component = this.#parts.components.get(name);
    if (!component) throw new UserError(`component: Not found: ${JSON.stringify(name)}: there are ${this.componentNames.join(', ')}`, 'name one of them');
    return component;
  }

  /** A part that ended by itself is a bug of ours: it is not passed over. */
  #checkParts(): void {
    for (const { failure } of this.#parts.components.values()) if (failure) throw failure;
  }

  // --- history ---

  /** The newest resourceVersion. */
  get revision(): number {
    return this.#parts.history.revision;
  }

  /** A hash over every write so far: the same for the same seed and the same test. */
  historyHash(): string {
    return this.#parts.history.hash();
  }

  /** What has happened, for people: of everything, or of some objects and what they own. */
  story(looked: readonly LookedAt[] = []): string {
    return storyOf(looked, this.#parts.history.remembered);
  }

  /** Idempotent. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { components, time, clock, close } = this.#parts;
    ended(this);
    const all = [...components.values()].reverse();
    let over = false;
    const done = Promise.all(all.map((component) => component.stop())).then(() => void (over = true));
    if (time) {
      const untilMs = clock.monotonicMs() + lastWordsMs;
      do await time.settle().catch(() => {});
      while (!over && time.clock.runNext(untilMs));
    } else {
      await Promise.race([done, clock.sleep(lastWordsMs, never)]);
    }
    for (const component of all) component.crash();
    await close();
  }
}

const never = new AbortController().signal;
