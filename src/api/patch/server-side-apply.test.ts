import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import { isReason, type ApiError } from '../error.ts';
import { configMaps, deployments, pods, services } from '../kinds/index.ts';
import { difference, equalSets, fieldSet, fromFieldsV1, intersection, leaf, toFieldsV1, union, type FieldSet } from './field-set.ts';
import { applyServerSide } from './server-side-apply.ts';
import { trackUpdate } from './track-update.ts';

type Any = Record<string, any>;
const nowMs = 1_767_225_600_000;
const cm = (data: object, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', ...metadata }, data });
const apply = (live: object | undefined, config: object, fieldManager: string, force = false) => applyServerSide(configMaps, live, config, { fieldManager, force, nowMs }) as Any;
const owners = (object: Any) => Object.fromEntries((object['metadata'].managedFields ?? []).map((entry: Any) => [`${entry['manager']} ${entry['operation']}`, entry['fieldsV1']]));
const conflicts = (message: string) => (error: ApiError) => isReason(error, 'Conflict') && (assert.equal(error.message, message), error.code === 409);

test('an apply creates the object and owns what it set', () => {
  const created = apply(undefined, cm({ k: 'v' }, { labels: { l: '1' } }), 'me');
  assert.deepEqual(created, {
    ...cm({ k: 'v' }),
    metadata: {
      name: 'a',
      labels: { l: '1' },
      managedFields: [
        { manager: 'me', operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:k': {} }, 'f:metadata': { 'f:labels': { 'f:l': {} } } } },
      ],
    },
  });
});

test('two managers own different fields; the same value is shared, another is a conflict, force takes over', () => {
  const one = apply(undefined, cm({ a: '1', b: '1' }), 'one');
  const two = apply(one, cm({ b: '1', c: '2' }), 'two');
  assert.deepEqual(two['data'], { a: '1', b: '1', c: '2' });
  assert.throws(() => apply(two, cm({ a: '9' }), 'two'), conflicts('Apply failed with 1 conflict: conflict with "one": .data.a'));
  const error = (() => { try { return apply(two, cm({ a: '9', b: '9' }), 'three'); } catch (thrown) { return thrown as ApiError; } })() as ApiError;
  assert.equal(error.message, 'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two":\n- .data.b');
  assert.deepEqual(error.details?.causes?.[0], { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' });
  const forced = apply(two, cm({ a: '9' }), 'two', true);
  assert.deepEqual(forced['data'], { a: '9', b: '1' });
  assert.deepEqual(owners(forced), { 'one Apply': { 'f:data': { 'f:b': {} } }, 'two Apply': { 'f:data': { 'f:a': {} } } });
});

test('what a manager leaves out goes, unless another owns it', () => {
  const one = apply(undefined, cm({ a: '1', b: '1', c: '1' }), 'one');
  const two = apply(one, cm({ b: '1' }), 'two');
  assert.deepEqual(apply(two, cm({ c: '1' }), 'one')['data'], { b: '1', c: '1' });
  assert.equal(apply(one, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }, 'one')['data'], undefined);
});

test('giving up all it owned of a struct leaves what nobody owns: an object keeps its name', () => {
  const first = apply(undefined, cm({ k: 'v' }, { annotations: { a: '1' }, labels: { l: '1' } }), 'me');
  first['metadata'] = { ...first['metadata'], uid: 'u', namespace: 'n' };
  const second = apply(first, cm({ k: 'v' }), 'me');
  assert.deepEqual({ ...second['metadata'], managedFields: [] }, { name: 'a', uid: 'u', namespace: 'n', managedFields: [] });
});

test('applying the same again changes nothing, not even the time', () => {
  const one = apply(undefined, cm({ a: '1' }), 'one');
  assert.deepEqual(applyServerSide(configMaps, one, cm({ a: '1' }), { fieldManager: 'one', nowMs: nowMs + 60_000 }), one);
});

test('the first apply meets what was there before; kubectl takes its own over', () => {
  const live = cm({ a: '1', b: '1' });
  assert.throws(() => apply(live, cm({ a: '2' }), 'me'), conflicts('Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'));
  assert.deepEqual(apply(live, cm({ a: '1' }), 'me')['data'], { a: '1', b: '1' });
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(cm({ a: '1' })) };
  const clientSide = cm({ a: '1', b: '1' }, { annotations });
  assert.equal(apply(clientSide, cm({ a: '2' }), 'kubectl')['data'].a, '2');
  assert.throws(() => apply(clientSide, cm({ b: '2' }), 'kubectl'), conflicts('Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.b'));
  assert.throws(() => apply(clientSide, cm({ a: '2' }), 'another'), (error) => isReason(error, 'Conflict'));
});

test('what kubectl applied client-side is known by its annotation, with its defaults; what others changed since is not', () => {
  const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
  const config = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', labels: { a: '1' } }, spec: { selector: { a: '1' }, ports: [{ port: 80 }] } };
  const live = structuredClone(config) as Any;
  services.defaults?.(live as never);
  delete live['status'];
  Object.assign(live['spec'], { clusterIP: '10.0.0.1', sessionAffinity: 'ClientIP' });
  live['metadata'] = { ...live['metadata'], labels: { a: '1', b: '2' }, annotations: { [lastApplied]: JSON.stringify(config), other: 'x' } };
  const applied = applyServerSide(services, live, config, { fieldManager: 'me', nowMs }) as Any;
  const { 'kubectl-client-side-apply Update': own, 'before-first-apply Update': rest } = owners(applied);
  assert.deepEqual(own['f:metadata'], { 'f:annotations': { [`f:${lastApplied}`]: {} }, 'f:labels': { 'f:a': {} } });
  assert.ok(own['f:spec']['f:type'] && own['f:spec']['f:selector'] && !own['f:spec']['f:clusterIP'] && !own['f:spec']['f:sessionAffinity']);
  assert.deepEqual([Object.keys(rest['f:spec']).sort(), rest['f:metadata']], [['f:clusterIP', 'f:sessionAffinity'], { 'f:annotations': { 'f:other': {} }, 'f:labels': { 'f:b': {} } }]);

  for (const text of ['{', '[]', 'null', '{"metadata":1}', '{"metadata":{},"spec":5}']) {
    live['metadata'].annotations[lastApplied] = text;
    assert.equal(owners(applyServerSide(services, live, config, { fieldManager: 'me', nowMs }) as Any)['kubectl-client-side-apply Update'], undefined, text);
  }
});

test('an update takes what it changed, and is in the way of an apply', () => {
  const live = apply(undefined, cm({ a: '1', b: '1' }), 'one');
  const draft = structuredClone({ ...live, data: { a: '2', c: '3' } });
  trackUpdate(configMaps, live, draft, { fieldManager: 'kubectl-edit', nowMs });
  assert.deepEqual(owners(draft), { 'kubectl-edit Update': { 'f:data': { 'f:a': {}, 'f:c': {} } } });
  assert.throws(() => apply(draft, cm({ a: '1' }), 'one'), conflicts('Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.a'));
});

test('updates of what was never applied keep no book, and a client can end the book', () => {
  const draft: Any = cm({ a: '2' });
  trackUpdate(configMaps, cm({ a: '1' }), draft, { fieldManager: 'x', nowMs });
  assert.equal(draft['metadata'].managedFields, undefined);
  const live = apply(undefined, cm({ a: '1' }), 'one');
  const reset: Any = cm({ a: '1' }, { managedFields: [{}] });
  trackUpdate(configMaps, live, reset, { fieldManager: 'x', nowMs });
  assert.equal(reset['metadata'].managedFields, undefined);
  const forgetful: Any = cm({ a: '1' });
  trackUpdate(configMaps, live, forgetful, { fieldManager: 'x', nowMs });
  assert.deepEqual(forgetful, live);
});

test('many updaters are gathered', () => {
  let live = apply(undefined, cm({ a: '0' }), 'one');
  for (let i = 0; i < 15; i++) {
    const draft = structuredClone({ ...live, data: { ...live['data'], [`k${i}`]: 'v' } });
    trackUpdate(configMaps, live, draft, { fieldManager: `m${i}`, nowMs: nowMs + i * 1000 });
    live = draft;
  }
  const names: string[] = live['metadata'].managedFields.map((entry: Any) => entry['manager']);
  assert.equal(names.length, 11);
  assert.ok(names.includes('ancient-changes') && names.includes('m14') && !names.includes('m3'));
});

const deployment = (containers: object[], spec: object = {}) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
  spec: { ...spec, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers } } },
});
const applyDeployment = (live: object | undefined, config: object, fieldManager: string, force = false) => applyServerSide(deployments, live, config, { fieldManager, force, nowMs }) as Any;

