import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, type ApiError } from '../error.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const deploymentName = 'io.k8s.api.apps.v1.Deployment';
const podName = 'io.k8s.api.core.v1.Pod';
const deployment = (podSpec: object, spec: object = {}) => ({ apiVersion: 'apps/v1', kind: 'Deployment', spec: { ...spec, template: { spec: podSpec } } });
const patchDeployment = (podSpec: object, patch: object) => (applyStrategicMergePatch(deploymentName, deployment(podSpec), deployment(patch)) as { spec: { template: { spec: object } } }).spec.template.spec;
const patchPod = (spec: object, patch: object) => (applyStrategicMergePatch(podName, { spec }, { spec: patch }) as { spec: unknown }).spec;
const badRequest = (message: string) => (error: ApiError) => isReason(error, 'BadRequest') && (assert.equal(error.message, message), true);

// "Update API Objects in Place Using kubectl patch"
test('the documentation’s first patch adds a container, the new one first', () => {
  const before = { containers: [{ name: 'patch-demo-ctr', image: 'nginx' }], tolerations: [{ effect: 'NoSchedule', key: 'dedicated', value: 'test-team' }] };
  assert.deepEqual(patchDeployment(before, { containers: [{ name: 'patch-demo-ctr-2', image: 'redis' }] }), {
    containers: [{ name: 'patch-demo-ctr-2', image: 'redis' }, { name: 'patch-demo-ctr', image: 'nginx' }],
    tolerations: before.tolerations,
  });
});

test('the documentation’s second patch replaces the tolerations: a list without merge strategy', () => {
  const before = { containers: [{ name: 'c', image: 'nginx' }], tolerations: [{ effect: 'NoSchedule', key: 'dedicated', value: 'test-team' }] };
  const tolerations = [{ effect: 'NoSchedule', key: 'disktype', value: 'ssd' }];
  assert.deepEqual(patchDeployment(before, { tolerations }), { containers: before.containers, tolerations });
});

test('the documentation’s retainKeys patch changes the strategy’s type and drops rollingUpdate', () => {
  const before = deployment({}, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } });
  const patched = applyStrategicMergePatch(deploymentName, before, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }) as { spec: { strategy: object } };
  assert.deepEqual(patched.spec.strategy, { type: 'Recreate' });
});

// "Strategic Merge Patch", sig-api-machinery
test('a container’s fields merge into the one of the same name', () => {
  assert.deepEqual(patchPod({ containers: [{ name: 'nginx', image: 'nginx-1.0' }] }, { containers: [{ name: 'log-tailer', image: 'log-tailer-1.0' }, { name: 'nginx', command: ['x'] }] }), {
    containers: [{ name: 'log-tailer', image: 'log-tailer-1.0' }, { name: 'nginx', image: 'nginx-1.0', command: ['x'] }],
  });
});

test('$patch: delete removes an item of a list, and empties an object', () => {
  assert.deepEqual(patchPod({ containers: [{ name: 'a' }, { name: 'b' }] }, { containers: [{ $patch: 'delete', name: 'a' }, { $patch: 'delete', name: 'none' }] }), { containers: [{ name: 'b' }] });
  assert.deepEqual(patchPod({ securityContext: { runAsUser: 1 } }, { securityContext: { $patch: 'delete' } }), { securityContext: {} });
});

test('$patch: replace replaces a whole list, or a whole object', () => {
  assert.deepEqual(patchPod({ containers: [{ name: 'a', image: 'x' }, { name: 'b' }] }, { containers: [{ $patch: 'replace' }, { name: 'a' }] }), { containers: [{ name: 'a' }] });
  assert.deepEqual(patchPod({ nodeSelector: { a: '1', b: '2' } }, { nodeSelector: { $patch: 'replace', c: '3' } }), { nodeSelector: { c: '3' } });
  assert.deepEqual(patchPod({ nodeSelector: { a: '1' } }, { nodeSelector: { $patch: 'merge', c: '3' } }), { nodeSelector: { a: '1', c: '3' } });
});

test('$retainKeys switches the source of a volume', () => {
  assert.deepEqual(patchPod({ volumes: [{ name: 'v', emptyDir: {} }] }, { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] }), { volumes: [{ name: 'v', hostPath: { path: '/x' } }] });
  assert.throws(() => patchPod({ volumes: [{ name: 'v' }] }, { volumes: [{ name: 'v', $retainKeys: ['name'], hostPath: { path: '/x' } }] }), badRequest('invalid patch format of retainKeys'));
});

test('$deleteFromPrimitiveList and lists of scalars that merge', () => {
  const meta = (patch: object) => (applyStrategicMergePatch(podName, { metadata: { finalizers: ['a', 'b', 'c'] } }, { metadata: patch }) as { metadata: { finalizers: string[] } }).metadata.finalizers;
  assert.deepEqual(meta({ '$deleteFromPrimitiveList/finalizers': ['b'] }), ['a', 'c']);
  assert.deepEqual(meta({ finalizers: ['d', 'a'] }), ['d', 'a', 'b', 'c']);
  assert.deepEqual(meta({ '$deleteFromPrimitiveList/finalizers': ['b'], '$setElementOrder/finalizers': ['c', 'd', 'a'], finalizers: ['d'] }), ['c', 'd', 'a']);
});

