// How Pods end, step by step with the time of each: told by their processes themselves, by the API's watches, and by /proc.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Container, Pod } from '../../src/api/types.ts';
import type { Client } from '../../src/client/client.ts';
import { isReady, taskPid } from './real-cluster.ts';

export interface Moment {
  /** Since the epoch. */
  readonly atMs: number;
  /** `c0 TERM`, `c0 hook begins`, `Terminating`, `gone` … */
  readonly what: string;
}

export interface Behaviour {
  /** What SIGTERM does: `ends` at once, `ignores`, or ends after so many seconds. */
  readonly term: 'ends' | 'ignores' | number;
  /** A preStop of so many seconds. */
  readonly hookSeconds?: number;
  /** How often it says that it lives. Default 100. */
  readonly beatMs?: number;
}

/** The clock that processes read: hundredths of seconds, cut off. */
export const clockMs = 10;
const lookMs = 5;

export class Endings implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'peapod-endings-'));
  readonly #bootMs = bootMs();
  readonly #moments = new Map<string, Moment[]>();
  readonly #processes = new Map<string, Map<string, number>>();
  readonly #pods = new Map<string, Pod>();
  readonly #endpoints = new Set<string>();
  readonly #stop = new AbortController();
  readonly #client: Client;
  readonly #dataDir: string;
  readonly #working: Promise<unknown>[] = [];

  constructor(client: Client, dataDir: string) {
    this.#client = client;
    this.#dataDir = dataDir;
    this.#working.push(this.#follow(() => this.#watchPods()), this.#follow(() => this.#watchEndpoints()));
    const timer = setInterval(() => this.#lookForProcesses(), lookMs);
    this.#stop.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** For the Pod that is to have containers of `container`. */
  get volumes(): object[] {
    return [{ name: 'notes', hostPath: { path: this.#directory } }];
  }

  /** One that notes its start, its SIGTERM, its hook, its end, and, where it goes on, that it lives. */
  container(pod: string, name: string, { term, hookSeconds, beatMs = 100 }: Behaviour): Container {
    const note = `n() { read u _ < /proc/uptime; echo "$u ${name} $1" >> /notes/${pod}; }`;
    const trap = term === 'ignores' ? 'n TERM' : term === 'ends' ? 'n TERM; exit 0' : `n TERM; sleep ${term} & wait $!; n ends; exit 0`;
    const life = term === 'ignores' ? `while :; do n beat; sleep ${beatMs / 1000} & wait $!; done` : 'while :; do sleep 3600 & wait $!; done';
    return {
      name, image: 'localhost/busybox', command: ['sh', '-c', `${note}; trap '${trap}' TERM; n starts; ${life}`],
      volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
      ...(hookSeconds === undefined ? {} : { lifecycle: { preStop: { exec: { command: ['sh', '-c', `${note}; n "hook begins"; sleep ${hookSeconds}; n "hook ends"`] } } } }),
    } as Container;
  }

  /** Tells it to end; what is noted of it from here on has the time of its asking as its first. */
  async delete(name: string, options: { readonly gracePeriodSeconds?: number } = {}): Promise<void> {
    const pod = await this.#client.get(pods, { namespace: 'default', name }, AbortSignal.timeout(60_000));
    if (!this.#processes.has(name)) this.watchProcesses(name, pod);
    this.#note(name, 'asked');
    await this.#client.delete(pods, { namespace: 'default', name }, options, AbortSignal.timeout(60_000));
    this.#note(name, 'accepted');
  }

  /** Notes when those end that run now. */
  watchProcesses(name: string, pod: Pod): void {
    this.#processes.set(name, processesOf(this.#dataDir, pod));
  }

  /** All that is known so far, the earliest first. */
  of(name: string): Moment[] {
    const path = join(this.#directory, name);
    const told = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    const own = told.map((line): Moment => ({ atMs: this.#bootMs + Number(line.split(' ')[0]) * 1000, what: line.slice(line.indexOf(' ') + 1) }));
    return [...own, ...(this.#moments.get(name) ?? [])].sort((a, b) => a.atMs - b.atMs);
  }

  /** Milliseconds from the first asking to the first time of this, or with `last` to the last; NaN when there is none. */
  after(name: string, what: string, which: 'first' | 'last' = 'first', since = 'asked'): number {
    const all = this.of(name);
    const fits = (moment: Moment) => moment.what === what;
    const [from, to] = [all.find((moment) => moment.what === since), which === 'first' ? all.find(fits) : all.findLast(fits)];
    return from && to ? to.atMs - from.atMs : NaN;
  }

  /** As a person reads it. */
  story(name: string): string {
    const all = this.of(name);
    const asked = all.find(({ what }) => what === 'asked')?.atMs ?? 0;
    return all.filter(({ what }, at) => !(what.endsWith(' beat') && all[at + 1]?.what === what)).map(({ atMs, what }) => `${((atMs - asked) / 1000).toFixed(3).padStart(8)} s  ${what}`).join('\n');
  }

  /** Resolves once this has been noted; throws the story when it is not within a minute and a half. */
  async until(name: string, what: string): Promise<void> {
    for (const deadline = performance.now() + 90_000; !this.of(name).some((moment) => moment.what === what); ) {
      if (performance.now() > deadline) throw new Error(`${name}: never came to "${what}":\n${this.story(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#working);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Notes what a test has done to it. */
  note(name: string, what: string): void {
    this.#note(name, what);
  }

  #note(name: string, what: string, atMs = nowMs()): void {
    const all = this.#moments.get(name) ?? [];
    this.#moments.set(name, all);
    all.push({ atMs, what });
  }

  /** Again and again: the API may be killed meanwhile. */
  async #follow(watch: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await watch().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  async #watchPods(): Promise<void> {
    const { items, metadata } = await this.#client.list(pods, { namespace: 'default' }, this.#stop.signal);
    for (const name of this.#pods.keys()) if (!items.some((pod) => pod.metadata.name === name)) this.#saw(name, undefined);
    for (const pod of items) this.#saw(pod.metadata.name, pod);
    for await (const event of this.#client.watch(pods, { namespace: 'default', resourceVersion: metadata.resourceVersion }, this.#stop.signal)) {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
      this.#saw(event.object.metadata.name, event.type === 'DELETED' ? undefined : event.object);
    }
  }

  #saw(name: string, pod: Pod | undefined): void {
    const before = this.#pods.get(name);
    if (!pod) {
      this.#pods.delete(name);
      return this.#note(name, 'gone');
    }
    this.#pods.set(name, pod);
    if (!before) this.#note(name, 'created');
    if (pod.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp) this.#note(name, 'Terminating');
    if (isReady(before) !== isReady(pod)) this.#note(name, isReady(pod) ? 'Ready' : 'not Ready');
  }

  async #watchEndpoints(): Promise<void> {
    for await (const event of this.#client.watch(endpointSlices, { namespace: 'default' }, this.#stop.signal)) {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
      for (const { targetRef, conditions } of event.object.endpoints ?? []) {
        const name = targetRef?.name ?? '';
        if (conditions?.ready) this.#endpoints.add(name);
        else if (this.#endpoints.delete(name)) this.#note(name, conditions?.serving ? 'endpoint no longer ready, serving' : 'endpoint no longer ready');
      }
    }
  }

  #lookForProcesses(): void {
    for (const [name, processes] of this.#processes) {
      for (const [container, pid] of processes) {
        if (existsSync(`/proc/${pid}`)) continue;
        processes.delete(container);
        this.#note(name, `${container} process gone`);
      }
    }
  }
}

/** Of those containers that run. */
function processesOf(dataDir: string, { status }: Pod): Map<string, number> {
  const running = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].filter(({ state }) => state?.running);
  return new Map(running.map(({ name, containerID }) => [name, taskPid(dataDir, containerID!.replace(/^.*:\/\//, ''))]));
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** When /proc/uptime was 0: looked at just when it moves on, several times, for one who is held up as it looks finds it too late. */
function bootMs(): number {
  const read = () => readFileSync('/proc/uptime', 'utf8').split(' ')[0]!;
  let [earliest, last] = [Infinity, read()];
  for (let looks = 0; looks < 12; ) {
    const next = read();
    if (next === last) continue;
    earliest = Math.min(earliest, nowMs() - Number(next) * 1000);
    last = next;
    looks++;
  }
  return earliest;
}
