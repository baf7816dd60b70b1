// RBAC over the API in process: what roles and bindings give is given from the write on, and no one gives away more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterRoleBindings, clusterRoles, configMaps, pods, roleBindings, roles, services } from '../../api/kinds/index.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { ApiRequest, ResourceName } from '../../api/request.ts';
import { selfSubjectAccessReviews, selfSubjectRulesReviews } from '../../api/kinds/reviews.ts';
import { admin, never, startTestServer, type TestServer } from '../test-server.ts';
import { identities } from './authorize.ts';
import { compacted, lacking, textOfRule, type PolicyRule } from './policy-rule.ts';

const group = 'rbac.authorization.k8s.io';
const ann: UserInfo = { username: 'ann', groups: ['dev', 'system:authenticated'] };
const cart: UserInfo = { username: 'system:serviceaccount:shop:cart', groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'] };
const readMaps: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] };

function as({ server }: TestServer, user: UserInfo) {
  const transport = server.transport(user);
  return (verb: ApiRequest['verb'], { group, version, plural }: ResourceName, rest: Partial<ApiRequest> = {}): Promise<any> => transport.call({ verb, resource: { group, version, plural }, options: {}, ...rest }, never);
}

const role = (name: string, rules: readonly PolicyRule[]) => ({ metadata: { name }, rules });
const binding = (name: string, roleKind: string, roleName: string, ...subjects: object[]) => ({ metadata: { name }, roleRef: { kind: roleKind, name: roleName }, subjects });
const user = (name: string) => ({ kind: 'User', name });

test('a binding holds from its write to its end, in its namespace', async () => {
  await using server = await startTestServer();
  const { call } = server;
  const asAnn = as(server, ann);
  const list = (namespace?: string) => asAnn('list', configMaps, { namespace });
  const refused = { code: 403, message: 'configmaps is forbidden: User "ann" cannot list resource "configmaps" in API group "" in the namespace "shop"' };
  await assert.rejects(list('shop'), refused);
  await call('create', roleBindings, { namespace: 'shop', body: binding('read', 'Role', 'reader', { kind: 'Group', name: 'dev' }) });
  await assert.rejects(list('shop'), { message: `${refused.message}: RBAC: role.rbac.authorization.k8s.io "reader" not found` });
  await call('create', roles, { namespace: 'shop', body: role('reader', [readMaps]) });
  assert.deepEqual((await list('shop')).items, []);
  await assert.rejects(list('default'), { code: 403 });
  await assert.rejects(list(), { code: 403, message: /at the cluster scope$/ });
  await call('patch', roles, { namespace: 'shop', name: 'reader', patchType: 'merge', body: { rules: [{ ...readMaps, verbs: ['get'] }] } });
  await assert.rejects(list('shop'), refused);
  await call('patch', roles, { namespace: 'shop', name: 'reader', patchType: 'merge', body: { rules: [readMaps] } });
  await list('shop');
  await call('patch', roleBindings, { namespace: 'shop', name: 'read', patchType: 'merge', body: { subjects: [user('bob')] } });
  await assert.rejects(list('shop'), refused);
  await call('create', clusterRoles, { body: role('maps', [readMaps]) });
  await call('create', clusterRoleBindings, { body: binding('maps', 'ClusterRole', 'maps', user('ann')) });
  await list();
  await call('delete', clusterRoleBindings, { name: 'maps' });
  await assert.rejects(list('shop'), refused);
});

test('a service account is named with its namespace, or has that of the binding', async () => {
  await using server = await startTestServer();
  const { call } = server;
  await call('create', clusterRoles, { body: role('maps', [readMaps]) });
  const list = (namespace: string) => as(server, cart)('list', configMaps, { namespace });
  await call('create', roleBindings, { namespace: 'shop', body: binding('own', 'ClusterRole', 'maps', { kind: 'ServiceAccount', name: 'cart' }) });
  await call('create', roleBindings, { namespace: 'store', body: binding('own', 'ClusterRole', 'maps', { kind: 'ServiceAccount', name: 'cart' }) });
  await call('create', roleBindings, { namespace: 'depot', body: binding('of-all', 'ClusterRole', 'maps', { kind: 'Group', name: 'system:serviceaccounts:shop', apiGroup: group }) });
  await list('shop');
  await list('depot');
  await assert.rejects(list('store'), { code: 403 });
});

