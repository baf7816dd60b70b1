import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, Pod } from '../../api/types.ts';
import fc from '../../base/testing/fast-check.ts';
import type { ResourceAccess } from './access.ts';
import { createAuthorizer, identities } from './authorize.ts';
import { NodeGraph } from './node-graph.ts';

const graph = new NodeGraph();
const authorize = createAuthorizer(undefined, undefined, graph);
const podOf = (name: string, nodeName: string | undefined, spec: object = {}, more: object = {}): Pod => ({ metadata: { name, namespace: 'default', uid: `uid-${name}`, ...more }, spec: { nodeName, containers: [{ name: 'c', image: 'x' }], ...spec }, status: {} }) as unknown as Pod;
const volumeOf = (name: string, spec: object): PersistentVolume => ({ metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': 'peapod.dev/local-path' } }, spec }) as unknown as PersistentVolume;

graph.put(podOf('mine', 'a', { serviceAccountName: 'web', volumes: [{ name: 's', secret: { secretName: 'mine' } }, { name: 'c', persistentVolumeClaim: { claimName: 'data' } }, { name: 'e', ephemeral: { volumeClaimTemplate: {} } }], resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] }));
graph.put(podOf('other', 'b', { volumes: [{ name: 's', secret: { secretName: 'other' } }] }));
graph.put(podOf('waiting', undefined, { volumes: [{ name: 's', secret: { secretName: 'waiting' } }] }));
graph.put(podOf('mirror', 'a', { volumes: [{ name: 's', secret: { secretName: 'grabbed' } }] }, { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
graph.putVolume(volumeOf('pv-data', { claimRef: { namespace: 'default', name: 'data' } }));
graph.putVolume(volumeOf('pv-else', { claimRef: { namespace: 'default', name: 'else' } }));
graph.putVolume(volumeOf('pv-local', { local: { path: '/x' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }] }] } } }));

const asked = (verb: string, plural: string, more: Partial<ResourceAccess> & { group?: string } = {}): ResourceAccess => ({ user: identities.node('a'), verb, resource: { group: more.group ?? '', plural }, namespace: 'default', ...more });
const told = (...of: Parameters<typeof asked>): string => {
  const decision = authorize(asked(...of));
  return decision.allowed ? '' : (decision.reason || 'no');
};

test('a node sees its own Pods, and no list of all', () => {
  assert.equal(told('list', 'pods', { namespace: undefined, fieldSelector: 'spec.nodeName=a' }), '');
  assert.equal(told('watch', 'pods', { namespace: undefined, fieldSelector: 'status.phase!=Failed,spec.nodeName=a' }), '');
  for (const fieldSelector of [undefined, 'spec.nodeName=b', 'spec.nodeName!=a', 'spec.nodeName=a=b', 'metadata.labels=spec.nodeName']) assert.equal(told('list', 'pods', { fieldSelector }), 'can only list/watch pods with spec.nodeName field selector');
  assert.equal(told('get', 'pods', { name: 'mine' }), '');
  assert.equal(told('get', 'pods', { name: 'mirror' }), '');
  assert.equal(told('get', 'pods', { name: 'other' }), "no relationship found between node 'a' and this object");
  assert.equal(told('get', 'pods', { name: 'gone' }), '', 'what is not there is told by its absence');
  assert.equal(told('get', 'pods', { name: 'mine', subresource: 'log' }), 'no');
  assert.equal(told('patch', 'pods', { name: 'mine' }), 'no');
  for (const [verb, subresource] of [['create'], ['delete'], ['patch', 'status'], ['create', 'eviction']] as const) assert.equal(told(verb, 'pods', { name: 'mine', subresource }), '', 'NodeRestriction says whose');
});

