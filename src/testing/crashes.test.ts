// C33, C42: a component dies just before each of the things that it does, one after the other, and another takes its work up.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SimulatedContainer } from '../runtime/simulated/container.ts';
import { deployments, pods, startTestCluster, type Pod, type TestCluster } from './index.ts';

const never = new AbortController().signal;
const key = { namespace: 'default', name: 'web' };
const agent = 'node/node-0';
const downMs = 30_000;
const graceMs = 60_000;

const get = (cluster: TestCluster): Promise<Pod | undefined> => cluster.client.get(pods, key, never).catch(() => undefined);
const all = async (cluster: TestCluster): Promise<readonly Pod[]> => (await cluster.client.list(pods, { namespace: 'default' }, never)).items;
const containersOf = (cluster: TestCluster) => [...cluster.nodes[0]!.machine.containers];
const podsOn = (cluster: TestCluster) => [...cluster.nodes[0]!.machine.podUids].length;
const isReady = (pod: Pod | undefined) => pod?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

const manifest = (container: object = {}, more: object = {}) => ({
  metadata: { ...key, annotations: { 'simulated.peapod.dev/ignoring': 'ignore-term', 'simulated.peapod.dev/side': 'end-after=5s' }, ...more },
  spec: {
    terminationGracePeriodSeconds: graceMs / 1000,
    initContainers: [{ name: 'init', image: 'a' }, { name: 'side', image: 'a', restartPolicy: 'Always' }],
    containers: [{ name: 'ignoring', image: 'a', lifecycle: { preStop: { exec: { command: ['sleep', '20'] } } }, ...container }, { name: 'quick', image: 'a' }],
  },
}) as never;

async function started(): Promise<TestCluster> {
  const cluster = await startTestCluster({ nodes: [{ name: 'node-0' }] });
  await cluster.client.create(pods, manifest(), never);
  await cluster.runUntil(async () => isReady(await get(cluster)));
  return cluster;
}

/** So long it takes at most until watches and calls are tried again by someone whose server is back. */
const reconnectMs = 60_000;

/** Lets it work until its server has died just before the `act`-th act of the agent, and for a while longer without one; gives whether it came to that. */
async function serverAway(cluster: TestCluster, act: number, done: () => Promise<boolean>): Promise<boolean> {
  const isThere = () => cluster.client.list(pods, { namespace: 'default', limit: 1 }, never).then(() => true, () => false);
  cluster.crashAtAct(agent, act, 'api-server');
  await cluster.runUntil(async () => !(await isThere()) || (await done()));
  if (await isThere()) return false;
  await cluster.advance(downMs);
  await cluster.restart('api-server');
  return true;
}

/** Lets it work until it has died; false when what was to be done was done before that. */
async function untilCrashed(cluster: TestCluster, done: () => Promise<boolean>): Promise<boolean> {
  await cluster.runUntil(async () => !cluster.nodes[0]!.isRunning || (await done()));
  return !cluster.nodes[0]!.isRunning;
}

