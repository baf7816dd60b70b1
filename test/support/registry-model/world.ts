// One run: a server, clients that do things to it side by side, and the model that has to agree. All of it by one seed.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { customResourceDefinitions, namespaces as namespaceKind, serviceAccounts } from '../../../src/api/kinds/index.ts';
import type { ApiError } from '../../../src/api/error.ts';
import type { Transport } from '../../../src/api/request.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { seededRandom } from '../../../src/base/random.ts';
import { HttpTransport } from '../../../src/client/http-transport.ts';
import { admissions } from '../../../src/server/admission/admissions.ts';
import { createAuthority, issueCertificate } from '../../../src/server/auth/certificates.ts';
import { admin, kindsWithoutRoles, startTestServer, type TestServer } from '../../../src/server/test-server.ts';
import { createMemoryStore } from '../../../src/store/memory/memory-store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { Chance } from './chance.ts';
import { keyOf, RecordedHistory, type Written } from './history.ts';
import { clone, canonical, sorted } from './json.ts';
import { definitions, modelKinds, type Json, type ModelKind } from './kinds.ts';
import { isSame, whyNot } from './model.ts';
import { Operations, type Operation } from './operations.ts';
import { someRead, tried } from './reads.ts';
import { namespaces, someSelection } from './selection.ts';
import { FollowedWatch, someStart } from './watches.ts';

export interface Counts {
  operations: number;
  refused: number;
  reads: number;
  writes: number;
  watches: number;
  events: number;
  restarts: number;
}

export const noCounts = (): Counts => ({ operations: 0, refused: 0, reads: 0, writes: 0, watches: 0, events: 0, restarts: 0 });

export interface RunOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Present: the store lies in this file, and the server is started anew now and then. */
  readonly file?: string;
  /** Some of the clients come over HTTPS. */
  readonly overHttps?: boolean;
}

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const mostAtOnce = 7;
const mostWatches = 6;

interface Done {
  readonly operation: Operation;
  readonly from: number;
  readonly to: number;
  readonly nowMs: number;
  readonly answer: Json | undefined;
  readonly refusal: string | undefined;
  readonly error: ApiError | undefined;
}

/** Throws an Error with what was wrong, the seed, and what was done last. */
export async function runWorld(options: RunOptions, counts: Counts): Promise<void> {
  const world = new World(options, counts);
  try {
    await world.run();
  } catch (error) {
    throw new Error(`seed ${options.seed}, round ${world.round}: ${error instanceof Error ? error.message : String(error)}\nlast operations:\n${world.lastOperations()}`, { cause: error });
  } finally {
    await world.close();
  }
}

class World {
  readonly #chance: Chance;
  readonly #options: RunOptions;
  readonly #counts: Counts;
  #server!: TestServer;
  #clients: Transport[] = [];
  #https: HttpTransport[] = [];
  #history!: RecordedHistory;
  #operations!: Operations;
  /** What was before this revision is unknown to the server. */
  #floor = 0;
  #watches: FollowedWatch[] = [];
  #arrived = new Map<number, { readonly kind: ModelKind; readonly type: string; readonly object: Json }>();
  #witnesses = new AbortController();
  readonly #recent: string[] = [];
  #starts = 0;
  round = 0;

  constructor(options: RunOptions, counts: Counts) {
    this.#options = options;
    this.#counts = counts;
    this.#chance = new Chance(options.seed);
  }

