import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoints, endpointSlices, pods, services } from '../../src/api/kinds/index.ts';
import { keyOf } from '../../src/client/client.ts';
import { nodes, podOf, replicaSetOf, replicaSets, startControlCluster, type ControlCluster } from './control-cluster.ts';

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

test('near endpoints are hinted where a Service wants its traffic near', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 1 } });
  await cluster.addNode('a', { labels: { 'topology.kubernetes.io/zone': 'z1' } });
  const of = (name: string, trafficDistribution: string) => ({ metadata: { name, namespace: 'default' }, spec: { ...web.spec as object, trafficDistribution } }) as never;
  await cluster.client.create(services, of('zone', 'PreferSameZone'), cluster.signal);
  await cluster.client.create(services, of('node', 'PreferSameNode'), cluster.signal);
  await cluster.client.create(pods, podOf('web'), cluster.signal);
  const hintsOf = (service: string) => slices(cluster).find(({ metadata, endpoints }) => metadata.labels?.['kubernetes.io/service-name'] === service && endpoints?.length)?.endpoints?.[0]?.hints;
  await cluster.until('both are filled', () => hintsOf('zone') && hintsOf('node'));
  assert.deepEqual(hintsOf('zone'), { forZones: [{ name: 'z1' }] });
  assert.deepEqual(hintsOf('node'), { forZones: [{ name: 'z1' }], forNodes: [{ name: 'a' }] });
});

test('Endpoints written by hand are mirrored, follow, and go; those that are not to be are not', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, signal } = cluster;
  const key = { namespace: 'default', name: 'outside' };
  await client.create(services, { metadata: key, spec: { ports: [{ name: 'sql', port: 5432 }] } } as never, signal);
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ name: 'sql', port: 5432 }] }];
  await client.create(endpoints, { metadata: { ...key, annotations: { note: 'x' } }, subsets } as never, signal);
  const mirrored = (family: string) => slices(cluster).find(({ addressType, metadata }) => addressType === family && metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === 'endpointslicemirroring-controller.k8s.io');
  const slice = await cluster.until('a mirror of each family', () => mirrored('IPv6') && mirrored('IPv4'));
  assert.deepEqual(slice.endpoints?.map(({ addresses, conditions }) => [addresses[0], conditions?.ready]), [['192.0.2.1', true], ['192.0.2.2', false]]);
  assert.deepEqual([slice.metadata.labels?.['kubernetes.io/service-name'], slice.metadata.annotations, slice.ports?.map(({ name, port }) => [name, port])], ['outside', { note: 'x' }, [['sql', 5432]]]);
  await client.patch(endpoints, key, { type: 'merge', body: { subsets: [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ name: 'sql', port: 5432 }] }] } }, signal);
  await cluster.until('it follows', () => slices(cluster).length === 1 && mirrored('IPv4')?.endpoints?.[0]?.addresses[0] === '192.0.2.9');
  await client.patch(endpoints, key, { type: 'merge', body: { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } } }, signal);
  await cluster.until('it goes', () => slices(cluster).length === 0);
});

test('a Service of type LoadBalancer gets the addresses of the nodes; a port is one Service\'s at a time', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, signal } = cluster;
  const node = await cluster.addNode('a');
  const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }], conditions: [{ type: 'Ready', status: 'True' }] };
  await client.patch(nodes, keyOf(node), { type: 'merge', body: { status }, subresource: 'status' }, signal);
  const of = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...more } }) as never;
  const ipsOf = (name: string) => cluster.informers.of(services).get({ namespace: 'default', name })?.status?.loadBalancer?.ingress?.map(({ ip }) => ip);
  await client.create(services, of('first'), signal);
  await cluster.until('an address', () => ipsOf('first')?.join() === '192.0.2.10');
  await client.create(services, of('second'), signal);
  await client.create(services, of('foreign', { loadBalancerClass: 'example.com/other' }), signal);
  await client.create(services, of('beside', { ports: [{ port: 81 }] }), signal);
  await cluster.until('another port', () => ipsOf('beside'));
  assert.deepEqual([ipsOf('second'), ipsOf('foreign')], [undefined, undefined]);
  await client.delete(services, { namespace: 'default', name: 'first' }, {}, signal);
  await cluster.until('the port is free', () => ipsOf('second')?.join() === '192.0.2.10');
  await client.patch(services, { namespace: 'default', name: 'second' }, { type: 'merge', body: { spec: { type: 'ClusterIP' } } }, signal);
  await cluster.until('no longer balanced', () => ipsOf('second') === undefined);
});
