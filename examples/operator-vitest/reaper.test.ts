// The operator against a whole cluster inside this test: npx vitest run --root examples/operator-vitest
import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { startTestCluster, type TestCluster } from 'peapod/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startReaper, type Reaper } from './reaper.ts';

const namespace = 'default';
const hours = (count: number) => count * 3_600_000;

// Its hours are virtual, but a busy machine takes its seconds for them.
describe('the reaper', { timeout: 120_000 }, () => {
  let cluster: TestCluster;
  let core: CoreV1Api;
  let reaper: Reaper;

  beforeEach(async () => {
    cluster = await startTestCluster({ nodes: 1, https: true });
    const config = new KubeConfig();
    config.loadFromString(cluster.kubeconfig!);
    core = config.makeApiClient(CoreV1Api);
    reaper = await startReaper(config, namespace, cluster.clock);
  });

  afterEach(async () => {
    await reaper.stop();
    await cluster.stop();
  });

  const job = (name: string, script: string, afterSeconds?: number): V1Pod => ({
    metadata: { name, annotations: { 'simulated.peapod.dev/main': script, ...(afterSeconds === undefined ? {} : { 'reaper.example.com/after': String(afterSeconds) }) } },
    spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'job:1' }] },
  });
  const names = async () => (await core.listNamespacedPod({ namespace })).items.map(({ metadata }) => metadata!.name).sort();

  test('deletes what has ended when its time is over, and not before', async () => {
    await core.createNamespacedPod({ namespace, body: job('quick', 'run=10s', 3600) });
    await core.createNamespacedPod({ namespace, body: job('fails', 'run=10s,exit=1', 7200) });
    await core.createNamespacedPod({ namespace, body: job('stays', 'run=10s') });
    await core.createNamespacedPod({ namespace, body: job('runs', '', 60) });
    await cluster.advance(hours(1));
    expect(await names()).toEqual(['fails', 'quick', 'runs', 'stays']);
    await cluster.advance(15_000);
    expect(await names()).toEqual(['fails', 'runs', 'stays']);
    await cluster.advance(hours(1));
    expect(await names()).toEqual(['runs', 'stays']);
  });

  test('takes up after a crash of the API server', async () => {
    await core.createNamespacedPod({ namespace, body: job('quick', 'run=10s', 60) });
    await cluster.advance(20_000);
    await cluster.restart('api-server');
    await cluster.advance(60_000);
    expect(await names()).toEqual([]);
  });
});