describe('crashes', () => {
  for (const crashes of [1, 2]) {
    test(`C33 the agent dies at any act of an ending${crashes === 1 ? '' : ', and the next one too'}: it is taken up with its full grace, and finished`, async () => {
      let acts = 1;
      for (let died = true; died; acts += crashes) {
        await using cluster = await started();
        const { clock } = cluster;
        const containers = new Map(containersOf(cluster).map((one): [string, SimulatedContainer] => [one.state.name, one]));
        const isGone = async () => (await get(cluster)) === undefined && podsOn(cluster) === 0;
        await cluster.client.delete(pods, key, {}, never);
        let fromMs = clock.wallMs();
        died = false;
        for (let time = 0; time < crashes; time++) {
          cluster.crashAtAct(agent, acts);
          if (!(await untilCrashed(cluster, isGone))) break;
          died = true;
          const stillRan = containers.get('ignoring')!.state.state === 'running';
          await cluster.advance(downMs);
          await cluster.restart(agent);
          if (stillRan) fromMs = clock.wallMs();
        }
        await cluster.runUntil(isGone, { what: `the Pod is gone although the agent died at act ${acts}` });
        assert.equal(containers.get('ignoring')!.state.finishedAtMs, fromMs + graceMs, `act ${acts}: it had its full grace`);
        for (const [name, { state }] of containers) assert.notEqual(state.state, 'running', `act ${acts}: ${name} runs`);
        assert.ok(containers.get('side')!.state.finishedAtMs >= containers.get('ignoring')!.state.finishedAtMs, `act ${acts}: sidecars last`);
      }
      assert.ok(acts > 20, `${acts} acts are too few to be an ending`);
    });
  }

  test('C33 by force, and forgotten: what the API no longer has is ended by the next agent', async () => {
    let acts = 1;
    for (let died = true; died; acts++) {
      await using cluster = await started();
      cluster.crashAtAct(agent, acts);
      await cluster.client.delete(pods, key, { gracePeriodSeconds: 0 }, never);
      died = await untilCrashed(cluster, async () => podsOn(cluster) === 0);
      if (died) await cluster.restart(agent);
      await cluster.runUntil(() => podsOn(cluster) === 0, { what: `nothing is left although the agent died at act ${acts}` });
    }
    assert.ok(acts > 10);
  });

  test('C42 the agent dies at any act of a start: each container runs once', async () => {
    let acts = 1;
    for (let died = true; died; acts++) {
      await using cluster = await startTestCluster({ nodes: [{ name: 'node-0' }] });
      cluster.crashAtAct(agent, acts);
      await cluster.client.create(pods, manifest({ lifecycle: { postStart: { exec: { command: ['true'] } } }, readinessProbe: { httpGet: { port: 80 } } }), never);
      died = await untilCrashed(cluster, async () => isReady(await get(cluster)));
      if (!died) break;
      await cluster.restart(agent);
      await cluster.runUntil(async () => isReady(await get(cluster)), { what: `it is ready although the agent died at act ${acts}` });
      await cluster.advance(60_000);
      const running = containersOf(cluster).filter(({ state }) => state.state === 'running').map(({ state }) => state.name).sort();
      assert.deepEqual(running, ['ignoring', 'quick', 'side'], `act ${acts}`);
      assert.equal(new Set(containersOf(cluster).map(({ state }) => state.sandboxId)).size, 1, `act ${acts}: one sandbox`);
      assert.ok(isReady(await get(cluster)));
    }
    assert.ok(acts > 20);
  });

  test('C33, C42 the API server dies at any act of an ending: nobody is ended earlier than their grace, and it is finished', async () => {
    let acts = 1;
    for (let died = true; died; acts++) {
      await using cluster = await started();
      const { clock } = cluster;
      const containers = new Map(containersOf(cluster).map((one): [string, SimulatedContainer] => [one.state.name, one]));
      const isGone = async () => (await cluster.client.list(pods, { namespace: 'default' }, never).then(({ items }) => items.length === 0, () => false)) && podsOn(cluster) === 0;
      await cluster.client.delete(pods, key, {}, never);
      const fromMs = clock.wallMs();
      died = await serverAway(cluster, acts, isGone);
      await cluster.runUntil(isGone, { what: `the Pod is gone although the server died at act ${acts}` });
      const hadMs = containers.get('ignoring')!.state.finishedAtMs - fromMs;
      assert.ok(hadMs >= graceMs && hadMs <= downMs + reconnectMs + graceMs, `act ${acts}: it had ${hadMs} ms of its ${graceMs}`);
      for (const [name, { state }] of containers) assert.notEqual(state.state, 'running', `act ${acts}: ${name} runs`);
      assert.ok(containers.get('side')!.state.finishedAtMs >= containers.get('ignoring')!.state.finishedAtMs, `act ${acts}: sidecars last`);
    }
    assert.ok(acts > 20, `${acts} acts are too few to be an ending`);
  });

  test('C42 the API server dies at any act of a start: each container runs once, and the Pod is ready', async () => {
    let acts = 1;
    for (let died = true; died; acts++) {
      await using cluster = await startTestCluster({ nodes: [{ name: 'node-0' }] });
      await cluster.client.create(pods, manifest({ lifecycle: { postStart: { exec: { command: ['true'] } } }, readinessProbe: { httpGet: { port: 80 } } }), never);
      died = await serverAway(cluster, acts, async () => isReady(await get(cluster)));
      if (!died) break;
      await cluster.runUntil(async () => isReady(await get(cluster)), { what: `it is ready although the server died at act ${acts}` });
      await cluster.advance(60_000);
      const ran = containersOf(cluster).map(({ state }) => `${state.name} ${state.state}`).sort();
      assert.deepEqual(ran, ['ignoring running', 'init exited', 'quick running', 'side running'], `act ${acts}`);
      assert.equal(new Set(containersOf(cluster).map(({ state }) => state.sandboxId)).size, 1, `act ${acts}: one sandbox`);
      assert.ok(isReady(await get(cluster)), `act ${acts}`);
      assert.deepEqual((await get(cluster))!.status.containerStatuses!.map(({ restartCount }) => restartCount), [0, 0], `act ${acts}`);
    }
    assert.ok(acts > 20);
  });

  for (const name of ['controllers', 'scheduler']) {
    test(`C42 ${name}: wherever it dies, what was asked for comes about, once`, async () => {
      const web = (replicas: number) => ({ metadata: key, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } } } }) as never;
      const atEach = async (work: (cluster: TestCluster) => Promise<unknown>, replicas: number, most: number) => {
        for (let act = 1; act <= most; act++) {
          await using cluster = await startTestCluster({ nodes: [{ name: 'node-0' }], seed: act });
          if (replicas !== 2) {
            await cluster.client.create(deployments, web(2), never);
            await cluster.runUntil(async () => (await all(cluster)).filter(isReady).length === 2);
          }
          const before = new Set(containersOf(cluster).map(({ state }) => state.id));
          cluster.crashAtAct(name, act);
          await work(cluster);
          await cluster.advance(1_000);
          await cluster.restart(name);
          await cluster.runUntil(async () => {
            const now = await all(cluster);
            return now.length === replicas && now.every(isReady);
          }, { what: `${replicas} are ready although the ${name} died at act ${act}`, withinMs: 120_000 });
          await cluster.advance(400_000);
          const now = await all(cluster);
          assert.equal(now.length, replicas, `act ${act}`);
          assert.equal(podsOn(cluster), replicas, `act ${act}`);
          if (replicas !== 2) assert.ok(containersOf(cluster).filter(({ state }) => before.has(state.id)).length === Math.min(2, replicas), `act ${act}: what ran runs on`);
        }
      };
      const scale = (replicas: number) => (cluster: TestCluster) => cluster.client.patch(deployments, key, { type: 'merge', body: { spec: { replicas } } }, never);
      const most = name === 'controllers' ? 16 : 8;
      await atEach((cluster) => cluster.client.create(deployments, web(2), never), 2, most);
      await atEach(scale(4), 4, most);
      await atEach(scale(1), 1, most);
    });
  }
});
