// What the registry does with writes, over the transport in process.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { configMaps, deployments, leases, namespaces, nodes, pods, services } from '../../api/kinds/index.ts';
import type { ApiRequest } from '../../api/request.ts';
import { kindsWithoutRoles, startTestServer, type TestServer } from '../test-server.ts';
import { storeKey } from '../watch/cache.ts';

const at = (name?: string, rest: Partial<ApiRequest> = {}): Partial<ApiRequest> => ({ namespace: 'default', name, ...rest });
const configMap = (name: string, data: Record<string, string> = { a: '1' }, metadata = {}) => ({ metadata: { name, ...metadata }, data });
const pod = (name: string, metadata = {}, spec = {}) => ({ metadata: { name, ...metadata }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } });

const withServer = (run: (server: TestServer) => Promise<void>) => async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await run(server);
};

async function refused(promise: Promise<unknown>, code: number, reason: string, message: string | RegExp): Promise<ApiError> {
  const error = await promise.then(() => assert.fail('was accepted'), (error: unknown) => error);
  assert.ok(error instanceof ApiError, String((error as Error).stack));
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  assert.deepEqual([error.code, error.reason], [code, reason], error.message);
  return error;
}

describe('create', () => {
  test('sets what only the server sets', withServer(async ({ call }) => {
    const given: any = configMap('a', { k: 'v' }, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z', generation: 7, deletionTimestamp: '2001-01-01T00:00:00Z', selfLink: '/x' });
    const { metadata, ...rest } = await call('create', configMaps, at(undefined, { body: given }));
    assert.deepEqual(rest, { apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'v' } });
    assert.match(metadata.uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual({ ...metadata, uid: '' }, { name: 'a', namespace: 'default', uid: '', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });
    assert.deepEqual(given.metadata.uid, 'mine', 'the body is left alone');
  }));

  test('counts generations where the kind has them', withServer(async ({ call }) => {
    const body = { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } };
    const created = await call('create', deployments, at(undefined, { body }));
    assert.equal(created.metadata.generation, 1);
    const labelled = await call('patch', deployments, at('d', { patchType: 'merge', body: { metadata: { labels: { x: 'y' } } } }));
    assert.equal(labelled.metadata.generation, 1);
    const scaled = await call('patch', deployments, at('d', { patchType: 'merge', body: { spec: { replicas: 3 } } }));
    assert.equal(scaled.metadata.generation, 2);
    const status = await call('patch', deployments, at('d', { subresource: 'status', patchType: 'merge', body: { status: { observedGeneration: 2 }, spec: { replicas: 9 } } }));
    assert.deepEqual([status.metadata.generation, status.spec.replicas, status.status.observedGeneration], [2, 3, 2]);
  }));

  test('refuses a name that is there', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await refused(call('create', configMaps, at(undefined, { body: configMap('a') })), 409, 'AlreadyExists', 'configmaps "a" already exists');
  }));

  test('lets one of many racing creates of a name win', withServer(async ({ call }) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => call('create', configMaps, at(undefined, { body: configMap('a') }))));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  }));

  test('makes names', withServer(async ({ call }) => {
    const made = await call('create', configMaps, at(undefined, { body: { metadata: { generateName: 'a-' } } }));
    assert.match(made.metadata.name, /^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const long = await call('create', configMaps, at(undefined, { body: { metadata: { generateName: 'x'.repeat(80) } } }));
    assert.equal(long.metadata.name.length, 63);
    await refused(call('create', configMaps, at(undefined, { body: {} })), 422, 'Invalid', 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required');
  }));

  const wrong: [string, unknown, number, string, string | RegExp][] = [
    ['another kind', { kind: 'Service', apiVersion: 'v1' }, 400, 'BadRequest', /^Service in version "v1" cannot be handled as a ConfigMap/],
    ['another version', { kind: 'ConfigMap', apiVersion: 'v2' }, 400, 'BadRequest', 'the API version in the data (v2) does not match the expected API version (v1)'],
    ['another namespace', configMap('a', {}, { namespace: 'other' }), 400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request'],
    ['a resourceVersion', configMap('a', {}, { resourceVersion: '5' }), 500, '', 'resourceVersion should not be set on objects to be created'],
    ['no object', 'text', 400, 'BadRequest', /must be of type ConfigMap/],
    ['a list', [], 400, 'BadRequest', /must be of type ConfigMap/],
    ['nothing', undefined, 400, 'BadRequest', /must be of type ConfigMap/],
    ['metadata of a wrong type', { metadata: 5 }, 400, 'BadRequest', /cannot unmarshal number/],
    ['a bad name', configMap('Not_A_Name'), 422, 'Invalid', /^ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain/],
    ['a hostile name', configMap('../../x'), 422, 'Invalid', /metadata.name: Invalid value/],
  ];
  for (const [what, body, code, reason, message] of wrong) {
    test(`refuses ${what}`, withServer(async ({ call, store }) => {
      await refused(call('create', configMaps, at(undefined, { body })), code, reason, message);
      assert.equal((await store.list('/', {}, new AbortController().signal)).entries.length, 0);
    }));
  }

  test('a dry run writes nothing', withServer(async ({ call, store }) => {
    const shown = await call('create', configMaps, at(undefined, { body: configMap('a'), options: { dryRun: true } }));
    assert.equal(shown.metadata.name, 'a');
    assert.equal(await store.revision(new AbortController().signal), 0);
  }));

  test('prunes unknown fields, or refuses them', withServer(async ({ call }) => {
    const body = { ...configMap('a'), dat: { x: 'y' } };
    await refused(call('create', configMaps, at(undefined, { body, options: { fieldValidation: 'Strict' } })), 400, 'BadRequest', 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"');
    assert.equal('dat' in (await call('create', configMaps, at(undefined, { body }))), false);
  }));
});

describe('patch', () => {
  test('many at once on one object all have their effect', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await Promise.all(Array.from({ length: 50 }, (_, n) => call('patch', configMaps, at('a', { patchType: 'merge', body: { data: { [`k${n}`]: 'v' } } }))));
    const { data } = await call('get', configMaps, at('a'));
    assert.equal(Object.keys(data).length, 51);
  }));
});

