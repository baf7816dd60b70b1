// Pods by chance on a real cluster: each runs, ends, or says why it does neither; nobody falls over, and nothing is left.
// `npm run fuzz:pods` tries many more, by another seed each time.
import fc from '../../src/base/testing/fast-check.ts';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ApiError, isReason } from '../../src/api/error.ts';
import { configMaps, events, nodes, pods } from '../../src/api/kinds/index.ts';
import type { ContainerStatus, KubeEvent, New, Pod } from '../../src/api/types.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createInformer } from '../../src/client/create-informer.ts';
import type { Informer } from '../../src/client/informer.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { sensiblePod } from '../support/random-pods.ts';

const count = Number(process.env['PEAPOD_FUZZ_PODS'] ?? 30);
const seed = Number(process.env['PEAPOD_FUZZ_SEED'] ?? 1);
/** So many are on the node at once. */
const atOnce = 12;
const patienceMs = 90_000;

let house: RealCluster;
let hostDir: string;
const never = new AbortController().signal;

let seen: Informer<Pod>;
let told: Informer<KubeEvent>;
const stop = new AbortController();
let running: Promise<unknown>;

before(async () => {
  hostDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'fuzz-'));
  mkdirSync(join(hostDir, 'a'));
  house = await startRealCluster();
  await house.cluster.client.create(configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { a: '1', 'b.c': 'two' } }, never);
  const deps = { clock: systemClock, random: systemRandom, log: silentLog };
  seen = createInformer(house.cluster.client, pods, { namespace: 'default' }, deps);
  told = createInformer(house.cluster.client, events, { namespace: 'default' }, deps);
  running = Promise.all([seen.run(stop.signal), told.run(stop.signal)]);
  await Promise.all([seen.synced, told.synced]);
});
after(async () => {
  stop.abort();
  await running;
  await house?.[Symbol.asyncDispose]();
  rmSync(hostDir, { recursive: true, force: true });
});

/** All containers that are to run have been started, or have ended. */
const isTold = ({ state }: ContainerStatus) => !!state?.running || !!state?.terminated || (!!state?.waiting?.reason && state.waiting.reason !== 'ContainerCreating' && state.waiting.reason !== 'PodInitializing');

/** What the Pod is at, or why it is not further; undefined while it is on its way. */
function toldOf({ status }: Pod, warnings: readonly KubeEvent[]): string | undefined {
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return `${status.phase} ${status.reason ?? ''}`;
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return scheduled.message ? `${scheduled.reason}` : undefined;
  const containers = status.containerStatuses ?? [];
  if (status.phase === 'Running' && containers.length > 0 && containers.every(isTold)) return 'Running';
  const held = [...(status.initContainerStatuses ?? []), ...containers].find((each) => each.state?.waiting && isTold(each));
  if (held) return held.state!.waiting!.reason;
  return warnings.find(({ reason }) => reason !== 'BackOff' && reason !== 'Unhealthy')?.reason;
}

function absent(error: unknown): undefined {
  if (!isReason(error, 'NotFound')) throw error;
}

const storyOf = (name: string) => told.list().filter((event) => event.involvedObject.name === name);

function outcomeNow(name: string): string | undefined {
  const pod = seen.get({ namespace: 'default', name });
  const story = storyOf(name);
  if (pod) return toldOf(pod, story.filter(({ type }) => type === 'Warning'));
  // A critical Pod may take its place.
  return story.find(({ reason }) => reason === 'Preempted')?.reason;
}

/** Both what the Pod says and what is said of it may be the news. */
function outcomeOf(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      const pod = seen.get({ namespace: 'default', name });
      end(() => reject(new Error(`seed ${seed}, ${name} neither runs nor says why: ${JSON.stringify({ spec: pod?.spec, status: pod?.status, story: storyOf(name) })}`)));
    }, patienceMs);
    const end = (then: () => void) => {
      clearTimeout(late);
      for (const listener of listeners) listener[Symbol.dispose]();
      then();
    };
    const look = () => {
      const outcome = outcomeNow(name);
      if (outcome) queueMicrotask(() => end(() => resolve(outcome)));
    };
    const listeners = [seen.onChange(look), told.onChange(look)];
    look();
  });
}

test(`${count} Pods by chance on a real node (seed ${seed})`, { timeout: 60_000 + count * 30_000 }, async () => {
  const { client } = house.cluster;
  const drawn = fc.sample(sensiblePod({ hostDir, image: 'localhost/busybox' }), { numRuns: count, seed });
  const outcomes = new Map<string, number>();
  const tell = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let at = 0; at < drawn.length; at += atOnce) {
    const names: string[] = [];
    for (const [n, body] of drawn.slice(at, at + atOnce).entries()) {
      const name = `p${at + n}`;
      try {
        await client.create(pods, { ...JSON.parse(JSON.stringify(body)), metadata: { name, namespace: 'default', labels: { fuzz: 'x' }, annotations: { a: 'b' } } } as New<Pod>, never);
        names.push(name);
      } catch (error) {
        assert.ok(error instanceof ApiError && error.code < 500, String(error));
        tell('refused');
      }
    }
    for (const outcome of await Promise.all(names.map(outcomeOf))) tell(outcome.trim());
    await Promise.all(names.map((name) => client.delete(pods, { namespace: 'default', name }, {}, never).catch(absent)));
    for (const name of names) await house.untilGone(name);
  }
  console.log(`# ${[...outcomes].map(([outcome, times]) => `${times} ${outcome}`).sort().join(', ')}`);
  assert.ok(outcomes.has('Running') && (outcomes.has('Succeeded') || outcomes.has('Failed')), 'some run and some end');
  const { items } = await client.list(nodes, {}, never);
  assert.equal(items[0]!.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  const left = join(house.dataDir, 'node', 'pods');
  assert.deepEqual(existsSync(left) ? readdirSync(left) : [], [], 'no Pod has left anything');
});
