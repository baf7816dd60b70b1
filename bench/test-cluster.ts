// What a test pays for a whole cluster: three nodes, a first Pod, and five minutes in which a node fails and its Pods are replaced.
// The first of its process, and how it is once the code is warm. Run it by itself with `sh scripts/with-node24 bench/test-cluster.ts`.
import { pods, replicaSets, startTestCluster, type Pod } from '../src/testing/index.ts';

export type Figures = Record<string, number>;

const never = new AbortController().signal;
const rounds = 9;

export async function measureTestCluster(): Promise<Figures> {
  const all: Figures[] = [];
  for (let round = 0; round < rounds; round++) all.push(await once(round));
  const figures: Figures = {};
  for (const name of Object.keys(all[0]!)) {
    figures[`${name}, first, ms`] = all[0]![name]!;
    figures[`${name}, median of ${rounds}, ms`] = all.map((one) => one[name]!).sort((a, b) => a - b)[rounds >> 1]!;
  }
  return figures;
}

async function once(seed: number): Promise<Figures> {
  const figures: Figures = {};
  let fromMs = performance.now();
  const lap = (name: string) => {
    figures[`test cluster: ${name}`] = performance.now() - fromMs;
    fromMs = performance.now();
  };
  await using cluster = await startTestCluster({ nodes: 3, seed });
  lap('3 nodes Ready');
  await cluster.client.create(pods, { metadata: { name: 'first', namespace: 'default' }, spec: { containers: [{ name: 'main', image: 'web:1' }] } } as never, never);
  await cluster.runUntil(async () => (await cluster.client.get(pods, { namespace: 'default', name: 'first' }, never)).status.phase === 'Running');
  lap('first Pod Running');
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
  await cluster.client.create(replicaSets, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 6, selector: { matchLabels: { app: 'web' } }, template } } as never, never);
  await cluster.runUntil(async () => (await cluster.client.get(replicaSets, { namespace: 'default', name: 'web' }, never)).status.readyReplicas === 6);
  fromMs = performance.now();
  cluster.node('node-1').kill();
  const isReplaced = ({ items }: { readonly items: readonly Pod[] }) => {
    const fresh = items.filter(({ metadata, spec }) => metadata.labels?.['app'] === 'web' && !metadata.deletionTimestamp && spec.nodeName !== 'node-1');
    return fresh.length === 6 && fresh.every(({ status }) => status.phase === 'Running');
  };
  await cluster.advance(5 * 60_000);
  await cluster.runUntil(async () => isReplaced(await cluster.client.list(pods, { namespace: 'default' }, never)), { withinMs: 10 * 60_000 });
  lap('a node failed, and its Pods replaced after five minutes');
  return figures;
}

if (import.meta.main) for (const [name, value] of Object.entries(await measureTestCluster())) console.log(name.padEnd(72), value.toFixed(1).padStart(8));