describe('update', () => {
  test('replaces, and keeps what only the server sets', withServer(async ({ call }) => {
    const before = await call('create', configMaps, at(undefined, { body: configMap('a') }));
    const after = await call('update', configMaps, at('a', { body: { ...configMap('a', { b: '2' }), metadata: { name: 'a', resourceVersion: '1', creationTimestamp: null } } }));
    assert.deepEqual(after, { ...before, data: { b: '2' }, metadata: { ...before.metadata, resourceVersion: '2' } });
  }));

  test('refuses a stale resourceVersion', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await call('update', configMaps, at('a', { body: configMap('a', { b: '2' }, { resourceVersion: '1' }) }));
    await refused(
      call('update', configMaps, at('a', { body: configMap('a', { c: '3' }, { resourceVersion: '1' }) })), 409, 'Conflict',
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    await refused(call('update', configMaps, at('a', { body: configMap('a', {}, { resourceVersion: 'x' }) })), 422, 'Invalid', /metadata.resourceVersion/);
  }));

  test('refuses another UID, another name, and an absent name', withServer(async ({ call }) => {
    const { metadata } = await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await refused(call('update', configMaps, at('a', { body: configMap('a', {}, { uid: 'other' }) })), 409, 'Conflict', `Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: other, UID in object meta: ${metadata.uid}`);
    await refused(call('update', configMaps, at('a', { body: configMap('b') })), 400, 'BadRequest', 'the name of the object (b) does not match the name on the URL (a)');
    await refused(call('update', configMaps, at('b', { body: configMap('b') })), 404, 'NotFound', 'configmaps "b" not found');
  }));

  test('writes nothing when nothing changes', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    const same = await call('update', configMaps, at('a', { body: configMap('a') }));
    assert.equal(same.metadata.resourceVersion, '1');
  }));

  test('creates where the kind allows it', withServer(async ({ call }) => {
    const lease = await call('update', leases, at('l', { body: { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } } }));
    assert.deepEqual([lease.spec.holderIdentity, lease.metadata.resourceVersion], ['me', '1']);
  }));

  test('keeps status and spec apart', withServer(async ({ call }) => {
    await call('create', nodes, { body: { metadata: { name: 'n' }, status: { phase: 'x' } } });
    const before = await call('get', nodes, { name: 'n' });
    const status = await call('update', nodes, { name: 'n', subresource: 'status', body: { metadata: { name: 'n' }, spec: { unschedulable: true }, status: { capacity: { cpu: '2' } } } });
    assert.deepEqual([status.spec, status.status.capacity], [before.spec, { cpu: '2' }]);
    const spec = await call('update', nodes, { name: 'n', body: { metadata: { name: 'n' }, spec: { unschedulable: true } } });
    assert.deepEqual([spec.spec.unschedulable, spec.status.capacity], [true, { cpu: '2' }]);
  }));

  test('unconditional patches of one object all take effect', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await Promise.all(Array.from({ length: 30 }, (_, i) => call('patch', configMaps, at('a', { patchType: 'merge', body: { data: { [`k${i}`]: 'v' } } }))));
    assert.equal(Object.keys((await call('get', configMaps, at('a'))).data).length, 31);
  }));

  test('a patch that names a stale revision is refused', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await call('patch', configMaps, at('a', { patchType: 'merge', body: { data: { b: '1' } } }));
    await refused(call('patch', configMaps, at('a', { patchType: 'merge', body: { metadata: { resourceVersion: '1' }, data: { c: '1' } } })), 409, 'Conflict', /has been modified/);
  }));
});

