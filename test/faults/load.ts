// The load: creates, updates, scales and deletes by chance, and what must be there because it was acknowledged. An object
// is worked on by one at a time, so what it must be is known; where no answer came it must be as before or as after, and
// which is looked up before it is worked on again.
import { setTimeout as sleep } from 'node:timers/promises';
import { isReason } from '../../src/api/error.ts';
import { configMaps } from '../../src/api/kinds/config-map.ts';
import { deployments } from '../../src/api/kinds/deployment.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { KubeObject, Pod } from '../../src/api/types.ts';
import type { Random } from '../../src/base/random.ts';
import type { Client } from '../../src/client/client.ts';

export interface Counts {
  acknowledged: number;
  /** No answer came; of those, found done when looked up. */
  unanswered: number;
  done: number;
  lost: string[];
}

/** What is known of an object: its UID and the number of its last write; a Deployment also its replicas. */
export interface Wanted {
  readonly kind: 'ConfigMap' | 'Pod' | 'Deployment';
  readonly name: string;
  readonly uid?: string;
  readonly write: number;
  readonly replicas?: number;
}

/** `now` undefined: it must not be there. `or`: no answer came to the write that would have made it so. */
interface Known {
  readonly name: string;
  readonly kind: Wanted['kind'];
  readonly now: Wanted | undefined;
  readonly or?: { readonly next: Wanted | undefined };
  busy: boolean;
}

const resources: Readonly<Record<Wanted['kind'], Resource<KubeObject>>> = { ConfigMap: configMaps as never, Pod: pods as never, Deployment: deployments as never };
const mostOf = { ConfigMap: 12, Pod: 9, Deployment: 3 } as const;
const answerMs = 10_000;
const lasting = 'lasting-';
const namespace = 'default';

export class Load {
  readonly counts: Counts;
  #known = new Map<string, Known>();
  #made: number;
  readonly #random: Random;
  readonly #client: () => Client;

  constructor(random: Random, client: () => Client, before: { readonly made: number; readonly wanted: readonly Wanted[]; readonly counts: Counts } = { made: 0, wanted: [], counts: { acknowledged: 0, unanswered: 0, done: 0, lost: [] } }) {
    this.#random = random;
    this.#client = client;
    this.#made = before.made;
    this.counts = before.counts;
    for (const now of before.wanted) this.#known.set(idOf(now), { kind: now.kind, name: now.name, now, busy: false });
  }

