// Fuzzes a server: requests by a seed, and after each the same questions. Is the answer one, and no 500; has the server said that
// something broke; does it still serve others; and at the end: is all that it has stored sound, is nothing still open, is its memory back.
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { Agent, request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { Chance } from '../registry-model/chance.ts';
import { attempt, someRaw, type Peer, type RawAttempt } from './raw.ts';
import { Requests, type FuzzedRequest, type ServedResource } from './requests.ts';
import type { Schema } from './values.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Where the server's store lies meanwhile. */
  readonly file: string;
}

export interface FuzzReport {
  requests: number;
  readonly kinds: Record<string, number>;
  readonly codes: Record<string, number>;
  stored: number;
  cpuSeconds: number;
  readonly heapMegabytes: number[];
}

interface State {
  readonly heapBytes: number;
  readonly open: number;
  /** Of the clients of what is open. */
  readonly ports: readonly number[];
  readonly cpuSeconds: number;
  readonly failures: readonly string[];
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: Buffer;
}

const longestAnswerMs = 20_000;
const roundLength = 600;
/** Beyond what a run may leave behind, of code that has become hot and of history, which has a bound of its own. */
const mostGrowthBytes = 150 * 1024 * 1024;

/** Upstream gives these as inner errors, too. */
const documented = [/resourceVersion should not be set on objects to be created/, /the spec replicas field .* does not exist/, /failed calling webhook/];

/** Throws an Error that says what was found, and how to find it again. */
export async function fuzz({ seed, seconds, file }: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { requests: 0, kinds: {}, codes: {}, stored: 0, cpuSeconds: 0, heapMegabytes: [] };
  await using target = await Target.start(file);
  const resources = await target.resources();
  const untilMs = performance.now() + seconds * 1000;
  let lowestHeap = Infinity;
  for (let round = 0; performance.now() < untilMs; round++) {
    const chance = new Chance(seed + round);
    const requests = new Requests(chance, resources.served, resources.schemas);
    requests.namespace = 'default';
    await target.round(chance, requests, report, `seed ${seed + round}`);
    report.stored += await target.checkStored(resources.served, `seed ${seed + round}`);
    await target.clear(resources.served);
    const { heapBytes, cpuSeconds } = await target.state(`seed ${seed + round}`);
    report.cpuSeconds = cpuSeconds;
    if (round === 2) lowestHeap = heapBytes;
    report.heapMegabytes.push(Math.round(heapBytes / 2 ** 20));
    if (round > 2) assert.ok(heapBytes - lowestHeap < mostGrowthBytes, `seed ${seed}: the heap has grown from ${lowestHeap} to ${heapBytes} bytes`);
  }
  await target.nothingOpen();
  return report;
}