describe('delete', () => {
  test('removes, and says what it was', withServer(async ({ call }) => {
    const { metadata } = await call('create', configMaps, at(undefined, { body: configMap('a') }));
    assert.deepEqual(await call('delete', configMaps, at('a')), { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: 'a', kind: 'configmaps', uid: metadata.uid } });
    await refused(call('delete', configMaps, at('a')), 404, 'NotFound', 'configmaps "a" not found');
  }));

  test('keeps to preconditions', withServer(async ({ call }) => {
    const { metadata } = await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await refused(call('delete', configMaps, at('a', { body: { preconditions: { uid: 'x' } } })), 409, 'Conflict', `Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: x, UID in object meta: ${metadata.uid}`);
    await refused(call('delete', configMaps, at('a', { body: { preconditions: { resourceVersion: '9' } } })), 409, 'Conflict', /ResourceVersion in precondition: 9, ResourceVersion in object meta: 1$/);
    await call('delete', configMaps, at('a', { body: { preconditions: { uid: metadata.uid, resourceVersion: '1' } } }));
  }));

  test('only marks what finalizers hold, and removes it with the last of them', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a', {}, { finalizers: ['x.io/a', 'x.io/b'] }) }));
    const marked = await call('delete', configMaps, at('a'));
    assert.deepEqual([marked.metadata.deletionTimestamp, marked.metadata.deletionGracePeriodSeconds], ['2026-01-01T00:00:00Z', 0]);
    assert.equal((await call('delete', configMaps, at('a'))).metadata.resourceVersion, marked.metadata.resourceVersion);
    await refused(call('patch', configMaps, at('a', { patchType: 'merge', body: { metadata: { finalizers: ['x.io/a', 'x.io/b', 'x.io/c'] } } })), 422, 'Invalid', /no new finalizers can be added/);
    await call('patch', configMaps, at('a', { patchType: 'merge', body: { metadata: { finalizers: ['x.io/b'] } } }));
    await call('patch', configMaps, at('a', { patchType: 'merge', body: { metadata: { finalizers: null } } }));
    await refused(call('get', configMaps, at('a')), 404, 'NotFound', 'configmaps "a" not found');
  }));

  test('sets the finalizers of its propagation policy', withServer(async ({ call }) => {
    for (const [policy, finalizer] of [['Foreground', 'foregroundDeletion'], ['Orphan', 'orphan']] as const) {
      await call('create', configMaps, at(undefined, { body: configMap(policy.toLowerCase()) }));
      const marked = await call('delete', configMaps, at(policy.toLowerCase(), { body: { propagationPolicy: policy } }));
      assert.deepEqual(marked.metadata.finalizers, [finalizer]);
    }
    await refused(call('delete', configMaps, at('orphan', { body: { propagationPolicy: 'Nothing' } })), 422, 'Invalid', /^DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value/);
  }));

  const bind = (call: TestServer['call'], name: string) =>
    call('create', pods, at(name, { subresource: 'binding', body: { metadata: { name }, target: { kind: 'Node', name: 'n' } } }));

  test('gives a bound Pod its grace, which later deletes may only shorten', withServer(async ({ call, clock }) => {
    await call('create', pods, at(undefined, { body: pod('p') }));
    assert.equal((await bind(call, 'p')).status, 'Success');
    const first = await call('delete', pods, at('p'));
    assert.deepEqual([first.metadata.deletionTimestamp, first.metadata.deletionGracePeriodSeconds], ['2026-01-01T00:00:30Z', 30]);
    await clock.advance(5000);
    assert.equal((await call('delete', pods, at('p', { body: { gracePeriodSeconds: 60 } }))).metadata.deletionGracePeriodSeconds, 30);
    const shorter = await call('delete', pods, at('p', { body: { gracePeriodSeconds: 10 } }));
    assert.deepEqual([shorter.metadata.deletionTimestamp, shorter.metadata.deletionGracePeriodSeconds], ['2026-01-01T00:00:10Z', 10]);
    await call('delete', pods, at('p', { body: { gracePeriodSeconds: 0 } }));
    await refused(call('get', pods, at('p')), 404, 'NotFound', 'pods "p" not found');
  }));

  test('a Pod that is bound to no node goes at once; one with a finalizer stays after its grace', withServer(async ({ call }) => {
    await call('create', pods, at(undefined, { body: pod('free') }));
    await call('delete', pods, at('free'));
    await refused(call('get', pods, at('free')), 404, 'NotFound', 'pods "free" not found');
    await call('create', pods, at(undefined, { body: pod('held', { finalizers: ['x.io/a'] }) }));
    await bind(call, 'held');
    await call('delete', pods, at('held'));
    const ended = await call('delete', pods, at('held', { body: { gracePeriodSeconds: 0 } }));
    assert.deepEqual([ended.metadata.deletionGracePeriodSeconds, ended.metadata.finalizers], [0, ['x.io/a']]);
    await call('patch', pods, at('held', { patchType: 'merge', body: { metadata: { finalizers: [] } } }));
    await refused(call('get', pods, at('held')), 404, 'NotFound', 'pods "held" not found');
  }));

  test('a Namespace is marked, and goes when its own finalizers are gone', withServer(async ({ call }) => {
    await call('create', namespaces, { body: { metadata: { name: 'n' } } });
    const marked = await call('delete', namespaces, { name: 'n' });
    assert.deepEqual([marked.status.phase, marked.spec.finalizers, marked.metadata.deletionTimestamp], ['Terminating', ['kubernetes'], '2026-01-01T00:00:00Z']);
    await call('update', namespaces, { name: 'n', subresource: 'finalize', body: { metadata: { name: 'n' }, spec: { finalizers: [] } } });
    await refused(call('get', namespaces, { name: 'n' }), 404, 'NotFound', 'namespaces "n" not found');
  }));

  test('of a collection takes what the selectors mean', withServer(async ({ call }) => {
    for (let i = 0; i < 6; i++) await call('create', configMaps, at(undefined, { body: configMap(`m${i}`, {}, { labels: { even: String(i % 2 === 0) } }) }));
    const gone = await call('deletecollection', configMaps, at(undefined, { options: { labelSelector: 'even=true' } }));
    assert.deepEqual(gone.items.map((item: any) => item.metadata.name), ['m0', 'm2', 'm4']);
    assert.equal((await call('list', configMaps, at())).items.length, 3);
  }));

  test('a dry run removes nothing', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    await call('delete', configMaps, at('a', { options: { dryRun: true } }));
    await call('delete', configMaps, at('a', { body: { dryRun: ['All'] } }));
    assert.equal((await call('get', configMaps, at('a'))).metadata.resourceVersion, '1');
  }));
});