test('names, subresources and paths', async () => {
  await using server = await startTestServer();
  await server.call('create', clusterRoles, { body: role('some', [{ ...readMaps, verbs: ['get'], resourceNames: ['a'] }, { apiGroups: [''], resources: ['pods/log', '*/scale'], verbs: ['get'] }, { nonResourceURLs: ['/logs/*'], verbs: ['get'] }]) });
  await server.call('create', clusterRoleBindings, { body: binding('some', 'ClusterRole', 'some', user('ann')) });
  const may = async (spec: object) => (await as(server, ann)('create', selfSubjectAccessReviews, { body: { spec } })).status;
  const at = (resource: string, name?: string, subresource?: string) => may({ resourceAttributes: { verb: 'get', resource, name, subresource, namespace: 'default' } });
  assert.deepEqual(await at('configmaps', 'a'), { allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "some" of ClusterRole "some" to User "ann"' });
  assert.equal((await at('configmaps', 'b')).allowed, false);
  assert.equal((await at('configmaps')).allowed, false);
  assert.equal((await at('pods', 'p', 'log')).allowed, true);
  assert.equal((await at('pods', 'p')).allowed, false);
  assert.equal((await at('replicationcontrollers', 'r', 'scale')).allowed, true);
  assert.equal((await may({ nonResourceAttributes: { path: '/logs/x', verb: 'get' } })).allowed, true);
  assert.equal((await may({ nonResourceAttributes: { path: '/logs', verb: 'get' } })).allowed, false);
  const { status } = await as(server, ann)('create', selfSubjectRulesReviews, { body: { spec: { namespace: 'default' } } });
  assert.ok(status.resourceRules.some((rule: PolicyRule) => rule.resourceNames?.[0] === 'a'));
  assert.ok(status.nonResourceRules.some((rule: PolicyRule) => rule.nonResourceURLs?.includes('/apis/*')));
  assert.equal(status.evaluationError, undefined);
});

test('everyone may discover and ask about themselves, until that is taken away; parts and nodes need no binding', async () => {
  await using server = await startTestServer();
  const ask = () => as(server, ann)('create', selfSubjectAccessReviews, { body: { spec: { nonResourceAttributes: { path: '/apis/apps/v1', verb: 'get' } } } });
  assert.equal((await ask()).status.allowed, true);
  await server.call('delete', clusterRoleBindings, { name: 'system:discovery' });
  assert.equal((await ask()).status.allowed, false);
  await server.call('delete', clusterRoleBindings, { name: 'system:basic-user' });
  await assert.rejects(ask(), { code: 403 });
  await server.call('deletecollection', clusterRoleBindings);
  await as(server, identities.scheduler)('list', pods);
  await as(server, identities.node('n1'))('list', services);
  await server.call('list', pods);
});

test('nobody gives away what they do not have', async (t) => {
  await using server = await startTestServer();
  const { call } = server;
  const asAnn = as(server, ann);
  await call('create', clusterRoles, { body: role('rbac', [{ apiGroups: [group], resources: ['*'], verbs: ['create', 'update', 'patch', 'get', 'delete'] }, readMaps]) });
  await call('create', clusterRoleBindings, { body: binding('rbac', 'ClusterRole', 'rbac', user('ann')) });
  const words = (name: string, rules: string, kind = 'roles') => ({
    code: 403, message: `${kind}.${group} "${name}" is forbidden: user "ann" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n${rules}`,
  });

  await t.test('in a role', async () => {
    await asAnn('create', roles, { namespace: 'default', body: role('mine', [{ ...readMaps, resourceNames: ['a'] }]) });
    const more = role('more', [{ apiGroups: ['', 'apps'], resources: ['secrets'], verbs: ['list', 'get'] }, readMaps]);
    await assert.rejects(asAnn('create', roles, { namespace: 'default', body: more }), words('more', '{APIGroups:[""], Resources:["secrets"], Verbs:["list" "get"]}\n{APIGroups:["apps"], Resources:["secrets"], Verbs:["list" "get"]}'));
    await assert.rejects(asAnn('patch', roles, { namespace: 'default', name: 'mine', patchType: 'merge', body: { rules: more.rules } }), { code: 403 });
    await asAnn('patch', roles, { namespace: 'default', name: 'mine', patchType: 'merge', body: { metadata: { labels: { a: 'b' } } } });
  });
  await t.test('through a binding', async () => {
    await asAnn('create', roleBindings, { namespace: 'default', body: binding('good', 'Role', 'mine', user('bob')) });
    await assert.rejects(asAnn('create', clusterRoleBindings, { body: binding('bad', 'ClusterRole', 'cluster-admin', user('ann')) }), words('bad', '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}', 'clusterrolebindings'));
    await assert.rejects(asAnn('create', clusterRoleBindings, { body: binding('bad', 'ClusterRole', 'nothing', user('ann')) }), { code: 404, message: `clusterroles.${group} "nothing" not found` });
  });
  await t.test('by aggregation', async () => {
    const body = { metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
    await assert.rejects(asAnn('create', clusterRoles, { body }), { code: 403, message: `clusterroles.${group} "all" is forbidden: must have cluster-admin privileges to use the aggregationRule` });
  });
  await t.test('but who may escalate or bind does', async () => {
    await call('create', clusterRoles, { body: role('verbs', [{ apiGroups: [group], resources: ['roles'], verbs: ['escalate'] }, { apiGroups: [group], resources: ['clusterroles'], verbs: ['bind'], resourceNames: ['view'] }]) });
    await call('create', clusterRoleBindings, { body: binding('verbs', 'ClusterRole', 'verbs', user('ann')) });
    await asAnn('create', roles, { namespace: 'default', body: role('more', [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]) });
    await asAnn('create', roleBindings, { namespace: 'default', body: binding('view', 'ClusterRole', 'view', user('bob')) });
    await assert.rejects(asAnn('create', roleBindings, { namespace: 'default', body: binding('edit', 'ClusterRole', 'system:aggregate-to-edit', user('bob')) }), { code: 403 });
  });
});

test('the default roles are there, and are put right at each start', async () => {
  await using first = await startTestServer();
  const { call } = first;
  const admins = await call('get', clusterRoles, { name: 'cluster-admin' });
  assert.deepEqual(admins.metadata.labels, { 'kubernetes.io/bootstrapping': 'rbac-defaults' });
  assert.deepEqual(admins.metadata.annotations, { 'rbac.authorization.kubernetes.io/autoupdate': 'true' });
  const asMade = await call('get', clusterRoles, { name: 'view' });
  const own: PolicyRule = { apiGroups: ['example.com'], resources: ['things'], verbs: ['get'] };
  await call('patch', clusterRoles, { name: 'system:basic-user', patchType: 'merge', body: { rules: [own] } });
  await call('delete', clusterRoleBindings, { name: 'system:discovery' });
  await call('patch', clusterRoles, { name: 'system:discovery', patchType: 'merge', body: { rules: [own], metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } } } });
  await call('delete', clusterRoleBindings, { name: 'cluster-admin' });
  await call('create', clusterRoleBindings, { body: binding('cluster-admin', 'ClusterRole', 'view', user('x')) });
  const second = await startTestServer({ store: first.store });
  assert.deepEqual((await second.call('get', clusterRoles, { name: 'system:basic-user' })).rules[0], own);
  assert.deepEqual(lacking((await second.call('get', clusterRoles, { name: 'system:basic-user' })).rules, [{ apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews'], verbs: ['create'] }]), []);
  assert.deepEqual((await second.call('get', clusterRoles, { name: 'system:discovery' })).rules, [own]);
  assert.equal((await second.call('get', clusterRoleBindings, { name: 'system:discovery' })).subjects[0].name, 'system:authenticated');
  assert.equal((await second.call('get', clusterRoleBindings, { name: 'cluster-admin' })).roleRef.name, 'cluster-admin');
  assert.equal((await second.call('get', clusterRoles, { name: 'view' })).metadata.resourceVersion, asMade.metadata.resourceVersion, 'what is right is not written');
  await second.server.close();
});

test('rules of upstream’s validation, and roleRef stays', async () => {
  await using server = await startTestServer();
  const { call } = server;
  const causes = (promise: Promise<unknown>) => promise.then(() => [], (error: { details?: { causes?: { field: string; message: string }[] } }) => error.details?.causes?.map(({ field, message }) => `${field}: ${message}`));
  assert.deepEqual(await causes(call('create', roles, { namespace: 'default', body: { metadata: { name: 'a' }, rules: [{ verbs: [], resources: ['pods'] }, { verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] }] } })), [
    'rules[0].verbs: Required value: verbs must contain at least one value',
    'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    'rules[1].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
  ]);
  assert.deepEqual(await causes(call('create', clusterRoleBindings, { body: binding('a', 'Role', 'x', { kind: 'ServiceAccount', name: 's' }, { kind: 'Robot', name: 'r' }) })), [
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    'subjects[0].namespace: Required value',
    'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
  ]);
  const made = await call('create', roleBindings, { namespace: 'default', body: binding('system:b', 'ClusterRole', 'view', user('u')) });
  assert.deepEqual([made.roleRef.apiGroup, made.subjects[0].apiGroup], [group, group]);
  assert.deepEqual(await causes(call('patch', roleBindings, { namespace: 'default', name: 'system:b', patchType: 'merge', body: { roleRef: { name: 'edit' } } })), [
    'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}: cannot change roleRef',
  ]);
  assert.equal(admin.groups[0], 'system:masters');
});

test('what some rules lack of others', () => {
  const rule = (group: string, resource: string, verb: string, ...resourceNames: string[]): PolicyRule => ({ apiGroups: [group], resources: [resource], verbs: [verb], resourceNames });
  const isHeld = (held: PolicyRule, wanted: PolicyRule) => lacking([held], [wanted]).length === 0;
  assert.ok(isHeld(rule('', '*', '*'), rule('', 'pods/log', 'get')));
  assert.ok(isHeld(rule('', '*/scale', 'get'), rule('', 'replicationcontrollers/scale', 'get')));
  assert.ok(!isHeld(rule('', '*/scale', 'get'), rule('', 'replicationcontrollers', 'get')));
  assert.ok(!isHeld(rule('', 'pods', 'get'), rule('', '*', 'get')));
  assert.ok(!isHeld(rule('', 'pods', 'get'), rule('', 'pods', '*')));
  assert.ok(isHeld(rule('', 'pods', 'get'), rule('', 'pods', 'get', 'a')));
  assert.ok(!isHeld(rule('', 'pods', 'get', 'a'), rule('', 'pods', 'get')));
  assert.ok(!isHeld(rule('', 'pods', 'get', 'a'), rule('', 'pods', 'get', 'a', 'b')));
  assert.ok(isHeld({ verbs: ['get'], nonResourceURLs: ['/a/*'] }, { verbs: ['get'], nonResourceURLs: ['/a/b', '/a/*'] }));
  assert.ok(!isHeld({ verbs: ['get'], nonResourceURLs: ['/a/b'] }, { verbs: ['get'], nonResourceURLs: ['/a/*'] }));
  assert.deepEqual(compacted(lacking([], [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'], resourceNames: ['x'] }])).map(textOfRule), ['{APIGroups:[""], Resources:["pods"], ResourceNames:["x"], Verbs:["get" "list"]}']);
});