class Target implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #peer: Peer;
  readonly #file: string;
  readonly #agent: Agent;
  readonly #broken: string[] = [];
  /** What was last sent from a port. */
  readonly #sentFrom = new Map<number, string>();
  #session: ClientHttp2Session | undefined;
  /** Each that there was: one that the server has told to end may live on for the streams that it has. */
  readonly #sessions = new Set<ClientHttp2Session>();

  private constructor(child: ChildProcess, peer: Peer, file: string) {
    this.#child = child;
    this.#peer = peer;
    this.#file = file;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8, ca: peer.ca, cert: peer.cert, key: peer.key });
    child.on('message', (message: { type: string; text: string }) => void (message.type === 'broken' && this.#broken.push(message.text)));
    child.once('exit', (code, signal) => void this.#broken.push(`the server is gone: ${code ?? signal}`));
  }

  static async start(file: string): Promise<Target> {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    const child = fork(fileURLToPath(new URL('victim.ts', import.meta.url)), [file], { execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [peer] = (await once(child, 'message')) as [Peer & { type: string; text?: string }];
    assert.equal(peer.type, 'ready', peer.text);
    return new Target(child, peer, file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#agent.destroy();
    if (this.#child.exitCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.send({ type: 'end' });
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    }
    for (const end of ['', '-wal', '-shm']) rmSync(this.#file + end, { force: true });
  }

  async resources(): Promise<{ served: ServedResource[]; schemas: Record<string, Schema> }> {
    const get = async (path: string) => JSON.parse((await this.#send2({ what: '', method: 'GET', path, headers: {}, body: undefined })).body.toString());
    const groups: any[] = (await get('/apis')).groups.flatMap(({ versions }: any) => versions.map(({ groupVersion }: any) => groupVersion));
    const served: ServedResource[] = [];
    const schemas: Record<string, Schema> = {};
    for (const apiVersion of ['v1', ...groups]) {
      const prefix = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
      const { resources } = await get(prefix);
      Object.assign(schemas, (await get(`/openapi/v3${prefix}`)).components?.schemas);
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
      const schemaOf = (kind: string) => Object.values(schemas).find((schema) => schema['x-kubernetes-group-version-kind']?.some((one: any) => one.kind === kind && one.group === group && one.version === version));
      for (const { name, kind, namespaced } of resources) {
        if (name.includes('/')) continue;
        served.push({ prefix, name, kind, namespaced, apiVersion, schema: schemaOf(kind), subresources: resources.filter((one: any) => one.name.startsWith(`${name}/`)).map((one: any) => one.name.split('/')[1]) });
      }
    }
    assert.ok(served.length > 50 && served.filter(({ schema }) => schema).length > 40, 'discovery and schema are there to make requests of');
    return { served, schemas };
  }

  /** Some at once, so that one's end is another's middle. */
  async round(chance: Chance, requests: Requests, report: FuzzReport, words: string): Promise<void> {
    for (let left = roundLength; left > 0; ) {
      const going: Promise<void>[] = [];
      for (let some = 1 + chance.below(24); some > 0 && left > 0; some--, left--) {
        report.requests++;
        if (chance.oneIn(6)) {
          const raw = someRaw(chance);
          count(report.kinds, raw.what);
          going.push(this.#attempt(raw, report, words));
        } else {
          const one = requests.next();
          count(report.kinds, one.what);
          going.push(this.#ask(one, chance.oneIn(4), report, words));
        }
      }
      await Promise.all(going);
      if (chance.oneIn(20)) await this.canary(words);
    }
    await this.canary(words);
  }

  async #attempt(raw: RawAttempt, report: FuzzReport, words: string): Promise<void> {
    const answer = await attempt(this.#peer, raw, longestAnswerMs, (port) => void this.#sentFrom.set(port, `${words}: ${raw.what} ${raw.end} ${JSON.stringify(raw.parts.map((part) => part.toString('latin1').slice(0, 200)))}`)).catch((error: Error) => assert.fail(`${words}: ${raw.what} ${JSON.stringify(raw.parts.map((part) => part.toString('latin1')))}: ${error.message}`));
    const code = raw.protocol === 'http/1.1' ? /^HTTP\/1\.1 (\d+)/.exec(answer.toString('latin1'))?.[1] : undefined;
    count(report.codes, code ?? 'none');
    if (code === '500') assert.fail(`${words}: ${raw.what} ${JSON.stringify(raw.parts.map((part) => part.toString('latin1').slice(0, 2000)))}: ${answer.toString().slice(0, 2000)}`);
    this.#checkAlive(`${words}: ${raw.what} ${JSON.stringify(raw.parts.map((part) => part.toString('latin1').slice(0, 2000)))}`);
  }

  async #ask(one: FuzzedRequest, overHttp1: boolean, report: FuzzReport, words: string): Promise<void> {
    const said = `${words}: ${one.method} ${one.path.slice(0, 600)} ${JSON.stringify(one.headers).slice(0, 600)} ${one.body ? JSON.stringify(one.body.toString().slice(0, 3000)) : ''}`;
    const answer = await this.#send(one, overHttp1).catch((error: Error) => assert.fail(`${said}: ${error.message}`));
    count(report.codes, !answer ? 'none' : isDocumented(answer) ? '500-as-upstream' : String(answer.code));
    this.#checkAlive(said);
    if (answer) checkAnswer(answer, one, said);
  }

  /** Undefined: it could not even be sent, or was answered by an end. */
  #send(one: FuzzedRequest, overHttp1: boolean): Promise<Answer | undefined> {
    return overHttp1 ? this.#send1(one) : this.#send2(one).catch((error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_INVALID') || error.code?.startsWith('ERR_HTTP2') || error.code === 'ECONNRESET') return undefined;
      throw error;
    });
  }

  #send2({ method, path, headers, body }: FuzzedRequest): Promise<Answer> {
    if (!this.#session || this.#session.destroyed || this.#session.closed) {
      // Node counts what it did not send of bodies that were answered early for ever, and refuses answers when it comes to ten megabytes.
      this.#session = connect(`https://127.0.0.1:${this.#peer.port}`, { ca: this.#peer.ca, cert: this.#peer.cert, key: this.#peer.key, maxSessionMemory: 2 ** 32 - 1 });
      this.#sessions.add(this.#session);
      this.#session.on('error', () => {});
    }
    return new Promise((resolve, reject) => {
      const { 'content-length': _, ...sent } = headers;
      const session = this.#session!;
      const stream = session.request({ ':method': method, ':path': path, ...sent }, { endStream: body === undefined });
      const chunks: Buffer[] = [];
      let code = 0;
      let type = '';
      let length: number | undefined;
      const timer = setTimeout(() => {
        if (!isOpenEnded(path)) reject(new Error(`no answer in ${longestAnswerMs} ms: ${code}, ${Buffer.concat(chunks).length} of ${length} bytes, stream ${JSON.stringify([stream.id, stream.sentHeaders !== undefined, stream.writableFinished, stream.closed, stream.rstCode, stream.state])}, session ${JSON.stringify([session === this.#session, session.closed, session.destroyed, session.state])}`));
        // What came of it may be a part only.
        else reject(Object.assign(new Error('left'), { code: 'ERR_HTTP2_LEFT' }));
        stream.close();
      }, isOpenEnded(path) ? leftAfterMs : longestAnswerMs);
      stream.on('response', (got) => {
        code = Number(got[':status']);
        type = String(got['content-type'] ?? '');
        if (method !== 'HEAD' && got['content-length'] !== undefined) length = Number(got['content-length']);
      });
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('error', reject);
      // A head that is longer than node sends does not always end the stream.
      stream.on('frameError', (_type: number, code: number) => reject(Object.assign(new Error(`the head cannot be sent: ${code}`), { code: 'ERR_HTTP2_FRAME' })));
      const done = () => {
        clearTimeout(timer);
        const body = Buffer.concat(chunks);
        if (length !== undefined && body.length !== length) reject(new Error(`the answer is cut: ${code}, ${body.length} of ${length} bytes, reset ${stream.rstCode}, ended ${stream.readableEnded}, session ${JSON.stringify([session.closed, session.destroyed, session.state])}`));
        else if (code) resolve({ code, type, body });
        else reject(Object.assign(new Error('no answer'), { code: 'ERR_HTTP2_NONE' }));
      };
      // Where the answer comes before all of the body is sent, the client's stream does not always close.
      stream.once('end', () => code && done());
      stream.once('close', done);
      if (body) stream.end(body);
    });
  }

  #send1(one: FuzzedRequest, isAgain = false): Promise<Answer | undefined> {
    const { method, path, headers, body } = one;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (!isOpenEnded(path)) reject(new Error(`no answer in ${longestAnswerMs} ms`));
        else resolve(undefined);
        leave();
      }, isOpenEnded(path) ? leftAfterMs : longestAnswerMs);
      let leave = () => {};
      const done = (answer: Answer | undefined | Promise<Answer | undefined>) => {
        clearTimeout(timer);
        resolve(answer);
      };
      try {
        const sent = request({ host: '127.0.0.1', port: this.#peer.port, agent: this.#agent, method, path, headers }, (got) => {
          const chunks: Buffer[] = [];
          got.on('data', (chunk: Buffer) => void chunks.push(chunk));
          got.once('close', () => done({ code: got.statusCode ?? 0, type: got.headers['content-type'] ?? '', body: Buffer.concat(chunks) }));
          got.on('error', () => {});
        });
        leave = () => void sent.destroy();
        // The server may have ended the connection meanwhile.
        sent.on('error', () => done(sent.reusedSocket && !isAgain ? this.#send1(one, true) : undefined));
        sent.end(body);
      } catch {
        done(undefined); // what node itself will not send goes by way of raw bytes
      }
    });
  }

  /** Another client is served as ever. */
  async canary(words: string): Promise<void> {
    const path = '/api/v1/namespaces/canary/configmaps';
    const json = { 'content-type': 'application/json' };
    await this.#send2({ what: '', method: 'POST', path: '/api/v1/namespaces', headers: json, body: Buffer.from('{"metadata":{"name":"canary"}}') });
    const ask = async (method: string, name: string, body?: string) => this.#send1({ what: '', method, path: path + name, headers: body ? json : {}, body: body ? Buffer.from(body) : undefined });
    const made = await ask('POST', '', '{"metadata":{"name":"bird"},"data":{"a":"b"}}');
    const told = `${words}: the canary: ${made?.body.toString().slice(0, 500)}`;
    // A webhook, a policy or a quota that is among the fuzzed may refuse it.
    if (made?.code === 403 || made?.code === 500 || made?.code === 422) return;
    assert.equal(made?.code, 201, told);
    assert.equal((await ask('GET', '/bird'))?.code, 200, told);
    assert.equal((await ask('DELETE', '/bird'))?.code, 200, told);
  }

  /** Every stored object can be read in every form, and written back as it is. */
  async checkStored(served: readonly ServedResource[], words: string): Promise<number> {
    let stored = 0;
    const get = (path: string, accept: string) => this.#send2({ what: '', method: 'GET', path, headers: { accept }, body: undefined });
    for (const resource of served) {
      const path = `${resource.prefix}/${resource.name}`;
      const list = await get(path, 'application/json');
      if (list.code === 405) continue;
      assert.equal(list.code, 200, `${words}: ${path}: ${list.body.toString().slice(0, 500)}`);
      const { items = [] } = parsed(list, `${words}: ${path}`);
      for (const accept of ['application/json;as=Table;v=v1;g=meta.k8s.io', 'application/yaml', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io']) {
        const shown = await get(path, accept);
        assert.equal(shown.code, 200, `${words}: ${path} as ${accept}: ${shown.body.toString().slice(0, 500)}`);
      }
      // The newer of the two kinds asks more of what is written through it than of what it shows.
      if (resource.apiVersion.startsWith('events.k8s.io/')) continue;
      for (const item of items.slice(0, 20)) {
        stored++;
        const { namespace, name, deletionTimestamp } = item.metadata;
        const place = `${resource.prefix}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${resource.name}/${encodeURIComponent(name)}`;
        const again = await this.#send2({ what: '', method: 'PUT', path: `${place}?dryRun=All&fieldValidation=Strict`, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify({ ...item, kind: resource.kind, apiVersion: resource.apiVersion })) });
        const isFine = again.code === 200 || again.code === 405 || again.code === 403 || deletionTimestamp || isDocumented(again);
        if (!isFine) assert.fail(`${words}: ${place} cannot be written as it is stored: ${again.body.toString().slice(0, 1500)}\n${JSON.stringify(item).slice(0, 3000)}`);
      }
    }
    this.#checkAlive(words);
    return stored;
  }

  /** All that was made goes again. */
  async clear(served: readonly ServedResource[]): Promise<void> {
    const last = ['namespaces', 'pods', 'customresourcedefinitions'];
    const of = (name: string) => served.find((resource) => resource.name === name)!;
    const first = served.filter(({ name }) => /webhookconfigurations|admissionpolic|resourcequotas|limitranges/.test(name));
    for (const resource of [...first, ...served.filter(({ name }) => !last.includes(name)), of('pods')]) {
      const path = `${resource.prefix}/${resource.name}`;
      const list = await this.#send2({ what: '', method: 'GET', path, headers: {}, body: undefined });
      const { items = [] } = list.body.length > 0 ? parsed(list, path) : {};
      for (const { metadata: { namespace, name, finalizers } } of items) {
        if (name === 'running' || (resource.name === 'serviceaccounts' && namespace === 'default' && name === 'default') || name.startsWith('system:') || /^(cluster-admin|admin|edit|view)$/.test(name)) continue;
        const path = `${resource.prefix}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${resource.name}/${encodeURIComponent(name)}`;
        if (finalizers) await this.#send2({ what: '', method: 'PATCH', path, headers: { 'content-type': 'application/merge-patch+json' }, body: Buffer.from('{"metadata":{"finalizers":null}}') });
        await this.#send2({ what: '', method: 'DELETE', path: `${path}?gracePeriodSeconds=0`, headers: {}, body: undefined });
      }
    }
  }

  async state(words: string): Promise<State> {
    this.#checkAlive(words);
    const answered = new Promise<State>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${words}: the server does not answer its parent`)), longestAnswerMs);
      this.#child.on('message', function told(this: ChildProcess, message: State & { type: string }) {
        if (message.type !== 'state') return;
        clearTimeout(timer);
        this.off('message', told);
        resolve(message);
      });
    });
    this.#child.send({ type: 'state' });
    const state = await answered;
    const unknown = state.failures.filter((text) => !documented.some((words) => words.test(JSON.parse(text.slice(text.indexOf('{')))?.error?.message ?? text)) && /a request failed/.test(text) && !documented.some((words) => words.test(text)));
    if (unknown.length > 0) assert.fail(`${words}: ${unknown.slice(0, 3).join('\n')}`);
    return state;
  }

  async nothingOpen(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#agent.destroy();
    let open = Infinity;
    let ports: readonly number[] = [];
    // What node itself has lost is found by the second look at it (http/connections.ts).
    for (let left = 200; left > 0 && open > 0; left--) {
      ({ open, ports } = await this.state('at the end'));
      if (open > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(open, 0, `no connection outlives its client: ${ports.map((port) => `${port} ${this.#sentFrom.get(port) ?? 'requests'}`).join('\n')}`);
  }

  #checkAlive(words: string): void {
    if (this.#broken.length > 0) assert.fail(`${words}: ${this.#broken.join('\n')}`);
  }
}

/** A watch, or a log that is followed, goes on until its client leaves. */
const isOpenEnded = (path: string): boolean => /watch|follow/.test(path);
const leftAfterMs = 300;

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** In whatever form it was asked for. */
function isDocumented({ code, body }: Answer): boolean {
  const text = code === 500 ? body.toString() : '';
  return documented.some((words) => words.test(text));
}

function parsed({ code, body }: Answer, said: string): any {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    return assert.fail(`${said}: ${code}, ${body.length} bytes: ${(error as Error).message}`);
  }
}

function checkAnswer(answer: Answer, { method, path }: FuzzedRequest, said: string): void {
  const { code, type, body } = answer;
  if (code === 500 && /^\/(healthz|livez|readyz)/.test(path)) return;
  if (code >= 500 && code !== 501 && code !== 503 && code !== 504 && !isDocumented(answer)) assert.fail(`${said}: ${code} ${body.toString().slice(0, 2000)}`);
  if (code < 400 || method === 'HEAD') return;
  // Asked for in another form: its beginning says that it is one.
  if (type.includes('protobuf')) return assert.match(body.toString('latin1'), /^k8s\0[^]*Status/, said);
  if (type.includes('yaml')) return assert.match(body.toString(), /^kind: Status$/m, said);
  const status = (type.includes('json') ? parsed(answer, said) : null) as Record<string, unknown> | null;
  if (!status) assert.fail(`${said}: an error as ${type}: ${body.toString().slice(0, 300)}`);
  assert.deepEqual([status['kind'], status['apiVersion'], status['status'], status['code'], typeof status['message']], ['Status', 'v1', 'Failure', code, 'string'], said);
}