test('$setElementOrder orders a list; what only the server has keeps its place among its neighbours', () => {
  const containers = (...names: string[]) => names.map((name) => ({ name }));
  const patch = (order: string[], items: object[]) => ({ '$setElementOrder/containers': containers(...order), containers: items });
  assert.deepEqual(patchPod({ containers: containers('a', 'b', 'c') }, { '$setElementOrder/containers': containers('c', 'a') }), { containers: containers('b', 'c', 'a') });
  assert.deepEqual(patchPod({ containers: containers('server', 'a', 'b') }, patch(['b', 'new', 'a'], [{ name: 'b', image: 'x' }, { name: 'new' }])), {
    containers: [{ name: 'server' }, { name: 'b', image: 'x' }, { name: 'new' }, { name: 'a' }],
  });
  assert.throws(() => patchPod({ containers: containers('a') }, patch(['a'], containers('b'))), (error: ApiError) => /The order in patch list/.test(error.message));
});

test('ports merge by containerPort', () => {
  const ports = [{ containerPort: 80, protocol: 'TCP' }, { containerPort: 443, protocol: 'TCP' }];
  assert.deepEqual(patchPod({ containers: [{ name: 'a', ports }] }, { containers: [{ name: 'a', ports: [{ containerPort: 443, name: 'https' }] }] }), {
    containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP' }, { containerPort: 443, protocol: 'TCP', name: 'https' }] }],
  });
});

test('nulls delete, and what is new loses nulls and directives', () => {
  assert.deepEqual(patchPod({ nodeName: 'n', nodeSelector: { a: '1' } }, { nodeName: null, nodeSelector: { a: null, b: '2' }, affinity: { nodeAffinity: null, podAffinity: { $patch: 'replace' } }, containers: [{ $patch: 'delete', name: 'x' }, { name: 'y', image: null }] }), {
    nodeSelector: { b: '2' },
    affinity: { podAffinity: {} },
    containers: [{ name: 'y' }],
  });
});

test('what contradicts the schema or itself is refused', () => {
  assert.throws(() => patchPod({ containers: [{ name: 'a' }] }, { containers: [{ image: 'x' }] }), badRequest('map: map[image:x] does not contain declared merge key: name'));
  assert.throws(() => patchPod({ containers: [{ name: 'a' }] }, { containers: [{ name: 'a', $patch: 'flip' }] }), badRequest('unknown patch type: flip in map: map[$patch:flip name:a]'));
  assert.throws(() => patchPod({ containers: [{ name: 'a' }] }, { containers: ['a'] }), (error: ApiError) => /list element types are not identical/.test(error.message));
  assert.throws(() => applyStrategicMergePatch(podName, {}, []), badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}'));
});

// apimachinery pkg/util/mergepatch: errors.go.
for (const [what, patch, message] of [
  ['$patch of an object', { securityContext: { $patch: 'remove' } }, 'unknown patch type: remove in map: map[$patch:remove]'],
  ['$patch that is no text', { securityContext: { $patch: {} } }, 'unknown patch type: map[] in map: map[$patch:map[]]'],
  ['$deleteFromPrimitiveList that is no list', { '$deleteFromPrimitiveList/hostnames': 'a' }, 'invalid patch format of primitive list'],
  ['$setElementOrder that is no list', { '$setElementOrder/containers': { name: 'a' } }, 'invalid patch format of setElementOrder list'],
  ['$setElementOrder of what is no list in the patch', { '$setElementOrder/containers': [{ name: 'a' }], containers: 'a' }, 'invalid patch format of setElementOrder list'],
  ['$setElementOrder without the merge key', { '$setElementOrder/containers': [{ image: 'a' }], containers: [{ name: 'a' }] }, 'map: map[image:a] does not contain declared merge key: name'],
  ['$setElementOrder of scalars where there are objects', { '$setElementOrder/containers': ['a'], containers: [{ name: 'a' }] }, 'expected a map[string]interface {}, but received a string'],
  ['$retainKeys that is no list', { $retainKeys: 'containers' }, 'invalid patch format of retainKeys'],
  ['$retainKeys that leaves out what is set', { $retainKeys: ['containers'], nodeName: 'n' }, 'invalid patch format of retainKeys'],
  ['a list of lists', { containers: [['a']] }, 'lists of lists are not supported'],
] as const) {
  test(`malformed: ${what}`, () => {
    assert.throws(() => patchPod({ containers: [{ name: 'a', image: 'x' }], securityContext: { runAsUser: 1 } }, patch), badRequest(message));
  });
}

test('frozen inputs stay as they are and are not shared', () => {
  const freeze = <T>(value: T): T => {
    if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };
  const original = freeze({ metadata: { finalizers: ['a'] }, spec: { containers: [{ name: 'a', command: ['x'] }, { name: 'b', args: ['y'] }], volumes: [{ name: 'v' }] } });
  const patch = freeze({ spec: { containers: [{ name: 'a', args: ['z'] }], '$setElementOrder/volumes': [{ name: 'v' }] } });
  const patched = applyStrategicMergePatch(podName, original, patch);
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(!Object.isFrozen(value) || Object.keys(value).length === 0, JSON.stringify(value));
    Object.values(value).forEach(visit);
  };
  visit(patched);
});