test('lists with keys merge by item, atomic structs are owned whole', () => {
  const live = applyDeployment(undefined, deployment([{ name: 'c', image: 'i:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] }]), 'one');
  assert.deepEqual(live['metadata'].managedFields[0].fieldsV1['f:spec'], {
    'f:selector': {},
    'f:template': {
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': { 'f:containers': { 'k:{"name":"c"}': {
        '.': {}, 'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } }, 'f:image': {}, 'f:name': {},
        'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
      } } },
    },
  });
  const sidecar = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { template: { spec: { containers: [{ name: 'sidecar', image: 's' }, { name: 'c', env: [{ name: 'B', value: '2' }] }] } } } };
  const both = applyDeployment(live, sidecar, 'two');
  assert.deepEqual(both['spec'].template.spec.containers, [
    { name: 'sidecar', image: 's' },
    { name: 'c', image: 'i:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }, { name: 'B', value: '2' }] },
  ]);
  assert.throws(
    () => applyDeployment(both, deployment([{ name: 'c', image: 'i:2' }]), 'two'),
    conflicts('Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="c"].image'),
  );
  const given = applyDeployment(both, { ...sidecar, spec: {} }, 'two');
  assert.deepEqual(given['spec'], live['spec']);
});

test('an item given up goes with what was defaulted in it', () => {
  const live = applyDeployment(undefined, deployment([{ name: 'c', image: 'i' }, { name: 'd', image: 'i' }]), 'one');
  live['spec'].template.spec.containers[1].imagePullPolicy = 'Always';
  assert.deepEqual(applyDeployment(live, deployment([{ name: 'c', image: 'i' }]), 'one')['spec'].template.spec.containers, [{ name: 'c', image: 'i' }]);
});

test('replicas left to an autoscaler', () => {
  const live = applyDeployment(undefined, deployment([{ name: 'c' }], { replicas: 3 }), 'one');
  const scaled = structuredClone({ ...live, spec: { ...live['spec'], replicas: 5 } });
  trackUpdate(deployments, live, scaled, { fieldManager: 'autoscaler', nowMs });
  assert.throws(() => applyDeployment(scaled, deployment([{ name: 'c' }], { replicas: 3 }), 'one'), conflicts('Apply failed with 1 conflict: conflict with "autoscaler" using apps/v1: .spec.replicas'));
  assert.equal(applyDeployment(scaled, deployment([{ name: 'c' }]), 'one')['spec'].replicas, 5);
});

test('service ports are told apart by port and protocol', () => {
  const service = (ports: object[]) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports } });
  const live = applyServerSide(services, undefined, service([{ port: 53, protocol: 'UDP', name: 'dns' }]), { fieldManager: 'one' });
  const both = applyServerSide(services, live, service([{ port: 53, name: 'dns-tcp' }]), { fieldManager: 'two' }) as Any;
  assert.deepEqual(both['spec'].ports, [{ port: 53, protocol: 'UDP', name: 'dns' }, { port: 53, name: 'dns-tcp' }]);
});