test('a node sees its own Node, Lease and CSINode', () => {
  assert.equal(told('get', 'nodes', { namespace: undefined, name: 'a' }), '');
  assert.equal(told('list', 'nodes', { namespace: undefined }), "node 'a' cannot read all nodes, only its own Node object");
  assert.equal(told('get', 'nodes', { namespace: undefined, name: 'b' }), "node 'a' cannot read 'b', only its own Node object");
  assert.equal(told('patch', 'nodes', { namespace: undefined, name: 'a', subresource: 'status' }), '');
  assert.equal(told('delete', 'nodes', { namespace: undefined, name: 'a' }), 'no');
  const lease = (verb: string, more: object) => told(verb, 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', ...more });
  assert.equal(lease('update', { name: 'a' }), '');
  assert.equal(lease('create', {}), '');
  assert.equal(lease('update', { name: 'b' }), 'can only access node lease with the same name as the requesting node');
  assert.equal(lease('list', {}), 'can only get, create, update, patch, or delete a node lease');
  assert.equal(lease('get', { name: 'a', namespace: 'kube-system' }), 'can only access leases in the "kube-node-lease" system namespace');
  assert.equal(told('get', 'csinodes', { group: 'storage.k8s.io', name: 'b' }), 'can only access CSINode with the same name as the requesting node');
});

test('a node sees what its Pods refer to, and storage through their claims', () => {
  for (const [plural, name] of [['secrets', 'mine'], ['persistentvolumeclaims', 'data'], ['persistentvolumeclaims', 'mine-e'], ['persistentvolumes', 'pv-data'], ['persistentvolumes', 'pv-local']] as const) {
    assert.equal(told('get', plural, { name }), '', name);
    assert.equal(told('watch', plural, { name }), '', `${name} alone`);
  }
  assert.equal(told('get', 'resourceclaims', { group: 'resource.k8s.io', name: 'gpu' }), '');
  for (const [plural, name] of [['secrets', 'other'], ['secrets', 'waiting'], ['secrets', 'grabbed'], ['persistentvolumeclaims', 'else'], ['persistentvolumes', 'pv-else'], ['persistentvolumes', 'none']] as const) assert.match(told('get', plural, { name }), /^no relationship found/, name);
  assert.equal(told('list', 'secrets'), 'No Object name found');
  assert.equal(told('list', 'persistentvolumeclaims', { namespace: undefined }), 'can only get individual resources of this type');
  assert.equal(told('list', 'persistentvolumeclaims', { namespace: undefined, fieldSelector: 'peapod.dev/node=a' }), '');
  assert.equal(told('watch', 'persistentvolumes', { namespace: undefined, fieldSelector: 'peapod.dev/node=b' }), 'can only get individual resources of this type');
  assert.equal(told('update', 'persistentvolumeclaims', { name: 'data' }), 'can only get individual resources of this type');
  assert.equal(told('patch', 'persistentvolumeclaims', { name: 'data', subresource: 'status' }), '');
  assert.equal(told('create', 'serviceaccounts', { name: 'web', subresource: 'token' }), '');
  assert.equal(told('create', 'serviceaccounts', { name: 'admin', subresource: 'token' }), "no relationship found between node 'a' and this object");
  assert.equal(told('deletecollection', 'resourceslices', { group: 'resource.k8s.io', fieldSelector: 'spec.nodeName=a' }), '');
  assert.equal(told('list', 'resourceslices', { group: 'resource.k8s.io' }), 'can only list/watch/deletecollection resourceslices with nodeName field selector');
});

test('whatever Pods come and go, a node is related to just what those that are bound to it name', () => {
  const names = fc.constantFrom('p', 'q', 'r');
  const step = fc.record({ pod: names, node: fc.constantFrom('a', 'b', undefined), secret: fc.constantFrom('s', 't'), isGone: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const tried = new NodeGraph();
    const there = new Map<string, Pod>();
    for (const { pod: name, node, secret, isGone } of steps) {
      const before = there.get(name);
      if (isGone && before) {
        tried.remove(before);
        there.delete(name);
      } else if (!before || before.spec.nodeName === undefined) {
        // A bound Pod's volumes stay as they are.
        const pod = podOf(name, node, { volumes: [{ name: 'v', secret: { secretName: before?.spec.volumes?.[0]?.secret?.secretName ?? secret } }] });
        tried.put(pod);
        there.set(name, pod);
      }
    }
    for (const node of ['a', 'b']) {
      for (const secret of ['s', 't']) assert.equal(tried.isRelated(node, 'secrets', 'default', secret), [...there.values()].some(({ spec }) => spec.nodeName === node && spec.volumes![0]!.secret!.secretName === secret));
      for (const name of ['p', 'q', 'r']) assert.equal(tried.isRelated(node, 'pods', 'default', name), there.get(name)?.spec.nodeName === node);
    }
  }));
});