  async run(): Promise<void> {
    const { file, rounds } = this.#options;
    if (file) rmSync(file, { force: true });
    await this.#start();
    await this.#prepare();
    for (this.round = 1; this.round <= rounds; this.round++) {
      await this.#oneRound();
      if (file && this.#chance.oneIn(40)) await this.#restart();
    }
    for (const watch of this.#watches.splice(0)) await this.#endWatch(watch);
    await this.#compareAll();
  }

  lastOperations(): string {
    return this.#recent.slice(-25).join('\n');
  }

  async close(): Promise<void> {
    this.#witnesses.abort();
    for (const transport of this.#https) transport.close();
    await this.#server?.[Symbol.asyncDispose]();
    if (this.#options.file) for (const end of ['', '-wal', '-shm']) rmSync(this.#options.file + end, { force: true });
  }

  async #start(): Promise<void> {
    const { file, overHttps } = this.#options;
    const store = file ? openSqliteStore(file) : createMemoryStore();
    this.#server = await startTestServer({ store, kinds: kindsWithoutRoles, admission: admissions(), seed: this.#options.seed * 1000 + this.#starts++ });
    const { server } = this.#server;
    this.#clients = [server.transport(admin), server.transport({ username: 'other', groups: ['system:masters'] })];
    if (overHttps) {
      this.#https = [await httpsOf(server), await httpsOf(server)];
      this.#clients.push(...this.#https);
    }
  }

  async #prepare(): Promise<void> {
    const server = this.#server;
    for (const name of [...namespaces, 'dying']) await server.call('create', namespaceKind, { body: { metadata: { name } } });
    await server.call('delete', namespaceKind, { name: 'dying' });
    for (const namespace of namespaces) await server.call('create', serviceAccounts, { namespace, body: { metadata: { name: 'default' } } });
    for (const definition of definitions) {
      const made = await server.call('create', customResourceDefinitions, { body: definition });
      const established = { type: 'Established', status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
      await server.call('update', customResourceDefinitions, { name: made.metadata.name, subresource: 'status', body: { ...made, status: { ...made.status, acceptedNames: made.spec.names, conditions: [established] } } });
    }
    const templates = new Map<ModelKind, Json>();
    for (const kind of modelKinds) {
      const { metadata: _, ...template } = clone(await server.call<Json>('create', kind.resource, { ...(kind.namespaced ? { namespace: 'a' } : {}), options: { dryRun: true }, body: { ...kind.body, metadata: { name: 'template' } } }));
      templates.set(kind, template);
    }
    const { metadata } = await server.call('list', modelKinds[0]!.resource);
    this.#history = new RecordedHistory(Number(metadata.resourceVersion));
    this.#operations = new Operations(this.#chance, modelKinds, this.#history, templates);
    this.#floor = this.#history.first;
    this.#witness();
  }

  /** One watch of each kind, of everything: what it is told is the history. */
  #witness(): void {
    this.#witnesses = new AbortController();
    const { signal } = this.#witnesses;
    for (const kind of modelKinds) {
      void (async () => {
        const options = { resourceVersion: String(this.#history.last) };
        for await (const { type, object } of this.#server.server.transport(admin).watch<Json>({ verb: 'watch', resource: kind.resource, options }, signal)) {
          this.#arrived.set(Number((object as Json)['metadata'].resourceVersion), { kind, type, object: object as Json });
        }
      })().catch((error: unknown) => void (signal.aborted || this.#recent.push(`the witness of ${kind.kind} ended: ${String(error)}`)));
    }
  }

  /** Takes what has come into the history. */
  #record(): void {
    for (let next; (next = this.#arrived.get(this.#history.last + 1)); ) {
      this.#arrived.delete(this.#history.last + 1);
      this.#history.add(next.kind, next.type, next.object);
      this.#counts.writes++;
    }
  }

  async #settled(): Promise<void> {
    for (let left = 3; left > 0; left--) {
      await turn();
      this.#record();
    }
    assert.equal(this.#arrived.size, 0, `revision ${this.#history.last + 1} was no write of any kind that is written here`);
  }

  async #oneRound(): Promise<void> {
    const chance = this.#chance;
    const { clock } = this.#server;
    if (chance.oneIn(4)) await clock.advance(chance.of([1000, 7000, 61_000]));
    await this.#changeWatches();
    const nowMs = clock.wallMs();
    const checks: (() => void)[] = [];
    const written: Done[] = [];
    const going: Promise<void>[] = [];
    for (let left = 1 + chance.below(mostAtOnce); left > 0; left--) {
      const client = chance.of(this.#clients);
      if (chance.oneIn(3)) {
        this.#counts.reads++;
        going.push(someRead(chance, modelKinds, this.#history, this.#floor, turn)(client).then((check) => void checks.push(check)));
      } else going.push(this.#perform(client, this.#operations.next(), nowMs).then((done) => void written.push(done)));
      going.at(-1)!.catch(() => {}); // said below
      for (let turns = chance.below(3); turns > 0; turns--) {
        await turn();
        this.#record();
      }
    }
    await Promise.all(going);
    await this.#settled();
    for (const check of checks) check();
    this.#explain(written);
    for (const watch of this.#watches) watch.begun(this.#history);
  }

  async #perform(client: Transport, operation: Operation, nowMs: number): Promise<Done> {
    const from = this.#history.last;
    this.#counts.operations++;
    this.#recent.push(`${this.round} from ${from}: ${JSON.stringify(operation.request)}`);
    const [answer, refusal, error] = await tried(client.call<Json>(operation.request, never));
    await turn();
    this.#record();
    if (refusal) this.#counts.refused++;
    this.#recent.push(`${this.round}   → ${refusal ? `${refusal} ${error!.message}` : `rv ${answer?.['metadata']?.resourceVersion ?? answer?.['kind']}`}`);
    return { operation, from, to: this.#history.last, nowMs, answer, refusal, error };
  }

  /** Every write has its operation, and every operation its writes. */
  #explain(all: readonly Done[]): void {
    const isLater = ({ operation: { what } }: Done) => what === 'evict' || what === 'delete' || what === 'collection';
    // Those whose answers say which write was theirs come first.
    for (const done of [...all.filter((one) => !isLater(one)), ...all.filter((one) => isLater(one) && one.operation.what !== 'evict'), ...all.filter(({ operation }) => operation.what === 'evict')]) this.#explainOne(done);
    const unexplained = this.#history.after(Math.min(...all.map(({ from }) => from), this.#history.last)).find(({ by }) => by === undefined);
    if (unexplained) assert.fail(`nobody has asked for ${unexplained?.type} ${unexplained?.kind.kind} ${unexplained?.key} at ${unexplained?.revision}: ${JSON.stringify(unexplained?.object)}`);
  }

  #explainOne(done: Done): void {
    const { operation, refusal, answer } = done;
    const words = `${operation.request.verb} ${operation.kind.kind} ${operation.request.subresource ?? ''} ${JSON.stringify(operation.request)}`;
    const { namespace, name = '' } = operation.request;
    if (operation.what === 'collection') return this.#explainCollection(done, words);
    const key = keyOf(namespace, operation.request.verb === 'create' && operation.what === 'write' ? ((answer?.['metadata'].name ?? (operation.request.body as Json)['metadata'].name) as string) : name);
    const to = Math.max(done.to, Number(answer?.['metadata']?.resourceVersion ?? 0) || 0);
    const states = this.#history.states(operation.kind, key, done.from, to).map(({ object }) => object);
    const outcomes = states.map((state) => ({ state, outcome: operation.outcome(state, done.nowMs, { uid: answer?.['metadata']?.uid ?? '', name: answer?.['metadata']?.name ?? '' }) }));
    if (refusal) {
      const isRace = operation.what === 'evict' && refusal === '409 Conflict' && states.length > 1;
      const expected = outcomes.map(({ outcome }) => ('refused' in outcome ? outcome.refused : 'accepted'));
      // It has said already why the Pod was to go, and then the Pod was another.
      const condition = isRace && this.#history.of(operation.kind, key).find((written) => written.by === undefined && written.revision > done.from && isDisruption(written));
      if (condition) condition.by = words;
      assert.ok(isRace || expected.includes(refusal), `${words}: refused as ${refusal} (${done.error!.message}), expected ${expected.join(' or ')}`);
      return;
    }
    if (operation.request.options.dryRun) return this.#explainDry(done, outcomes, words);
    switch (operation.what) {
      case 'write': return this.#explainWrite(done, key, outcomes, words);
      case 'scale': return this.#explainWrite(done, key, outcomes, words);
      default: return this.#explainSilent(done, key, outcomes, words);
    }
  }

  #explainWrite({ operation, answer, from }: Done, key: string, outcomes: readonly Outcomes[], words: string): void {
    const { kind, what } = operation;
    const revision = Number(answer!['metadata'].resourceVersion);
    const written = this.#history.written(revision);
    let why = '';
    if (written && written.by === undefined && written.kind === kind && written.key === key && revision > from) {
      const outcome = operation.outcome(written.before, this.#server.clock.wallMs(), { uid: written.object['metadata'].uid, name: written.object['metadata'].name });
      why = whyNot(kind, outcome, written.before, written.object, written.type === 'DELETED') ?? '';
      if (!why) {
        written.by = words;
        if (what === 'scale') assert.equal(answer!['spec'].replicas, written.object['spec'].replicas, `${words}: answers with the scale`);
        else if (written.type !== 'DELETED') assert.deepEqual(sorted(answer), sorted(written.object), `${words}: answers with what it has written`);
        return;
      }
    }
    const isNothing = outcomes.some(({ state, outcome }) => state && state['metadata'].resourceVersion === String(revision) && !('refused' in outcome) && isSame(outcome, state, kind));
    assert.ok(isNothing, `${words}: at revision ${revision} it wrote what it should not have, or nothing where it should: ${why || outcomes.map(({ state, outcome }) => ('refused' in outcome ? outcome.refused : `${canonical(outcome.after)} over ${canonical(state)}`)).join('\n')}`);
  }

  #explainDry({ operation, answer }: Done, outcomes: readonly Outcomes[], words: string): void {
    const { kind, what } = operation;
    const whys = outcomes.map(({ state, outcome }) => {
      if ('refused' in outcome) return outcome.refused;
      if (what === 'scale') return answer!['spec'].replicas === outcome.after['spec'].replicas ? undefined : 'another scale';
      if (what !== 'write' || outcome.isGone) return undefined;
      return whyNot(kind, outcome, state, answer!, false);
    });
    assert.ok(whys.includes(undefined), `${words}: ${whys.join('\n')}`);
  }

  /** Deletes, bindings and evictions, whose answers need not say which write was theirs. */
  #explainSilent(done: Done, key: string, outcomes: readonly Outcomes[], words: string): void {
    const { operation, answer, from } = done;
    const { kind, what } = operation;
    const told = Number(answer?.['metadata']?.resourceVersion ?? 0);
    const isNamed = what === 'delete' && told > 0;
    const free = this.#history.of(kind, key).filter(({ revision, by }) => by === undefined && revision > from && (!isNamed || revision === told));
    const isMine = (written: Written) => written.before !== undefined && (what !== 'delete' || isNamed || answer!['details'].uid === written.object['metadata'].uid) && whyNot(kind, operation.outcome(written.before, this.#server.clock.wallMs(), { uid: '', name: '' }), written.before, written.object, written.type === 'DELETED') === undefined;
    if (what === 'evict') {
      const condition = free.find(isDisruption);
      if (condition) {
        condition.by = words;
        const later = free.find((written) => written.revision > condition.revision && written.by === undefined && isMineAfter(written));
        if (later) later.by = words;
        return;
      }
    }
    const mine = free.find((written) => isMine(written) || (what === 'evict' && isMineAfter(written)));
    if (mine) {
      mine.by = words;
      if (isNamed) assert.deepEqual(sorted(answer), sorted(mine.object), `${words}: answers with what it has written`);
      return;
    }
    const isNothing = outcomes.some(({ state, outcome }) => state && !('refused' in outcome) && isSame(outcome, state, kind) && (!isNamed || state['metadata'].resourceVersion === String(told)));
    assert.ok(isNothing, `${words}: answered ${JSON.stringify(answer)} and wrote nothing that it should have; expected ${outcomes.map(({ state, outcome }) => ('refused' in outcome ? outcome.refused : `${whyNot(kind, outcome, state, free[0]?.object ?? { metadata: {} }, free[0]?.type === 'DELETED')}`)).join('\n')}`);

    /** Its first write has made another revision than the one that it was to be. */
    function isMineAfter(written: Written): boolean {
      if (!written.before) return false;
      const insisted = operation.deletion!.preconditions?.resourceVersion;
      const before = insisted ? { ...written.before, metadata: { ...written.before['metadata'], resourceVersion: insisted } } : written.before;
      return whyNot(kind, operation.outcome(before, done.nowMs, { uid: '', name: '' }), before, written.object, written.type === 'DELETED') === undefined;
    }
  }

  #explainCollection(done: Done, words: string): void {
    const { operation, answer, from, refusal } = done;
    const { kind, selection, request } = operation;
    assert.equal(refusal, undefined, words);
    const items = answer!['items'] as Json[];
    const listedAt = Array.from({ length: done.to - from + 1 }, (_, i) => this.#history.list(kind, from + i).filter(selection!.matches));
    const keyOfObject = ({ metadata }: Json) => keyOf(metadata.namespace, metadata.name);
    const isExplained = listedAt.some((listed) => {
      const keys = new Set(listed.map(keyOfObject));
      const answered = new Set(items.map(keyOfObject));
      const areThere = [...answered].every((key) => keys.has(key));
      return areThere && [...keys].every((key) => answered.has(key) || this.#history.states(kind, key, from, done.to).some(({ object }) => object === undefined));
    });
    assert.ok(isExplained, `${words}: it ended ${items.map(keyOfObject).join(' ')}, of ${listedAt.map((listed) => listed.map(keyOfObject).join(' ')).join(' or ')}`);
    if (request.options.dryRun) return;
    for (const item of items) {
      const written = this.#history.written(Number(item['metadata'].resourceVersion));
      const isOwn = written && written.revision > from && written.by === undefined && written.key === keyOfObject(item) && written.kind === kind;
      const why = isOwn ? whyNot(kind, operation.outcome(written.before, done.nowMs, { uid: '', name: '' }), written.before, written.object, written.type === 'DELETED') : 'it is no write of its own';
      if (isOwn && why === undefined) {
        written.by = words;
        continue;
      }
      const isNothing = this.#history.states(kind, keyOfObject(item), from, done.to).some(({ object }) => {
        const outcome = object && operation.outcome(object, done.nowMs, { uid: '', name: '' });
        return outcome && !('refused' in outcome) && isSame(outcome, object!, kind);
      });
      assert.ok(isNothing, `${words}: ${keyOfObject(item)} at ${item['metadata'].resourceVersion}: ${why}`);
    }
  }

  async #changeWatches(): Promise<void> {
    const chance = this.#chance;
    for (let left = chance.below(3); left > 0; left--) {
      if (this.#watches.length < mostWatches && !chance.oneIn(3)) {
        const kind = chance.of(modelKinds);
        this.#follow(kind, someStart(chance, this.#history, this.#floor));
      } else if (this.#watches.length > 0) {
        const [watch] = this.#watches.splice(chance.below(this.#watches.length), 1);
        const { lastRevision } = watch!;
        await this.#endWatch(watch!);
        // Cut off, and taken up where it was.
        if (lastRevision && lastRevision >= this.#floor && chance.oneIn(2)) this.#follow(watch!.kind, { resourceVersion: String(lastRevision), allowWatchBookmarks: true }, watch!.selection);
      }
    }
  }

  #follow(kind: ModelKind, options: ReturnType<typeof someStart>, selection = someSelection(this.#chance, kind)): void {
    const client = this.#chance.of(this.#clients);
    this.#watches.push(new FollowedWatch(client, client instanceof HttpTransport, this.#history, this.#floor, kind, selection, options));
    this.#counts.watches++;
  }

  async #endWatch(watch: FollowedWatch): Promise<void> {
    watch.begun(this.#history);
    this.#counts.events += await watch.end(this.#history, patience);
  }

  /** What was acknowledged is there afterwards; what was before is not known in its steps any more. */
  async #restart(): Promise<void> {
    for (const watch of this.#watches.splice(0)) await this.#endWatch(watch);
    this.#witnesses.abort();
    for (const transport of this.#https) transport.close();
    await this.#server[Symbol.asyncDispose]();
    await this.#start();
    this.#floor = this.#history.last;
    await this.#compareAll();
    this.#witness();
    this.#counts.restarts++;
  }

  async #compareAll(): Promise<void> {
    for (const kind of modelKinds) {
      const { items, metadata } = await this.#server.call<Json>('list', kind.resource);
      assert.equal(Number(metadata.resourceVersion), this.#history.last, 'nothing else has been written');
      assert.deepEqual(sorted(items), sorted(this.#history.list(kind, this.#history.last)), `all ${kind.kind}s are what was last written`);
    }
  }
}

interface Outcomes {
  readonly state: Json | undefined;
  readonly outcome: ReturnType<Operation['outcome']>;
}

function isDisruption({ type, before, object }: Written): boolean {
  return before !== undefined && type === 'MODIFIED' && withoutConditions(before) === withoutConditions(object) && object['status'].conditions?.some((condition: Json) => condition['type'] === 'DisruptionTarget');
}

function withoutConditions(object: Json): string {
  return canonical({ ...object, metadata: { ...object['metadata'], resourceVersion: '', managedFields: [] }, status: { ...object['status'], conditions: [] } });
}

/** Waits for what is on its way over a socket; all else has come at once. */
async function patience(isDone: () => boolean): Promise<void> {
  const untilMs = systemClock.monotonicMs() + 5000;
  for (let turns = 0; !isDone() && systemClock.monotonicMs() < untilMs; turns++) await (turns < 100 ? turn() : systemClock.sleep(1, never));
}

let authority: Promise<{ readonly ca: string; readonly server: { certPem: string; keyPem: string }; readonly client: { certPem: string; keyPem: string } }> | undefined;

async function makeAuthority() {
  const made = await createAuthority('ca', systemClock);
  const server = await issueCertificate(made, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
  const client = await issueCertificate(made, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, systemClock);
  return { ca: made.certPem, server, client };
}

async function httpsOf(server: TestServer['server']): Promise<HttpTransport> {
  const { ca, server: own, client } = await (authority ??= makeAuthority());
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: ca });
  return new HttpTransport({ server: `https://127.0.0.1:${port}`, ca, cert: client.certPem, key: client.keyPem, clock: systemClock, random: seededRandom(1) });
}
