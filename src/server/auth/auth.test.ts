import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'js-yaml';
import type { UserInfo } from '../../api/kind.ts';
import type { PathAccess, ResourceAccess } from './access.ts';
import { createAuthenticator } from './authenticate.ts';
import { createAuthorizer, identities } from './authorize.ts';
import { buildKubeconfig } from './kubeconfig.ts';

const authenticate = createAuthenticator({ tokens: new Map([['s3cret', { username: 'robot', groups: ['builders'] }]]) });
const robot = { username: 'robot', groups: ['builders', 'system:authenticated'] };

test('a client certificate names the user and its groups, and wins over a token', () => {
  const certificate = { subject: { CN: 'ada', O: ['dev', 'ops'] } };
  assert.deepEqual(authenticate({ certificate, authorization: 'Bearer wrong', path: '/api' }), { username: 'ada', groups: ['dev', 'ops', 'system:authenticated'] });
  assert.deepEqual(authenticate({ certificate: { subject: { O: 'dev' } }, path: '/api' }), undefined);
});

test('bearer tokens', () => {
  assert.deepEqual(authenticate({ authorization: 'Bearer s3cret', path: '/api' }), robot);
  assert.deepEqual(authenticate({ authorization: 'bearer  s3cret', path: '/api' }), robot);
  for (const authorization of ['Bearer nope', 'Bearer ', 'Basic czNjcmV0', 's3cret', 'Bearer s3cret x']) {
    assert.equal(authenticate({ authorization, path: '/api' }), undefined, authorization);
    assert.equal(authenticate({ authorization, path: '/healthz' }), undefined, authorization);
  }
});

test('anonymous requests see health and version only', () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz?verbose', '/livez/ping', '/version']) {
    assert.deepEqual(authenticate({ path }), { username: 'system:anonymous', groups: ['system:unauthenticated'] }, path);
  }
  for (const path of ['/', '/api', '/versions', '/healthzz', '/metrics']) assert.equal(authenticate({ path }), undefined, path);
});

const authorize = createAuthorizer();
const ada = { username: 'ada', groups: ['dev', 'system:authenticated'] };
const pods = { group: '', plural: 'pods' };

test('refusals are in the words of Kubernetes', () => {
  const why = (access: Parameters<typeof authorize>[0]) => {
    const decision = authorize(access);
    return decision.allowed ? 'allowed' : decision.why;
  };
  assert.equal(why({ user: ada, verb: 'list', resource: pods, namespace: 'default' }), 'User "ada" cannot list resource "pods" in API group "" in the namespace "default"');
  assert.equal(why({ user: ada, verb: 'get', resource: { group: 'apps', plural: 'deployments' }, subresource: 'scale' }), 'User "ada" cannot get resource "deployments/scale" in API group "apps" at the cluster scope');
  assert.equal(why({ user: ada, verb: 'connect', resource: pods, subresource: 'exec', namespace: 'x', name: 'web' }), 'User "ada" cannot create resource "pods/exec" in API group "" in the namespace "x"');
  assert.equal(why({ user: ada, verb: 'get', path: '/metrics' }), 'User "ada" cannot get path "/metrics"');
});

test('masters may do all', () => {
  const root = { username: 'root', groups: ['system:masters'] };
  assert.deepEqual(authorize({ user: root, verb: 'delete', resource: { group: 'x.example.com', plural: 'things' } }), { allowed: true });
  assert.deepEqual(authorize({ user: root, verb: 'get', path: '/metrics' }), { allowed: true });
});

test('each part may do its work and no more', () => {
  const may = (user: UserInfo, verb: string, plural: string, subresource?: string, group = '') => authorize({ user, verb, resource: { group, plural }, subresource, namespace: 'default', name: 'x' }).allowed;
  const { scheduler, controllerManager, apiServer } = identities;
  const node = identities.node('n1');
  assert.equal(may(scheduler, 'create', 'pods', 'binding'), true);
  assert.equal(may(scheduler, 'create', 'pods'), false);
  assert.equal(may(scheduler, 'get', 'secrets'), false);
  assert.equal(may(controllerManager, 'create', 'pods'), true);
  assert.equal(may(controllerManager, 'update', 'deployments', 'status', 'apps'), true);
  assert.equal(may(controllerManager, 'delete', 'widgets', undefined, 'example.com'), true);
  assert.equal(may(controllerManager, 'create', 'pods', 'exec'), false);
  assert.equal(may(node, 'patch', 'pods', 'status'), true);
  assert.equal(may(node, 'list', 'services'), true);
  assert.equal(may(node, 'list', 'endpointslices', undefined, 'discovery.k8s.io'), false);
  assert.equal(may(node, 'delete', 'nodes'), false);
  assert.equal(may(node, 'create', 'deployments', undefined, 'apps'), false);
  assert.equal(may(apiServer, 'create', 'namespaces'), true);
});

test('rules: resource names, namespaces, any resource\'s subresource, path prefixes', () => {
  const custom = createAuthorizer([
    { users: ['ada'], namespace: 'dev', rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] },
    { groups: ['dev'], rules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['a'] }, { verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] }] },
    { groups: ['dev'], rules: [{ verbs: ['get'], nonResourceURLs: ['/logs/*'] }] },
  ]);
  const may = (access: Omit<ResourceAccess, 'user'> | Omit<PathAccess, 'user'>) => custom({ user: ada, ...access }).allowed;
  assert.equal(may({ verb: 'delete', resource: pods, namespace: 'dev' }), true);
  assert.equal(may({ verb: 'delete', resource: pods, namespace: 'prod' }), false);
  assert.equal(may({ verb: 'get', resource: { group: '', plural: 'configmaps' }, name: 'a', namespace: 'prod' }), true);
  assert.equal(may({ verb: 'get', resource: { group: '', plural: 'configmaps' }, name: 'b', namespace: 'prod' }), false);
  assert.equal(may({ verb: 'get', resource: { group: 'apps', plural: 'deployments' }, subresource: 'scale' }), true);
  assert.equal(may({ verb: 'get', path: '/logs/kube-apiserver.log' }), true);
  assert.equal(may({ verb: 'get', path: '/logs' }), false);
});

test('the kubeconfig is YAML that names its parts consistently', () => {
  const text = buildKubeconfig({ server: 'https://127.0.0.1:6443', authorityPem: 'CA', clientCertPem: 'CERT', clientKeyPem: 'KEY', clusterName: 'peapod', userName: 'admin' });
  assert.deepEqual(load(text), {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    'current-context': 'peapod',
    clusters: [{ name: 'peapod', cluster: { 'certificate-authority-data': 'Q0E=', server: 'https://127.0.0.1:6443' } }],
    contexts: [{ name: 'peapod', context: { cluster: 'peapod', user: 'peapod-admin' } }],
    users: [{ name: 'peapod-admin', user: { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' } }],
  });
});
