import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoints, endpointSlices, pods, services } from '../../src/api/kinds/index.ts';
import { keyOf } from '../../src/client/client.ts';
import { podOf, replicaSetOf, replicaSets, startControlCluster, type ControlCluster } from './control-cluster.ts';

const web = { metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } as never };
const slices = (cluster: ControlCluster) => cluster.informers.of(endpointSlices).list('default');
const conditions = (cluster: ControlCluster) => slices(cluster).flatMap(({ endpoints }) => (endpoints ?? []).map(({ conditions }) => conditions));

test('C29 a Service is backed by its ready Pods; one that ends leaves at once, still told as terminating', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 500 } });
  await cluster.addNode('a', { labels: { 'topology.kubernetes.io/zone': 'z1' } });
  await cluster.client.create(services, web, cluster.signal);
  await cluster.until('an empty slice', () => slices(cluster).length === 1);
  await cluster.client.create(replicaSets, replicaSetOf('web', 2), cluster.signal);
  await cluster.until('2 ready', () => conditions(cluster).filter((found) => found?.ready).length === 2);
  const [slice] = slices(cluster);
  assert.equal(slices(cluster).length, 1);
  assert.equal(slice!.metadata.labels?.['kubernetes.io/service-name'], 'web');
  assert.deepEqual(slice!.ports?.map(({ port, protocol }) => [port, protocol]), [[8080, 'TCP']]);
  assert.equal(slice!.endpoints?.[0]?.zone, 'z1');
  const legacy = await cluster.until('legacy', () => {
    const found = cluster.informers.of(endpoints).get({ namespace: 'default', name: 'web' });
    return found?.subsets?.[0]?.addresses?.length === 2 && found;
  });
  assert.deepEqual(legacy.subsets?.[0]?.ports, [{ port: 8080, protocol: 'TCP' }]);

  await cluster.client.delete(pods, keyOf(cluster.podsOf({ app: 'web' })[0]!), {}, cluster.signal);
  await cluster.until('terminating', () => conditions(cluster).some((found) => found?.terminating && found.serving && !found.ready));
  await cluster.until('left the legacy one', () => cluster.informers.of(endpoints).get({ namespace: 'default', name: 'web' })?.subsets?.[0]?.addresses?.length !== undefined);
  await cluster.client.delete(services, { namespace: 'default', name: 'web' }, {}, cluster.signal);
  await cluster.until('all gone', () => slices(cluster).length === 0 && !cluster.informers.of(endpoints).get({ namespace: 'default', name: 'web' }));
});

test('named ports, headless Services and hostnames', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 1 } });
  await cluster.addNode('a');
  await cluster.client.create(services, { metadata: { name: 'db', namespace: 'default' }, spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'sql', port: 5432, targetPort: 'sql' }] } as never }, cluster.signal);
  const spec = { hostname: 'db-0', subdomain: 'db', containers: [{ name: 'main', image: 'x', ports: [{ name: 'sql', containerPort: 6000 }] }] };
  await cluster.client.create(pods, podOf('db', spec), cluster.signal);
  const slice = await cluster.until('filled', () => slices(cluster).find(({ endpoints }) => endpoints?.length === 1));
  assert.deepEqual(slice.ports?.map(({ name, port }) => [name, port]), [['sql', 6000]]);
  assert.equal(slice.endpoints?.[0]?.hostname, 'db-0');
  assert.equal(slice.metadata.labels?.['service.kubernetes.io/headless'], '');
});

test('a slice holds at most a hundred endpoints', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 1 } });
  await cluster.addNode('a', { allocatable: { cpu: '64', memory: '64Gi', pods: '500' } });
  await cluster.client.create(services, web, cluster.signal);
  await cluster.client.create(replicaSets, replicaSetOf('web', 130), cluster.signal);
  await cluster.until('130 ready', () => conditions(cluster).filter((found) => found?.ready).length === 130);
  assert.equal(slices(cluster).length, 2);
  assert.ok(slices(cluster).every(({ endpoints }) => endpoints!.length <= 100));
  assert.equal(new Set(slices(cluster).flatMap(({ endpoints }) => endpoints!.map(({ targetRef }) => targetRef?.uid))).size, 130);
});
