import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterRoles } from '../../src/api/kinds/index.ts';
import { startControlCluster } from './control-cluster.ts';

test('admin, edit and view hold what is labelled for them, as it comes and goes', async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, informers, signal } = cluster;
  const resourcesOf = (name: string) => new Set(informers.of(clusterRoles).get({ namespace: '', name })?.rules?.flatMap(({ resources = [] }) => resources));
  await cluster.until('view is in edit and admin', () => ['view', 'edit', 'admin'].every((name) => resourcesOf(name).has('pods/log')));
  await cluster.until('edit is in admin', () => resourcesOf('admin').has('pods/exec') && resourcesOf('admin').has('rolebindings'));
  assert.ok(!resourcesOf('view').has('secrets'));
  assert.ok(!resourcesOf('edit').has('rolebindings'));
  await client.create(clusterRoles, { metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }, rules: [{ apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get'] }] }, signal);
  await cluster.until('widgets are in all three', () => ['view', 'edit', 'admin'].every((name) => resourcesOf(name).has('widgets')));
  await client.delete(clusterRoles, { namespace: '', name: 'widgets' }, {}, signal);
  await cluster.until('and are gone', () => ['view', 'edit', 'admin'].every((name) => !resourcesOf(name).has('widgets')));
});
