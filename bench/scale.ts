// `npm run bench:scale [NODES:PODS …]`: whole clusters of simulated nodes, in one process each: API, store, scheduler,
// controllers, and a node agent for every node. What is told for two sizes shows what grows with the cluster and what with
// the change. Default: 1000:30000. First what a small cluster costs a test (test-cluster.ts). The table is for people, bench/scale-results.json for programs.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { configMaps, deployments, pods, startTestCluster, type Pod, type TestCluster } from '../src/testing/index.ts';

type Figures = Record<string, number>;

const never = new AbortController().signal;
const perDeployment = 100;
/** Pods that the scheduler is given all at once, at the full size. */
const mostQueued = 10_000;
const heapMB = 16_000;
/** How long a node may be silent here: as long as its lease is at least renewed once. */
const lostAfterMs = 25_000;

if (process.argv[2] === '--one') {
  const [nodes, count] = process.argv[3]!.split(':').map(Number);
  console.log(JSON.stringify(await measure(nodes!, count!)));
  process.exit(0);
}
const sizes = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['1000:30000'];
execFileSync(process.execPath, [fileURLToPath(new URL('test-cluster.ts', import.meta.url))], { stdio: 'inherit' });
const results: { size: string; figures: Figures }[] = [];
for (const size of sizes) results.push({ size, figures: await inItsOwnProcess(size) });
printTable();
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
writeFileSync(fileURLToPath(new URL('scale-results.json', import.meta.url)), JSON.stringify({ machine, results }, null, 2) + '\n');