describe('subresources', () => {
  test('scale reads and writes its parent', withServer(async ({ call }) => {
    const body = { metadata: { name: 'd' }, spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } };
    await call('create', deployments, at(undefined, { body }));
    const scale = await call('get', deployments, at('d', { subresource: 'scale' }));
    assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 1, 'a=b']);
    const patched = await call('patch', deployments, at('d', { subresource: 'scale', patchType: 'merge', body: { spec: { replicas: 4 } } }));
    assert.equal(patched.spec.replicas, 4);
    const { spec, metadata } = await call('get', deployments, at('d'));
    assert.deepEqual([spec.replicas, metadata.generation], [4, 2]);
    await refused(call('update', deployments, at('d', { subresource: 'scale', body: { ...scale, spec: { replicas: 9 } } })), 409, 'Conflict', /has been modified/);
  }));

  test('what is none is not found', withServer(async ({ call }) => {
    await call('create', configMaps, at(undefined, { body: configMap('a') }));
    for (const subresource of ['status', 'scale', 'nothing', '__proto__', 'constructor']) {
      await refused(call('get', configMaps, at('a', { subresource })), 404, 'NotFound', 'the server could not find the requested resource');
    }
    await refused(call('get', { group: '', version: 'v1', plural: '__proto__' }, at('a')), 404, 'NotFound', 'the server could not find the requested resource');
  }));
});