test('status is applied through its own endpoint only', () => {
  const live = applyServerSide(pods, undefined, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'n' }, status: { phase: 'Failed' } }, { fieldManager: 'one' }) as Any;
  assert.equal(live['status'], undefined);
  const withStatus = applyServerSide(pods, live, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'x' }, status: { phase: 'Running' } }, { fieldManager: 'one', subresource: 'status' }) as Any;
  assert.equal(withStatus['spec'].nodeName, 'n');
  assert.deepEqual(withStatus['metadata'].managedFields.map((entry: Any) => [entry['subresource'], entry['fieldsV1']]), [[undefined, { 'f:spec': { 'f:nodeName': {} } }], ['status', { 'f:status': { 'f:phase': {} } }]]);
});

test('what cannot be applied is refused', () => {
  const fails = (config: object, message: RegExp, options = {}) => assert.throws(() => applyServerSide(configMaps, undefined, config, { fieldManager: 'me', ...options }), (error: ApiError) => message.test(error.message));
  fails(cm({}), /^PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch$/, { fieldManager: '' });
  fails({ ...cm({}), foo: 1 }, /^failed to create typed patch object \(\/a; v1, Kind=ConfigMap\): \.foo: field not declared in schema$/);
  fails(cm({}, { managedFields: [] }), /^metadata.managedFields must be nil$/);
  fails({ ...cm({}), apiVersion: 'v2' }, /^Incorrect version specified in apply patch. Specified patch version: v2, expected: v1$/);
  fails([], /error decoding YAML/);
});

const sets: fc.Arbitrary<FieldSet> = fc.letrec<{ set: FieldSet }>((tie) => ({
  set: fc.oneof({ maxDepth: 3 }, fc.constant(leaf), fc.tuple(fc.boolean(), fc.dictionary(fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'v:1'), tie('set'))).map(([member, below]) => fieldSet(member, Object.entries(below)))),
})).set;

test('field sets: the laws of sets, and FieldsV1 there and back', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      assert.ok(equalSets(union(a, b), union(b, a)));
      assert.ok(equalSets(intersection(a, b), intersection(b, a)));
      assert.ok(equalSets(union(difference(a, b), intersection(a, b)), a));
      assert.ok(equalSets(intersection(difference(a, b), b), fieldSet(false, [])));
      const root = fieldSet(false, a.below);
      assert.ok(equalSets(fromFieldsV1(JSON.parse(JSON.stringify(toFieldsV1(root))))!, root));
    }),
  );
});
