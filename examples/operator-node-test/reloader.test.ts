// The operator against a whole cluster inside this test: node --test examples/operator-node-test/reloader.test.ts
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { startTestCluster, type TestCluster, type TestClusterOptions } from 'peapod/testing';
import { startReloader } from './reloader.ts';

const namespace = 'default';

async function withReloader(options: TestClusterOptions, run: (world: { cluster: TestCluster; core: CoreV1Api; apps: AppsV1Api }) => Promise<void>): Promise<void> {
  await using cluster = await startTestCluster({ https: true, ...options });
  const config = new KubeConfig();
  config.loadFromString(cluster.kubeconfig!);
  const reloader = await startReloader(config, namespace, () => {});
  try {
    await run({ cluster, core: config.makeApiClient(CoreV1Api), apps: config.makeApiClient(AppsV1Api) });
  } finally {
    await reloader.stop();
  }
}

async function deploy({ core, apps, cluster }: { cluster: TestCluster; core: CoreV1Api; apps: AppsV1Api }): Promise<void> {
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'settings' }, data: { colour: 'blue' } } });
  const template = {
    // What the containers do: they take five seconds to be ready, and two to end.
    metadata: { labels: { app: 'web' }, annotations: { 'simulated.peapod.dev/main': 'ready-after=5s,end-after=2s' } },
    spec: { containers: [{ name: 'main', image: 'web:1', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 } }] },
  };
  await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web', annotations: { 'reloader.example.com/config-map': 'settings' } }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template } } });
  await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'other' }, spec: { replicas: 1, selector: { matchLabels: { app: 'other' } }, template: { ...template, metadata: { ...template.metadata, labels: { app: 'other' } } } } } });
  await cluster.runUntil(async () => (await apps.readNamespacedDeployment({ namespace, name: 'web' })).status?.readyReplicas === 3, { what: 'web has 3 ready replicas' });
}

const repaint = (core: CoreV1Api, colour: string) => core.replaceNamespacedConfigMap({ namespace, name: 'settings', body: { metadata: { name: 'settings' }, data: { colour } } });
const revisionOf = async (apps: AppsV1Api, name: string) => (await apps.readNamespacedDeployment({ namespace, name })).metadata?.annotations?.['deployment.kubernetes.io/revision'];
const isRolledOut = async (apps: AppsV1Api) => {
  const { metadata, spec, status } = await apps.readNamespacedDeployment({ namespace, name: 'web' });
  return status?.observedGeneration === metadata?.generation && status?.updatedReplicas === spec?.replicas && status?.readyReplicas === 3 && status?.replicas === 3;
};

test('a change of the ConfigMap rolls out the Deployment that uses it, and no other', async () => {
  await withReloader({ nodes: 2 }, async (world) => {
    const { cluster, core, apps } = world;
    await deploy(world);
    const before = await revisionOf(apps, 'web');
    await repaint(core, 'green');
    await cluster.runUntil(async () => (await revisionOf(apps, 'web')) !== before && isRolledOut(apps), { what: 'web is rolled out anew' });
    assert.equal(await revisionOf(apps, 'other'), '1');
  });
});

test('while the API server is away nothing is lost', async () => {
  await withReloader({ nodes: 2 }, async (world) => {
    const { cluster, core, apps } = world;
    await deploy(world);
    const before = await revisionOf(apps, 'web');
    await cluster.restart('api-server');
    await repaint(core, 'red');
    await cluster.runUntil(async () => (await revisionOf(apps, 'web')) !== before && isRolledOut(apps), { what: 'web is rolled out anew after the API server came back' });
  });
});

test('five minutes after a node has failed its Pods run elsewhere, and a rollout goes through all the same', async () => {
  await withReloader({ nodes: 3 }, async (world) => {
    const { cluster, core, apps } = world;
    await deploy(world);
    cluster.node('node-1').kill();
    await cluster.advance(6 * 60_000);
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: 'app=web' });
    const living = items.filter(({ metadata }) => !metadata?.deletionTimestamp);
    assert.equal(living.length, 3);
    assert.ok(living.every(({ spec }) => spec?.nodeName !== 'node-1'));
    await repaint(core, 'black');
    await cluster.runUntil(async () => (await apps.readNamespacedDeployment({ namespace, name: 'web' })).status?.updatedReplicas === 3, { what: 'web is rolled out without node-1' });
  });
});