describe('service addresses', () => {
  const service = (name: string, spec = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], selector: { a: 'b' }, ...spec } });

  test('are given, kept over updates, and given back', withServer(async ({ call }) => {
    const { spec } = await call('create', services, at(undefined, { body: service('s', { type: 'NodePort' }) }));
    assert.match(spec.clusterIP, /^10\.96\.0\.\d+$/);
    assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
    assert.ok(spec.ports[0].nodePort >= 30000 && spec.ports[0].nodePort <= 30010);
    const updated = await call('update', services, at('s', { body: service('s', { type: 'NodePort', selector: { c: 'd' } }) }));
    assert.deepEqual([updated.spec.clusterIP, updated.spec.ports[0].nodePort], [spec.clusterIP, spec.ports[0].nodePort]);
    await refused(
      call('create', services, at(undefined, { body: service('t', { clusterIP: spec.clusterIP }) })), 422, 'Invalid',
      `Service "t" is invalid: spec.clusterIPs: Invalid value: ["${spec.clusterIP}"]: failed to allocate IP ${spec.clusterIP}: provided IP is already allocated`,
    );
    await call('delete', services, at('s'));
    await call('create', services, at(undefined, { body: service('t', { clusterIP: spec.clusterIP }) }));
  }));

  test('are refused out of range, and run out', withServer(async ({ call }) => {
    await refused(call('create', services, at(undefined, { body: service('s', { clusterIP: '10.1.1.1' }) })), 422, 'Invalid', /the provided IP \(10\.1\.1\.1\) is not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/24$/);
    await refused(call('create', services, at(undefined, { body: service('s', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }) })), 422, 'Invalid', 'Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30010');
    for (let i = 0; i < 11; i++) await call('create', services, at(undefined, { body: service(`s${i}`, { type: 'NodePort' }) }));
    await refused(call('create', services, at(undefined, { body: service('s', { type: 'NodePort' }) })), 500, 'InternalError', /failed to allocate a nodePort: range is full/);
    await call('create', services, at(undefined, { body: service('headless', { clusterIP: 'None' }) }));
  }));

  test('what two hold, or what is out of range, is told at a start, and is free when both have given it back', async () => {
    await using first = await startTestServer({ kinds: kindsWithoutRoles });
    await first.call('create', services, at(undefined, { body: service('a', { clusterIP: '10.96.0.7', type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }) }));
    // As a store that was put together from two would have it.
    await first.store.swap(storeKey(services, 'default', 'b'), 0, JSON.stringify({ ...(await first.call('get', services, at('a'))), metadata: { name: 'b', namespace: 'default', uid: 'b' } }), AbortSignal.timeout(5000));
    const second = await startTestServer({ store: first.store, kinds: kindsWithoutRoles });
    assert.deepEqual(second.server.allocationProblems.map(({ reason, message }) => `${reason}: ${message}`), [
      'ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.0.7 was assigned to multiple services; please recreate service',
      'PortAlreadyAllocated: Port 30001 was assigned to multiple services; please recreate service',
    ]);
    const wanted = { body: service('c', { clusterIP: '10.96.0.7' }) };
    await second.call('delete', services, at('a'));
    await refused(second.call('create', services, at(undefined, wanted)), 422, 'Invalid', /already allocated/);
    await second.call('delete', services, at('b'));
    await second.call('create', services, at(undefined, wanted));
    await second.server.close();
    const third = await startTestServer({ store: first.store, kinds: kindsWithoutRoles, serviceRanges: ['10.97.0.0/24'] });
    assert.deepEqual(third.server.allocationProblems.map(({ message }) => message), ['Cluster IP [IPv4]:10.96.0.7 is not within the service CIDR 10.97.0.0/24; please recreate service']);
    await third.server.close();
  });

  test('cluster IPs run out', async () => {
    await using server = await startTestServer({ kinds: kindsWithoutRoles, serviceRanges: ['10.96.0.0/29', 'fd00::/125'] });
    const create = (name: string, more = {}) => server.call('create', services, at(undefined, { body: service(name, more) }));
    for (let n = 0; n < 6; n++) await create(`s${n}`);
    await refused(create('s'), 500, 'InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
    for (let n = 0; n < 7; n++) await create(`six${n}`, { ipFamilies: ['IPv6'] });
    await server.call('delete', services, at('s3'));
    // What one family gave is given back where the other has none.
    await refused(create('s', { ipFamilyPolicy: 'RequireDualStack' }), 500, 'InternalError', /range is full/);
    await create('s');
  });

  test('a health check port goes with externalTrafficPolicy Local', withServer(async ({ call }) => {
    const balanced = (more = {}) => service('s', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ...more });
    const { spec } = await call('create', services, at(undefined, { body: balanced({ ports: [{ port: 80, nodePort: 30001 }] }) }));
    assert.ok(spec.healthCheckNodePort >= 30000 && spec.healthCheckNodePort <= 30010 && spec.healthCheckNodePort !== 30001);
    await refused(call('create', services, at(undefined, { body: { ...balanced({ healthCheckNodePort: spec.healthCheckNodePort }), metadata: { name: 't' } } })), 500, 'InternalError', `Internal error occurred: failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}: provided port is already allocated`);
    await refused(call('create', services, at(undefined, { body: service('t', { type: 'NodePort', ports: [{ port: 80, nodePort: spec.healthCheckNodePort }] }) })), 422, 'Invalid', /provided port is already allocated/);
    const kept = await call('update', services, at('s', { body: balanced() }));
    assert.equal(kept.spec.healthCheckNodePort, spec.healthCheckNodePort);
    const plain = await call('update', services, at('s', { body: service('s', { type: 'LoadBalancer' }) }));
    assert.equal(plain.spec.healthCheckNodePort, undefined);
    await call('create', services, at(undefined, { body: service('t', { type: 'NodePort', ports: [{ port: 80, nodePort: spec.healthCheckNodePort }] }) }));
  }));

  test('are known again after a start', async () => {
    await using first = await startTestServer({ kinds: kindsWithoutRoles });
    const { spec } = await first.call('create', services, at(undefined, { body: service('s') }));
    const second = await startTestServer({ store: first.store, kinds: kindsWithoutRoles });
    await refused(second.call('create', services, at(undefined, { body: service('t', { clusterIP: spec.clusterIP }) })), 422, 'Invalid', /already allocated/);
    await second.server.close();
  });
});

