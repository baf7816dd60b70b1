import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kinds, unstoredKinds } from '../kinds/index.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList } from './legacy.ts';

interface Listed { name: string; kind: string; verbs: string[]; shortNames?: string[]; storageVersionHash?: string; namespaced: boolean }

test('the core group lists its resources and subresources', () => {
  const list = apiResourceList('', 'v1', kinds) as { groupVersion: string; resources: Listed[] };
  const named = (name: string) => list.resources.find((resource) => resource.name === name);
  assert.equal(list.groupVersion, 'v1');
  assert.deepEqual(named('pods'), {
    name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: ['po'], categories: ['all'], storageVersionHash: 'xPOwRZ+Yhw8=',
  });
  assert.deepEqual(named('pods/exec'), { name: 'pods/exec', singularName: '', namespaced: true, kind: 'PodExecOptions', verbs: ['create', 'get'] });
  assert.deepEqual(named('pods/status')?.verbs, ['get', 'patch', 'update']);
  assert.equal(named('nodes')?.namespaced, false);
  assert.ok(!named('namespaces')?.verbs.includes('deletecollection'));
});

test('groups are listed without the core group', () => {
  const { groups } = apiGroupList(kinds) as { groups: { name: string }[] };
  assert.ok(groups.some(({ name }) => name === 'apps'));
  assert.ok(groups.every(({ name }) => name !== ''));
  assert.deepEqual(apiGroup('apps', kinds), {
    kind: 'APIGroup', apiVersion: 'v1', name: 'apps',
    versions: [{ groupVersion: 'apps/v1', version: 'v1' }], preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
  });
  assert.equal(apiGroup('nothing.example.com', kinds), undefined);
  assert.equal(apiResourceList('apps', 'v9', kinds), undefined);
});

test('of several versions the preferred one comes first, and all are stored as one', () => {
  const all = [...kinds, ...unstoredKinds];
  const group = apiGroup('autoscaling', all) as { versions: { version: string }[]; preferredVersion: { version: string } };
  assert.deepEqual([group.preferredVersion.version, group.versions.map(({ version }) => version)], ['v2', ['v2', 'v1', 'v2beta1', 'v2beta2']]);
  const hashes = ['v1', 'v2', 'v2beta2'].map((version) => (apiResourceList('autoscaling', version, all) as { resources: Listed[] }).resources[0]!.storageVersionHash);
  assert.deepEqual(hashes, ['qwQve8ut294=', 'qwQve8ut294=', 'qwQve8ut294=']);
});

test('aggregated discovery says the same in one document', () => {
  interface Aggregated { items: { metadata: { name?: string }; versions: { version: string; resources: { resource: string; subresources?: { subresource: string }[] }[] }[] }[] }
  const core = aggregatedDiscovery('/api', 'v2', kinds) as Aggregated;
  const others = aggregatedDiscovery('/apis', 'v2beta1', kinds) as Aggregated;
  assert.equal(core.items.length, 1);
  assert.ok(core.items[0]!.versions[0]!.resources.find(({ resource }) => resource === 'pods')?.subresources?.some(({ subresource }) => subresource === 'log'));
  assert.ok(others.items.some(({ metadata }) => metadata.name === 'coordination.k8s.io'));
});