  /** What must be there; only once all is known. */
  get wanted(): readonly Wanted[] {
    return [...this.#known.values()].flatMap(({ now }) => now ?? []);
  }

  get made(): number {
    return this.#made;
  }

  /** Makes Pods that are then left alone. */
  async leaveAlone(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const known = { kind: 'Pod', name: `${lasting}${n}`, now: undefined, busy: true } as const;
      if (!this.#known.has(idOf(known))) await this.#write(known, 'create');
    }
    await this.settle();
  }

  /** Works until told to stop; what it has begun it ends. */
  async work(workers: number, signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: workers }, async () => {
      while (!signal.aborted) {
        await this.#one();
        await sleep(this.#random.next() * 60);
      }
    }));
  }

  /** Looks up all of which no answer came, and that all the rest is as it was acknowledged. */
  async settle(): Promise<void> {
    for (const known of this.#known.values()) await this.#check(known);
  }

  async #one(): Promise<void> {
    const kind = pick(this.#random, ['ConfigMap', 'ConfigMap', 'Pod', 'Pod', 'Pod', 'Deployment'] as const);
    const all = [...this.#known.values()].filter((one) => one.kind === kind && !one.busy && !one.name.startsWith(lasting));
    const there = [...this.#known.values()].filter((one) => one.kind === kind).length;
    const isNew = there < mostOf[kind] && (all.length === 0 || this.#random.next() < 0.5);
    const known = isNew ? { kind, name: `${kind.toLowerCase().slice(0, 1)}-${this.#made++}`, now: undefined, busy: true } : pick(this.#random, all);
    if (!known) return;
    known.busy = true;
    this.#known.set(idOf(known), known);
    await (isNew ? this.#write(known, 'create') : this.#change(known));
    const left = this.#known.get(idOf(known));
    if (left) left.busy = false;
  }

  async #change(known: Known): Promise<void> {
    const found = await this.#check(known);
    if (!found) return;
    await this.#write({ ...found, busy: true }, this.#random.next() < (known.kind === 'ConfigMap' ? 0.25 : 0.45) ? 'delete' : 'update');
  }

  async #write(known: Known, what: 'create' | 'update' | 'delete'): Promise<void> {
    const { kind, name, now } = known;
    const write = (now?.write ?? 0) + 1;
    const replicas = kind === 'Deployment' ? Math.floor(this.#random.next() * 4) : undefined;
    const next: Wanted | undefined = what === 'delete' ? undefined : { kind, name, uid: now?.uid, write, ...(replicas === undefined ? {} : { replicas }) };
    try {
      const made = await this.#send(what, kind, name, write, replicas);
      this.counts.acknowledged++;
      this.#keep({ kind, name, now: next && { ...next, uid: made?.metadata.uid ?? now?.uid }, busy: true });
    } catch (error) {
      if (isReason(error, 'Invalid', 'BadRequest', 'Forbidden')) throw error;
      this.counts.unanswered++;
      this.#known.set(idOf(known), { kind, name, now, or: { next }, busy: true });
    }
  }

  async #send(what: 'create' | 'update' | 'delete', kind: Wanted['kind'], name: string, write: number, replicas: number | undefined): Promise<KubeObject | undefined> {
    const [client, resource, signal] = [this.#client(), resources[kind], AbortSignal.timeout(answerMs)];
    if (what === 'create') return client.create(resource, manifest(this.#random, kind, name, write, replicas), signal);
    if (what === 'delete') {
      const grace = kind === 'Pod' ? pick(this.#random, [undefined, undefined, 1, 0]) : undefined;
      await client.delete(resource, { namespace, name }, { ...(grace === undefined ? {} : { gracePeriodSeconds: grace }), ...(kind === 'Deployment' ? { propagationPolicy: 'Background' } : {}) } as never, signal);
      return undefined;
    }
    const annotations = { write: String(write) };
    // Now and then a Deployment gets a new template too, and so new Pods.
    const spec = kind === 'Deployment' ? { spec: { replicas, ...(write % 3 === 0 ? { template: { metadata: { annotations } } } : {}) } } : {};
    return client.patch(resource, { namespace, name }, { type: 'merge', body: { metadata: { annotations }, ...spec } }, signal);
  }

  /** How it is, which is one of the ways in which it may be; waits until the API answers. */
  async #check(known: Known): Promise<Known | undefined> {
    const { kind, name, now, or } = known;
    const found = await this.#read(kind, name);
    const write = Number(found?.metadata.annotations?.['write'] ?? 0);
    const isThus = (wanted: Wanted | undefined) => (wanted === undefined ? !found : found !== undefined && write === wanted.write && (wanted.uid === undefined || wanted.uid === found.metadata.uid));
    const which = isThus(now) ? { now } : or && isThus(or.next) ? { now: or.next } : undefined;
    if (!which) this.counts.lost.push(`${kind} ${name} must be ${JSON.stringify(now)}${or ? ` or ${JSON.stringify(or.next)}` : ''}, and is ${found ? `write ${write} of ${found.metadata.uid}` : 'not there'}`);
    else if (or && which.now === or.next) this.counts.done++;
    const is = which?.now && { ...which.now, uid: found!.metadata.uid };
    return this.#keep({ kind, name, now: is, busy: known.busy });
  }

  #keep(known: Known): Known | undefined {
    if (known.now) this.#known.set(idOf(known), known);
    else this.#known.delete(idOf(known));
    return known.now && known;
  }

  /** Undefined: it is not there, or about to go. */
  async #read(kind: Wanted['kind'], name: string): Promise<KubeObject | undefined> {
    for (;;) {
      try {
        const found = await this.#client().get(resources[kind], { namespace, name }, AbortSignal.timeout(answerMs));
        return found.metadata.deletionTimestamp ? undefined : found;
      } catch (error) {
        if (isReason(error, 'NotFound')) return undefined;
      }
      await sleep(20);
    }
  }
}

function idOf({ kind, name }: Pick<Wanted, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random.next() * from.length)]!;
}

function manifest(random: Random, kind: Wanted['kind'], name: string, write: number, replicas: number | undefined): never {
  const metadata = { name, namespace, annotations: { write: String(write) } };
  if (kind === 'ConfigMap') return { metadata, data: { text: 'x'.repeat(Math.floor(random.next() * 2000)) } } as never;
  if (kind === 'Pod') return { metadata, spec: podSpec(random) } as never;
  const labels = { app: name };
  return { metadata, spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec(random) } } } as never;
}

/** All run for ever and end in different ways; with volumes that are mounts, directories and files. */
function podSpec(random: Random): Pod['spec'] {
  const ends = pick(random, ['exit 0', 'sleep 1; exit 0', ':']);
  const main = {
    name: 'main', image: 'localhost/busybox', command: ['sh', '-c', `trap '${ends}' TERM; while :; do sleep 3600 & wait $!; done`],
    volumeMounts: [{ name: 'memory', mountPath: '/memory' }, { name: 'disk', mountPath: '/disk' }],
    ...(random.next() < 0.3 ? { lifecycle: { preStop: { sleep: { seconds: 1 } } } } : {}),
  };
  const side = { name: 'side', image: 'localhost/busybox', restartPolicy: 'Always', command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'] };
  const init = { name: 'init', image: 'localhost/busybox', command: ['true'] };
  return {
    terminationGracePeriodSeconds: 2,
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }, { name: 'disk', emptyDir: {} }],
    ...(random.next() < 0.4 ? { initContainers: random.next() < 0.5 ? [side] : [init, side] } : {}),
    containers: random.next() < 0.2 ? [main, { ...main, name: 'second' }] : [main],
  } as never;
}
