import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps, namespaces, pods, serviceAccounts } from '../../src/api/kinds/index.ts';
import { conditionText, podOf, startControlCluster } from './control-cluster.ts';

test('each namespace gets its default ServiceAccount and the root certificate, again when they are deleted', async () => {
  await using cluster = await startControlCluster();
  await cluster.client.create(namespaces, { metadata: { name: 'team' }, spec: {} }, cluster.signal);
  const account = () => cluster.informers.of(serviceAccounts).get({ namespace: 'team', name: 'default' });
  const first = await cluster.until('account', account);
  const ca = await cluster.until('ca', () => cluster.informers.of(configMaps).get({ namespace: 'team', name: 'kube-root-ca.crt' }));
  assert.deepEqual(ca.data, { 'ca.crt': 'PEM' });
  await cluster.client.delete(serviceAccounts, { namespace: 'team', name: 'default' }, {}, cluster.signal);
  await cluster.until('account again', () => account() && account()!.metadata.uid !== first.metadata.uid);
});

test('a deleted Namespace is emptied, waits for its Pods, and is gone', async () => {
  await using cluster = await startControlCluster({ kubelet: { readyMs: 1, graceMs: 50 } });
  await cluster.addNode('a');
  await cluster.client.create(namespaces, { metadata: { name: 'team' }, spec: {} }, cluster.signal);
  await cluster.client.create(configMaps, { metadata: { name: 'settings', namespace: 'team' }, data: {} }, cluster.signal);
  const pod = podOf('web');
  await cluster.client.create(pods, { ...pod, metadata: { ...pod.metadata, namespace: 'team' } }, cluster.signal);
  await cluster.until('running', () => cluster.informers.of(pods).list('team')[0]?.status.phase === 'Running');
  await cluster.client.delete(namespaces, { namespace: '', name: 'team' }, {}, cluster.signal);
  const namespace = () => cluster.informers.of(namespaces).get({ namespace: '', name: 'team' });
  const ending = await cluster.until('ending', () => (namespace()?.status.conditions?.length ? namespace() : undefined));
  assert.equal(ending.status.phase, 'Terminating');
  assert.equal(conditionText(ending, 'NamespaceContentRemaining'), 'True SomeResourcesRemain');
  assert.ok(cluster.informers.of(configMaps).get({ namespace: 'team', name: 'settings' }), 'what Pods use outlives them');
  await cluster.until('gone', () => !namespace());
  assert.deepEqual(cluster.informers.of(configMaps).list('team'), []);
});

test('C34 a Pod that ends without ever having had a node is removed', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const pod = podOf('web');
  await cluster.client.create(pods, { ...pod, metadata: { ...pod.metadata, finalizers: ['example.com/hold'] } }, cluster.signal);
  await cluster.client.delete(pods, { namespace: 'default', name: 'web' }, {}, cluster.signal);
  await cluster.client.patch(pods, { namespace: 'default', name: 'web' }, { type: 'merge', body: { metadata: { finalizers: null } } }, cluster.signal).catch(() => undefined);
  await cluster.until('gone', () => cluster.informers.of(pods).list('default').length === 0);
});
