// A history that a seed decides: what is done to a cluster, and what befalls it.
import { seededRandom } from '../../src/base/random.ts';
import { deployments, pods, startTestCluster } from '../../src/testing/index.ts';

const never = new AbortController().signal;
const scripts = ['', 'run=20s,exit=1', 'ready-after=3s', 'ignore-term', 'end-after=5s', 'memory=1Mi,grow=1Mi/s', 'ready-after=1s,ill-after=40s'];

/** Gives a hash over all that was written, and the last revision. */
export async function runHistory(seed: number, turns = 12): Promise<{ readonly hash: string; readonly revision: number }> {
  await using cluster = await startTestCluster({ nodes: 3, seed });
  const random = seededRandom(seed ^ 0x5eed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)]!;
  const faults: Disposable[] = [];
  let made = 0;
  const actions: readonly (() => unknown)[] = [
    async () => {
      const app = `app-${made++}`;
      const annotations = { 'simulated.peapod.dev/main': pick(scripts) };
      const probe = random.next() < 0.5 ? { readinessProbe: { httpGet: { port: 80 }, periodSeconds: 2 } } : {};
      const template = { metadata: { labels: { app }, annotations }, spec: { terminationGracePeriodSeconds: 10, containers: [{ name: 'main', image: `${app}:1`, ...probe }] } };
      const replicas = 1 + Math.floor(random.next() * 4);
      await cluster.client.create(deployments, { metadata: { name: app, namespace: 'default' }, spec: { replicas, selector: { matchLabels: { app } }, template } } as never, never).catch(() => {});
    },
    async () => {
      const { items } = await cluster.client.list(deployments, { namespace: 'default' }, never).catch(() => ({ items: [] }));
      if (items.length === 0) return;
      const body = { spec: { replicas: Math.floor(random.next() * 5) } };
      await cluster.client.patch(deployments, { namespace: 'default', name: pick(items).metadata.name }, { type: 'merge', body }, never).catch(() => {});
    },
    async () => {
      const { items } = await cluster.client.list(pods, { namespace: 'default' }, never).catch(() => ({ items: [] }));
      if (items.length > 0) await cluster.client.delete(pods, { namespace: 'default', name: pick(items).metadata.name }, {}, never).catch(() => {});
    },
    () => pick(cluster.nodes).kill(),
    () => cluster.nodes.forEach((node) => node.start()),
    () => pick(cluster.nodes).pause(),
    () => cluster.nodes.forEach((node) => (node.resume(), node.rejoin())),
    () => pick(cluster.nodes).cutOff(),
    () => cluster.restart(pick(cluster.componentNames)),
    () => faults.push(cluster.inject({ on: 'write', effect: 'fail', chance: 0.2, times: 20 })),
    () => faults.push(cluster.inject({ on: 'watch', effect: pick(['drop', 'expire'] as const), times: 5 })),
    () => faults.push(cluster.inject({ on: 'write', effect: 'delay', delayMs: 1 + random.next() * 3_000, chance: 0.5, times: 20 })),
    () => faults.push(cluster.inject({ on: 'write', effect: 'lose-answer', chance: 0.3, times: 10 })),
  ];
  for (let turn = 0; turn < turns; turn++) {
    await pick(actions)();
    await cluster.advance(random.next() * 30_000);
  }
  for (const fault of faults) fault[Symbol.dispose]();
  await cluster.advance(120_000);
  return { hash: cluster.historyHash(), revision: cluster.revision };
}
