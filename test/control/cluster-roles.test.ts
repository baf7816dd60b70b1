import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../src/api/kinds/index.ts';
import { subjectAccessReviews } from '../../src/api/kinds/reviews.ts';
import { startTestCluster } from '../../src/testing/index.ts';
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

test("upstream's roles of single controllers are there to be copied and bound, and each is its service account's", async () => {
  await using cluster = await startControlCluster({ scheduler: false });
  const { client, informers, signal } = cluster;
  const ofControllers = informers.of(clusterRoles).list().filter(({ metadata }) => metadata.name.startsWith('system:controller:'));
  assert.equal(ofControllers.length, 38);
  for (const { metadata, rules } of ofControllers) {
    assert.equal(metadata.labels?.['kubernetes.io/bootstrapping'], 'rbac-defaults');
    assert.ok(rules!.length > 0, metadata.name);
    const binding = informers.of(clusterRoleBindings).get({ namespace: '', name: metadata.name });
    assert.deepEqual(binding?.subjects, [{ kind: 'ServiceAccount', name: metadata.name.slice('system:controller:'.length), namespace: 'kube-system' }]);
  }
  const may = async (user: string, resourceAttributes: object): Promise<boolean> => {
    const { status } = (await client.create(subjectAccessReviews as never, { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {}, spec: { user, resourceAttributes } } as never, signal)) as any;
    return status.allowed;
  };
  const autoscaler = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
  assert.equal(await may(autoscaler, { verb: 'update', group: 'apps', resource: 'deployments', subresource: 'scale', namespace: 'default' }), true);
  assert.equal(await may(autoscaler, { verb: 'list', group: 'external.metrics.k8s.io', resource: 'queue', namespace: 'default' }), true);
  assert.equal(await may(autoscaler, { verb: 'get', resource: 'secrets', namespace: 'default' }), false);
});

test('kube-system and kube-public have the roles that upstream puts there', async () => {
  await using cluster = await startTestCluster({ nodes: 0, seed: 1, clock: 'virtual' });
  const signal = new AbortController().signal;
  const names = async (of: typeof roles | typeof roleBindings) => (await cluster.client.list(of as typeof roles, {}, signal)).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted();
  const common = ['kube-public/system:controller:bootstrap-signer', 'kube-system/system::leader-locking-kube-controller-manager', 'kube-system/system::leader-locking-kube-scheduler', 'kube-system/system:controller:bootstrap-signer', 'kube-system/system:controller:cloud-provider', 'kube-system/system:controller:token-cleaner'];
  assert.deepEqual(await names(roles), [...common, 'kube-system/extension-apiserver-authentication-reader'].toSorted());
  assert.deepEqual(await names(roleBindings), [...common, 'kube-system/system::extension-apiserver-authentication-reader'].toSorted());
});