describe('access', () => {
  test('is asked of every request', withServer(async ({ server }) => {
    const transport = server.transport({ username: 'eve', groups: ['system:authenticated'] });
    const call = (verb: ApiRequest['verb'], rest: Partial<ApiRequest>) => transport.call({ verb, resource: pods, options: {}, ...rest }, new AbortController().signal);
    await refused(call('list', { namespace: 'default' }), 403, 'Forbidden', 'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "default"');
    await refused(call('delete', { namespace: 'default', name: 'p' }), 403, 'Forbidden', 'pods "p" is forbidden: User "eve" cannot delete resource "pods" in API group "" in the namespace "default"');
    await refused(call('create', { namespace: 'default', body: pod('p') }), 403, 'Forbidden', /cannot create resource "pods"/);
  }));
});

test('events go after an hour', async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  const { call, clock } = server;
  const events = { group: '', version: 'v1', plural: 'events' };
  const stop = new AbortController();
  const running = server.server.run(stop.signal);
  const event = (name: string) => ({ metadata: { name, namespace: 'default' }, involvedObject: { namespace: 'default' }, type: 'Normal' });
  await call('create', events, at(undefined, { body: event('old') }));
  await clock.advance(3_000_000);
  await call('create', events, at(undefined, { body: event('young') }));
  await clock.advance(1_000_000);
  await clock.advance(0); // the commit takes a turn of its own
  assert.deepEqual((await call('list', events, at())).items.map((item: any) => item.metadata.name), ['young']);
  stop.abort();
  await running;
});