async function inItsOwnProcess(size: string): Promise<Figures> {
  console.error(`bench: ${size} …`);
  const child = spawn(process.execPath, ['--expose-gc', '--max-semi-space-size=128', '--heap-growing-percent=40', `--max-old-space-size=${heapMB}`, fileURLToPath(import.meta.url), '--one', size], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${size} ended with ${code}`);
  return JSON.parse(text.trim().split('\n').at(-1)!) as Figures;
}

function printTable(): void {
  const names = [...new Set(results.flatMap(({ figures }) => Object.keys(figures)))];
  const width = Math.max(...names.map((name) => name.length));
  console.log(`${''.padEnd(width)}  ${results.map(({ size }) => size.padStart(14)).join('')}${results.length === 2 ? '       growth' : ''}`);
  for (const name of names) {
    const values = results.map(({ figures }) => figures[name] ?? NaN);
    const growth = values.length === 2 ? `${(values[1]! / values[0]!).toFixed(2)} ×`.padStart(13) : '';
    console.log(`${name.padEnd(width)}  ${values.map((value) => (value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 100 ? 0 : 2)).padStart(14)).join('')}${growth}`);
  }
}

async function measure(nodes: number, count: number): Promise<Figures> {
  const figures: Figures = {};
  const at = () => performance.now();
  const bare = memory();
  const beganMs = at();
  const cluster = await startTestCluster({ nodes, clock: 'real', freeze: false, nodeLifecycle: { monitorGraceMs: lostAfterMs, evictionRate: Infinity } });
  figures['nodes Ready, s'] = (at() - beganMs) / 1000;
  const empty = memory();
  figures['memory per node, KB'] = ((empty - bare) / nodes) * 1024;
  const over = new AbortController();
  const seen = await followPods(cluster, over.signal);
  const names = Array.from({ length: Math.ceil(count / perDeployment) }, (_, index) => `web-${index}`);
  const sizeOf = (index: number) => Math.min(perDeployment, count - index * perDeployment);

  await phase('create', figures, cluster, count, async () => {
    const fromMs = at();
    seen.countBindings();
    for (const [index, name] of names.entries()) await cluster.client.create(deployments, deploymentOf(name, sizeOf(index), 'web:1'), never);
    await seen.until(() => seen.ready.size === count, `${count} Pods are ready`, () => `${seen.bound} bound, ${seen.ready.size} ready`);
    figures['create: all ready, s'] = (at() - fromMs) / 1000;
    figures['create: bound, Pods/s'] = seen.bindRate();
    const waits = [...seen.readyAfterMs].sort((a, b) => a - b);
    figures['create: created to ready p50, ms'] = quantile(waits, 0.5);
    figures['create: created to ready p99, ms'] = quantile(waits, 0.99);
  });
  const full = memory();
  figures['memory in all, MB'] = full;
  figures['memory per Pod, KB'] = ((full - empty) / count) * 1024;
  figures['rss, MB'] = process.memoryUsage.rss() / 2 ** 20;

  // The queue is filled while no scheduler runs, and the agents are stopped while it is worked off: what is left is the scheduler,
  // the API and the store, as where schedulers are compared. (With the agents, the Pods of `create` are what is bound.)
  const queued = Math.min(mostQueued, Math.floor(count / 3 / perDeployment) * perDeployment);
  const total = count + queued;
  await cluster.crash('scheduler');
  for (let index = 0; index < queued / perDeployment; index++) await cluster.client.create(deployments, deploymentOf(`queued-${index}`, perDeployment, 'web:1'), never);
  await seen.until(() => seen.all === total, `${queued} Pods wait`, () => `${seen.all} there`);
  for (const node of cluster.nodes) node.pause();
  await phase('scheduling alone', figures, cluster, queued, async () => {
    seen.countBindings();
    await cluster.restart('scheduler');
    await seen.until(() => seen.bound === queued, `${queued} Pods are bound`, () => `${seen.bound} bound`);
    figures['scheduling alone: bound, Pods/s'] = seen.bindRate();
  });
  for (const node of cluster.nodes) node.resume();
  await seen.until(() => seen.ready.size === total, `${total} Pods are ready`, () => `${seen.ready.size} ready`);

  const rolled = names.slice(0, Math.max(1, Math.min(100, Math.floor(names.length / 3))));
  const rolledPods = rolled.reduce((sum, _, index) => sum + sizeOf(index), 0);
  await phase('rolling update', figures, cluster, rolledPods, async () => {
    const fromMs = at();
    for (const name of rolled) await cluster.client.patch(deployments, { namespace: 'default', name }, { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'main', image: 'web:2' }] } } } } }, never);
    await seen.until(() => seen.updated.size >= rolledPods && seen.ready.size === total && seen.all === total, `${rolledPods} Pods are rolled out`, () => `${seen.updated.size} updated, ${seen.ready.size} ready of ${seen.all}`);
    figures[`rolling update: done, s`] = (at() - fromMs) / 1000;
  });

  const lost = cluster.nodes.slice(0, Math.max(1, Math.floor(nodes / 10)));
  const victims = lost.reduce((sum, node) => sum + [...node.machine.podUids].length, 0);
  for (const node of lost) node.kill();
  const lostNames = new Set(lost.map(({ name }) => name));
  await seen.until(() => seen.ready.size < total, 'the loss is noticed', () => `${seen.ready.size} ready`);
  await phase('nodes lost', figures, cluster, victims, async () => {
    const fromMs = at();
    await seen.until(() => [...seen.ready.values()].filter((node) => !lostNames.has(node)).length === total, 'what was lost is replaced', () => `${seen.ready.size} ready`, 250);
    figures['nodes lost: replaced after they were noticed, s'] = (at() - fromMs) / 1000;
  });
  over.abort();
  await cluster.stop();
  return figures;
}

/** One stage, with what single calls and lists take meanwhile, how late watches are, and what it costs. */
async function phase(name: string, figures: Figures, cluster: TestCluster, changes: number, run: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const sampled = sample(cluster, stop.signal);
  const cpu = process.cpuUsage();
  const writes = cluster.revision;
  let collectingMs = 0;
  const collections = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (collectingMs += duration)));
  collections.observe({ entryTypes: ['gc'] });
  const fromMs = performance.now();
  await run();
  const tookMs = performance.now() - fromMs;
  const { user, system } = process.cpuUsage(cpu);
  collections.disconnect();
  stop.abort();
  const { calls, lists, lags } = await sampled;
  figures[`${name}: CPU per Pod, ms`] = (user + system) / 1000 / changes;
  figures[`${name}: CPU, s`] = (user + system) / 1e6;
  figures[`${name}: wall, s`] = tookMs / 1000;
  figures[`${name}: load of the machine`] = loadavg()[0]!;
  figures[`${name}: garbage collection, % of wall`] = (collectingMs / tookMs) * 100;
  figures[`${name}: writes per Pod`] = (cluster.revision - writes) / changes;
  figures[`${name}: single calls p50, ms`] = quantile(calls, 0.5);
  figures[`${name}: single calls p99, ms`] = quantile(calls, 0.99);
  figures[`${name}: lists of 500 p99, ms`] = quantile(lists, 0.99);
  figures[`${name}: watch lag p99, ms`] = quantile(lags, 0.99);
  console.error(`bench: ${name}: ${changes} Pods: ${JSON.stringify(figures)}`);
}

/** Get, create and update of one object every 20 ms, and a list of 500 Pods every 200 ms. */
async function sample(cluster: TestCluster, signal: AbortSignal): Promise<Record<'calls' | 'lists' | 'lags', number[]>> {
  const [calls, lists, lags]: number[][] = [[], [], []];
  const { client } = cluster;
  const timed = async (into: number[], call: () => Promise<unknown>) => {
    const fromMs = performance.now();
    await call();
    into.push(performance.now() - fromMs);
  };
  const written = new Map<string, number>();
  const watching = (async () => {
    for await (const event of client.watch(configMaps, { namespace: 'default' }, signal)) {
      const fromMs = written.get((event.object as { metadata: { name: string } }).metadata.name);
      if (event.type === 'ADDED' && fromMs !== undefined) lags!.push(performance.now() - fromMs);
    }
  })();
  for (let round = 0; !signal.aborted; round++) {
    // When the loop is late the wait is part of what a caller sees.
    const dueMs = performance.now() + 20;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const lateMs = Math.max(0, performance.now() - dueMs);
    const name = `sample-${process.hrtime.bigint()}`;
    written.set(name, performance.now());
    const object = await timedValue(calls!, () => client.create(configMaps, { metadata: { name, namespace: 'default' }, data: { a: 'b' } } as never, never));
    await timed(calls!, () => client.get(configMaps, { namespace: 'default', name }, never));
    await timed(calls!, () => client.update(configMaps, { ...object, data: { a: 'c' } } as never, never));
    await client.delete(configMaps, { namespace: 'default', name }, {}, never);
    calls!.push(lateMs);
    if (round % 10 === 0) await timed(lists!, () => client.list(pods, { namespace: 'default', limit: 500 }, never));
  }
  await watching.catch(() => {});
  for (const list of [calls, lists, lags]) list!.sort((a, b) => a - b);
  return { calls: calls!, lists: lists!, lags: lags! };
}

async function timedValue<T>(into: number[], call: () => Promise<T>): Promise<T> {
  const fromMs = performance.now();
  const value = await call();
  into.push(performance.now() - fromMs);
  return value;
}

interface Seen {
  readonly ready: Map<string, string>;
  readonly updated: Set<string>;
  readonly readyAfterMs: number[];
  bound: number;
  all: number;
  /** From now on. */
  countBindings(): void;
  bindRate(): number;
  until(condition: () => boolean, what: string, progress: () => string, everyMs?: number): Promise<void>;
}

/** What a watch of all Pods tells, as one of many clients would see it. */
async function followPods(cluster: TestCluster, signal: AbortSignal): Promise<Seen> {
  const createdMs = new Map<string, number>();
  const unbound = new Set<string>();
  let firstMs = 0;
  let lastMs = 0;
  const seen: Seen = {
    ready: new Map(), updated: new Set(), readyAfterMs: [], bound: 0, all: 0,
    countBindings: () => void (seen.bound = firstMs = 0),
    bindRate: () => (seen.bound / (lastMs - firstMs)) * 1000,
    async until(condition, what, progress, everyMs = 20) {
      const giveUpMs = performance.now() + 30 * 60_000;
      let toldMs = performance.now();
      while (!condition()) {
        if (performance.now() > giveUpMs) throw new Error(`this did not come about: ${what}; ${progress()}`);
        if (performance.now() - toldMs > 15_000) {
          console.error(`  ${progress()}, ${(process.memoryUsage.rss() / 2 ** 30).toFixed(1)} GiB`);
          toldMs = performance.now();
        }
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    },
  };
  const { metadata } = await cluster.client.list(pods, {}, never);
  const take = (pod: Pod, isGone: boolean) => {
    const { uid } = pod.metadata;
    if (isGone) {
      for (const set of [createdMs, seen.ready, seen.updated, unbound]) set.delete(uid);
      return void seen.all--;
    }
    if (!createdMs.has(uid)) {
      createdMs.set(uid, performance.now());
      unbound.add(uid);
      seen.all++;
    }
    if (pod.spec.nodeName && unbound.delete(uid)) {
      firstMs ||= performance.now();
      lastMs = performance.now();
      seen.bound++;
    }
    const isReady = !pod.metadata.deletionTimestamp && pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (isReady && !seen.ready.has(uid)) {
      seen.ready.set(uid, pod.spec.nodeName!);
      seen.readyAfterMs.push(performance.now() - createdMs.get(uid)!);
      if (pod.spec.containers[0]!.image === 'web:2') seen.updated.add(uid);
    } else if (!isReady) seen.ready.delete(uid);
  };
  void (async () => {
    for (let resourceVersion = metadata.resourceVersion; !signal.aborted; ) {
      try {
        for await (const event of cluster.client.watch(pods, { resourceVersion }, signal)) {
          if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') take(event.object, event.type === 'DELETED');
          resourceVersion = (event.object.metadata as { resourceVersion: string }).resourceVersion;
        }
      } catch (error) {
        console.error(`  the bench's own watch fell behind: ${(error as Error).message}`);
        process.exit(1);
      }
    }
  })();
  return seen;
}

function deploymentOf(name: string, replicas: number, image: string) {
  const tolerations = ['not-ready', 'unreachable'].map((key) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }));
  const template = { metadata: { labels: { app: name } }, spec: { tolerations, containers: [{ name: 'main', image, resources: { requests: { cpu: '10m', memory: '10Mi' } } }] } };
  return { metadata: { name, namespace: 'default' }, spec: { replicas, selector: { matchLabels: { app: name } }, template } } as never;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

/** Heap and buffers that are in use, MB. */
function memory(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
