import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SimulatedContainer } from '../runtime/simulated/container.ts';
import { pods, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const key = { namespace: 'default', name: 'web' };

interface Case {
  readonly grace: number;
  /** Scripts of its containers by name, in their order; those named `init…` are init containers, `side…` sidecars. */
  readonly containers: Readonly<Record<string, string>>;
  /** Seconds of a preStop, by container. */
  readonly hooks?: Readonly<Record<string, number>>;
  readonly options?: { readonly gracePeriodSeconds?: number };
  readonly meanwhile?: (cluster: TestCluster) => Promise<void>;
  /** Seconds from the delete to SIGTERM and to the end, by container. */
  readonly ends: Readonly<Record<string, readonly [term: number | undefined, end: number]>>;
  /** Seconds from the delete until the object is gone. */
  readonly gone: number;
}

function podOf({ grace, containers, hooks = {} }: Pick<Case, 'grace' | 'containers' | 'hooks'>) {
  const all = Object.keys(containers).map((name) => ({
    name, image: 'a', ...(name.startsWith('side') ? { restartPolicy: 'Always' } : {}),
    ...(hooks[name] === undefined ? {} : { lifecycle: { preStop: { exec: { command: ['sleep', String(hooks[name])] } } } }),
  }));
  const isInit = ({ name }: { name: string }) => /^(init|side)/.test(name);
  const annotations = Object.fromEntries(Object.entries(containers).map(([name, script]) => [`simulated.peapod.dev/${name}`, script]));
  return { metadata: { ...key, annotations }, spec: { terminationGracePeriodSeconds: grace, initContainers: all.filter(isInit), containers: all.filter((one) => !isInit(one)) } } as never;
}

const get = (cluster: TestCluster): Promise<Pod | undefined> => cluster.client.get(pods, key, never).catch(() => undefined);
const isGone = async (cluster: TestCluster) => (await get(cluster)) === undefined;
const containersOf = (cluster: TestCluster) => new Map([...cluster.nodes[0]!.machine.containers].map((one): [string, SimulatedContainer] => [one.state.name, one]));
const nothingIsLeft = (cluster: TestCluster) => cluster.nodes.every(({ machine }) => [...machine.podUids].length === 0);

async function running(cluster: TestCluster, of: Pick<Case, 'grace' | 'containers' | 'hooks'>): Promise<Map<string, SimulatedContainer>> {
  await cluster.client.create(pods, podOf(of), never);
  await cluster.runUntil(async () => (await get(cluster))!.status.phase === 'Running');
  return containersOf(cluster);
}

const shorter = (atSeconds: number, gracePeriodSeconds: number) => async (cluster: TestCluster) => {
  await cluster.advance(atSeconds * 1000);
  await cluster.client.delete(pods, key, { gracePeriodSeconds }, never);
};

const cases: Readonly<Record<string, Case>> = {
  'C27 it ends when told': { grace: 30, containers: { c: '' }, ends: { c: [0, 0] }, gone: 0 },
  'C27 it takes its time': { grace: 3600, containers: { c: 'end-after=20m' }, ends: { c: [0, 1200] }, gone: 1200 },
  'C30 it ignores SIGTERM': { grace: 600, containers: { c: 'ignore-term' }, ends: { c: [0, 600] }, gone: 600 },
  'C27 preStop first, out of the same grace': { grace: 600, containers: { c: 'ignore-term' }, hooks: { c: 300 }, ends: { c: [300, 600] }, gone: 600 },
  'C28 a preStop longer than the grace: two seconds more, once': { grace: 120, containers: { c: 'ignore-term' }, hooks: { c: 100_000 }, ends: { c: [120, 122] }, gone: 122 },
  'C28 a preStop that takes just all of it': { grace: 120, containers: { c: 'end-after=1s' }, hooks: { c: 119 }, ends: { c: [119, 120] }, gone: 120 },
  'C30 several containers, each in its own way': {
    grace: 600, containers: { quick: '', slow: 'end-after=40s', hooked: '', ignoring: 'ignore-term' }, hooks: { hooked: 100 },
    ends: { quick: [0, 0], slow: [0, 40], hooked: [100, 100], ignoring: [0, 600] }, gone: 600,
  },
  'C30 sidecars last, in reverse': {
    grace: 600, containers: { 'side-a': '', 'side-b': 'end-after=30s', app: 'end-after=60s' }, ends: { app: [0, 60], 'side-b': [60, 90], 'side-a': [90, 90] }, gone: 90,
  },
  'C30 sidecars share the grace, and get a second each where none is left': {
    grace: 100, containers: { 'side-a': 'ignore-term', 'side-b': 'ignore-term', app: 'ignore-term' }, ends: { app: [0, 100], 'side-b': [100, 101], 'side-a': [101, 102] }, gone: 102,
  },
  'C30 a sidecar’s preStop does not wait for the app': { grace: 600, containers: { side: '', app: 'end-after=60s' }, hooks: { side: 50 }, ends: { app: [0, 60], side: [60, 60] }, gone: 60 },
  'C32 a second delete shortens': { grace: 600, containers: { c: 'ignore-term' }, meanwhile: shorter(100, 50), ends: { c: [0, 150] }, gone: 150 },
  'C32 a second delete does not lengthen': { grace: 100, containers: { c: 'ignore-term' }, meanwhile: shorter(50, 3600), ends: { c: [0, 100] }, gone: 100 },
  'C32 a second delete cuts a preStop short': { grace: 600, containers: { c: 'ignore-term' }, hooks: { c: 500 }, meanwhile: shorter(100, 50), ends: { c: [150, 152] }, gone: 152 },
  'C32 one second is respected': { grace: 600, containers: { c: 'ignore-term' }, options: { gracePeriodSeconds: 1 }, ends: { c: [0, 1] }, gone: 1 },
  'C32 by force': { grace: 600, containers: { c: 'ignore-term' }, options: { gracePeriodSeconds: 0 }, ends: { c: [0, 1] }, gone: 0 },
  'C32 by force after a polite delete': { grace: 600, containers: { c: 'ignore-term' }, meanwhile: shorter(100, 0), ends: { c: [0, 101] }, gone: 100 },
};

describe('endings', () => {
  for (const [name, one] of Object.entries(cases)) {
    test(name, async () => {
      await using cluster = await startTestCluster();
      const { clock } = cluster;
      const containers = await running(cluster, one);
      const askedMs = clock.wallMs();
      await cluster.client.delete(pods, key, one.options ?? {}, never);
      await one.meanwhile?.(cluster);
      await cluster.runUntil(() => isGone(cluster), { withinMs: 10_000_000 });
      assert.equal((clock.wallMs() - askedMs) / 1000, one.gone, 'gone');
      await cluster.runUntil(() => nothingIsLeft(cluster));
      const seconds = (atMs: number | undefined) => atMs === undefined ? undefined : (atMs - askedMs) / 1000;
      assert.deepEqual(Object.fromEntries(Object.keys(one.ends).map((container) => {
        const { signalledAtMs, state } = containers.get(container)!;
        return [container, [seconds(signalledAtMs), seconds(state.finishedAtMs)]];
      })), one.ends);
    });
  }

  test('C26 what is bound to no node is gone at once', async () => {
    await using cluster = await startTestCluster({ nodes: 0 });
    await cluster.client.create(pods, podOf({ grace: 30, containers: { c: '' } }), never);
    await cluster.settle();
    await cluster.client.delete(pods, key, {}, never);
    assert.equal(await isGone(cluster), true);
  });

  test('C26, C27 a pull, a wait and an init container are broken off, and nothing more starts', async () => {
    for (const [containers, images, init] of [[{ c: '' }, { a: 'pull=1h' }, undefined], [{ c: 'run=1s,exit=1' }, {}, undefined], [{ 'init-a': 'run=10m', c: '' }, {}, 0], [{ 'init-a': 'run=10m,ignore-term', c: '' }, {}, 30]] as const) {
      await using cluster = await startTestCluster({ images });
      await cluster.client.create(pods, podOf({ grace: 30, containers }), never);
      // Of the crash loop, this is in the middle of a wait.
      await cluster.advance(100_000);
      const askedMs = cluster.clock.wallMs();
      await cluster.client.delete(pods, key, {}, never);
      await cluster.runUntil(() => isGone(cluster));
      assert.equal((cluster.clock.wallMs() - askedMs) / 1000, init ?? 0);
      await cluster.advance(600_000);
      assert.ok(nothingIsLeft(cluster));
    }
  });

  test('C26 a finalizer holds the object for as long as it likes, not its containers', async () => {
    await using cluster = await startTestCluster();
    await running(cluster, { grace: 30, containers: { c: '' } });
    await cluster.client.patch(pods, key, { type: 'merge', body: { metadata: { finalizers: ['example.com/hold'] } } }, never);
    await cluster.client.delete(pods, key, {}, never);
    await cluster.advance(3_600_000);
    assert.equal((await get(cluster))!.status.phase, 'Succeeded');
    assert.ok(nothingIsLeft(cluster), 'its containers and its sandbox are long gone');
    await cluster.client.patch(pods, key, { type: 'merge', body: { metadata: { finalizers: null } } }, never);
    await cluster.settle();
    assert.equal(await isGone(cluster), true);
  });
});
