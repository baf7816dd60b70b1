// What can be done to a Pod through its subresources eviction and ephemeralcontainers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { configMaps, podDisruptionBudgets, pods } from '../../api/kinds/index.ts';
import type { ApiRequest } from '../../api/request.ts';
import { startTestServer, type TestServer } from '../test-server.ts';

const at = (name?: string, rest: Partial<ApiRequest> = {}): Partial<ApiRequest> => ({ namespace: 'default', name, ...rest });

/** A server with the Pod `p`, bound to a node. */
const withPod = (run: (server: TestServer, pod: any) => Promise<void>) => async () => {
  await using server = await startTestServer();
  await server.call('create', pods, at(undefined, { body: { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } } }));
  await run(server, await server.call('get', pods, at('p')));
};

const refused = (promise: Promise<unknown>, code: number, message: RegExp) =>
  assert.rejects(promise, (error) => error instanceof ApiError && error.code === code && message.test(error.message) ? true : assert.fail(String(error)));

describe('eviction', () => {
  const evict = ({ call }: TestServer, body: object, rest: Partial<ApiRequest> = {}) => call('create', pods, at('p', { subresource: 'eviction', body, ...rest }));
  const eviction = (deleteOptions?: object, apiVersion = 'policy/v1') => ({ apiVersion, kind: 'Eviction', metadata: { name: 'p', namespace: 'default' }, deleteOptions });

  for (const apiVersion of ['policy/v1', 'policy/v1beta1']) {
    test(`ends the Pod and tells why (${apiVersion})`, withPod(async (server) => {
      const answer = await evict(server, eviction({ gracePeriodSeconds: 7 }, apiVersion));
      assert.deepEqual([answer.kind, answer.status, answer.code], ['Status', 'Success', 201]);
      const { metadata, status } = await server.call('get', pods, at('p'));
      assert.deepEqual([metadata.deletionGracePeriodSeconds, !!metadata.deletionTimestamp], [7, true]);
      const condition = status.conditions.find(({ type }: any) => type === 'DisruptionTarget');
      assert.deepEqual([condition.status, condition.reason, condition.message], ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting']);
    }));
  }

  test('removes the Pod at once with no grace', withPod(async (server) => {
    await evict(server, eviction({ gracePeriodSeconds: 0 }));
    await refused(server.call('get', pods, at('p')), 404, /not found/);
    await refused(evict(server, eviction()), 404, /pods "p" not found/);
  }));

  test('leaves everything as it is in a dry run', withPod(async (server, pod) => {
    await evict(server, eviction({ dryRun: ['All'] }));
    await evict(server, eviction(), { options: { dryRun: true } });
    assert.deepEqual(await server.call('get', pods, at('p')), pod);
  }));

  test('keeps to its preconditions', withPod(async (server, { metadata }) => {
    await refused(evict(server, eviction({ preconditions: { uid: 'other' } })), 409, /Precondition failed: UID/);
    await refused(evict(server, eviction({ preconditions: { resourceVersion: '999' } })), 409, /Precondition failed: ResourceVersion/);
    await evict(server, eviction({ preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } }));
    assert.ok((await server.call('get', pods, at('p'))).metadata.deletionTimestamp);
  }));

  describe('and disruption budgets', () => {
    const budget = (name: string, more: object = {}) => ({ body: { metadata: { name }, spec: { selector: {}, minAvailable: 1, ...more } }, namespace: 'default' });
    const counted = async ({ call }: TestServer, name: string, status: object) => {
      const stored = await call('get', podDisruptionBudgets, at(name));
      await call('update', podDisruptionBudgets, at(name, { subresource: 'status', body: { ...stored, status: { currentHealthy: 2, desiredHealthy: 1, expectedPods: 2, disruptionsAllowed: 1, observedGeneration: 1, ...status } } }));
    };
    const phase = async ({ call }: TestServer, isReady: boolean) => {
      const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }];
      await call('patch', pods, at('p', { subresource: 'status', patchType: 'merge', body: { status: { phase: 'Running', conditions } } }));
    };
    const words = /^Cannot evict pod as it would violate the pod's disruption budget\.$/;
    const causeOf = async (promise: Promise<unknown>) => promise.then(() => assert.fail('it was granted'), (error: ApiError) => [error.code, error.details?.retryAfterSeconds, error.details?.causes?.[0]?.reason, error.details?.causes?.[0]?.message]);

    test('one that has not been counted, and one that allows nothing, refuse', withPod(async (server) => {
      await phase(server, true);
      await server.call('create', podDisruptionBudgets, budget('b'));
      assert.deepEqual(await causeOf(evict(server, eviction())), [429, 10, 'DisruptionBudget', 'The disruption budget b is still being processed by the server.']);
      await counted(server, 'b', { disruptionsAllowed: 0, currentHealthy: 1 });
      assert.deepEqual(await causeOf(evict(server, eviction())), [429, undefined, 'DisruptionBudget', 'The disruption budget b needs 1 healthy pods and has 1 currently']);
      await refused(evict(server, eviction()), 429, words);
      assert.equal((await server.call('get', pods, at('p'))).metadata.deletionTimestamp, undefined);
    }));

    test('a disruption that is allowed is used up at once, and not by a dry run', withPod(async (server) => {
      await phase(server, true);
      await server.call('create', podDisruptionBudgets, budget('b'));
      await counted(server, 'b', {});
      await evict(server, eviction({ dryRun: ['All'] }));
      assert.equal((await server.call('get', podDisruptionBudgets, at('b'))).status.disruptionsAllowed, 1);
      await evict(server, eviction());
      const { status } = await server.call('get', podDisruptionBudgets, at('b'));
      assert.equal(status.disruptionsAllowed, 0);
      assert.deepEqual(Object.keys(status.disruptedPods), ['p']);
      assert.equal(status.conditions[0].reason, 'InsufficientPods');
      assert.ok((await server.call('get', pods, at('p'))).metadata.deletionTimestamp);
      await evict(server, eviction()); // it is going anyway
    }));

    for (const [policy, healthy, granted] of [[undefined, 1, true], [undefined, 0, false], ['AlwaysAllow', 0, true], ['IfHealthyBudget', 0, false]] as const) {
      test(`a Pod that is not ready, policy ${policy}, ${healthy} of 1 healthy: ${granted}`, withPod(async (server) => {
        await phase(server, false);
        await server.call('create', podDisruptionBudgets, budget('b', { unhealthyPodEvictionPolicy: policy }));
        await counted(server, 'b', { disruptionsAllowed: 0, currentHealthy: healthy });
        if (granted) await evict(server, eviction());
        else await refused(evict(server, eviction()), 429, words);
      }));
    }

    test('a Pod that never ran needs no leave, and two budgets are one too many', withPod(async (server) => {
      await server.call('create', podDisruptionBudgets, budget('a'));
      await server.call('create', podDisruptionBudgets, budget('b'));
      await evict(server, eviction({ dryRun: ['All'] }));
      await phase(server, true);
      await refused(evict(server, eviction()), 500, /^This pod has more than one PodDisruptionBudget, which the eviction subresource does not support\.$/);
    }));
  });

  test('refuses what is none', withPod(async (server) => {
    await refused(evict(server, { ...eviction(), metadata: { name: 'q' } }), 400, /name in URL does not match name in Eviction object/);
    await refused(evict(server, { ...eviction(), kind: 'Pod' }), 400, /cannot be handled as a Eviction/);
    await refused(server.call('create', configMaps, at('p', { subresource: 'eviction', body: eviction() })), 404, /could not find/);
  }));
});

describe('ephemeralcontainers', () => {
  const debug = { name: 'debug', image: 'busybox', targetContainerName: 'c', stdin: true, tty: true };
  const patch = ({ call }: TestServer, ephemeralContainers: object[]) => call('patch', pods, at('p', { subresource: 'ephemeralcontainers', patchType: 'strategic', body: { spec: { ephemeralContainers } } }));

  test('adds containers by a patch, with their defaults', withPod(async (server) => {
    const pod = await patch(server, [debug]);
    assert.equal(pod.kind, 'Pod');
    assert.deepEqual(pod.spec.ephemeralContainers, [{ ...debug, imagePullPolicy: 'Always', resources: {}, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' }]);
    assert.equal(pod.metadata.generation, 2);
    const more = await patch(server, [{ ...debug, name: 'more' }]);
    assert.deepEqual(more.spec.ephemeralContainers.map(({ name }: any) => name).sort(), ['debug', 'more']);
    assert.deepEqual(await server.call('get', pods, at('p', { subresource: 'ephemeralcontainers' })), more);
  }));

  test('writes nothing else of the Pod', withPod(async (server, pod) => {
    const changed = structuredClone(pod);
    Object.assign(changed.metadata, { labels: { a: 'b' } });
    Object.assign(changed.spec, { ephemeralContainers: [debug], activeDeadlineSeconds: 5 });
    const { spec, metadata } = await server.call('update', pods, at('p', { subresource: 'ephemeralcontainers', body: changed }));
    assert.deepEqual([spec.ephemeralContainers.length, spec.activeDeadlineSeconds, metadata.labels], [1, undefined, undefined]);
    await refused(server.call('update', pods, at('p', { subresource: 'ephemeralcontainers', body: changed })), 409, /has been modified/);
    await refused(server.call('patch', pods, at('p', { patchType: 'merge', body: { spec: { ephemeralContainers: null } } })), 422, /may not change fields other than/);
  }));

  test('keeps what is there', withPod(async (server) => {
    const { metadata, spec } = await patch(server, [debug]);
    const put = (ephemeralContainers: object[]) => server.call('update', pods, at('p', { subresource: 'ephemeralcontainers', body: { metadata, spec: { ...spec, ephemeralContainers } } }));
    await refused(put([]), 422, /existing ephemeral containers "debug" may not be removed/);
    await refused(patch(server, [{ name: 'debug', image: 'other' }]), 422, /existing ephemeral containers "debug" may not be changed/);
  }));

  test('refuses what an ephemeral container cannot be', withPod(async (server) => {
    await refused(patch(server, [{ ...debug, targetContainerName: 'x' }]), 422, /spec.ephemeralContainers\[0\].targetContainerName: Not found: "x"/);
    await refused(patch(server, [{ ...debug, name: 'c' }]), 422, /spec.ephemeralContainers\[0\].name: Duplicate value: "c"/);
    await refused(patch(server, [{ ...debug, ports: [{ containerPort: 1 }] }]), 422, /ports: Forbidden: cannot be set for an Ephemeral Container/);
  }));
});

describe('resize', () => {
  const amounts = (cpu: string, memory: string) => ({ cpu, memory });
  const spec = () => ({
    nodeName: 'n',
    initContainers: [{ name: 'i', image: 'i' }, { name: 's', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '10m' } } }],
    containers: [{ name: 'a', image: 'i', resources: { requests: amounts('100m', '64Mi'), limits: amounts('200m', '128Mi') } }, { name: 'b', image: 'i', resources: { requests: { cpu: '1', 'ephemeral-storage': '1Gi' } } }],
  });
  const withPod = (run: (server: TestServer) => Promise<void>, more: object = {}) => async () => {
    await using server = await startTestServer();
    await server.call('create', pods, at(undefined, { body: { metadata: { name: 'p' }, spec: { ...spec(), ...more } } }));
    await run(server);
  };
  const patch = ({ call }: TestServer, body: object) => call('patch', pods, at('p', { subresource: 'resize', body: { spec: body }, patchType: 'strategic' }));
  const a = (resources: object, more: object = {}) => ({ containers: [{ name: 'a', resources, ...more }] });

  test('changes processors and memory, counts the generation, and nothing else does', withPod(async (server) => {
    const patched = await patch(server, a({ requests: { cpu: '150m' }, limits: { memory: '100Mi' } }));
    assert.deepEqual(patched.spec.containers[0].resources, { requests: amounts('150m', '64Mi'), limits: amounts('200m', '100Mi') });
    assert.equal(patched.metadata.generation, 2);
    const sidecar = await patch(server, { initContainers: [{ name: 's', resources: { requests: { cpu: '20m' } } }] });
    assert.deepEqual(sidecar.spec.initContainers[1].resources.requests, { cpu: '20m' });
    const { metadata, ...rest } = await server.call('get', pods, at('p', { subresource: 'resize' }));
    const labelled = await server.call('update', pods, at('p', { subresource: 'resize', body: { ...rest, metadata: { ...metadata, labels: { a: 'b' } }, spec: { ...rest.spec, terminationGracePeriodSeconds: 9 } } }));
    assert.deepEqual([labelled.metadata.labels, labelled.spec.terminationGracePeriodSeconds, labelled.metadata.generation], [undefined, 30, 3]);
    await refused(server.call('patch', pods, at('p', { body: { spec: a({ requests: { cpu: '1m' } }) }, patchType: 'strategic' })), 422, /pod updates may not change fields other than/);
  }));

  for (const [what, body, message] of [
    ['another resource', a({ requests: { 'ephemeral-storage': '1Gi' } }), /^Pod "p" is invalid: spec: Forbidden: only cpu and memory resources are mutable$/],
    ['a policy', a({}, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }), /spec: Forbidden: only cpu and memory resources are mutable/],
    ['requests taken away', { containers: [{ name: 'b', resources: { requests: { cpu: null } } }] }, /spec.containers\[1\].resources.requests: Forbidden: resource requests cannot be removed/],
    ['limits taken away', a({ limits: null }), /spec.containers\[0\].resources.limits: Forbidden: resource limits cannot be removed/],
    ['an init container', { initContainers: [{ name: 'i', resources: { requests: { cpu: '1' } } }] }, /spec: Forbidden: resources for non-sidecar init containers are immutable/],
    ['one container more', { containers: [{ name: 'c', image: 'i' }] }, /spec.containers: Forbidden: containers may not be added or removed on resize/],
    ['requests above limits', a({ requests: { cpu: '1' } }), /spec.containers\[0\].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 200m/],
  ] as const) {
    test(`refuses ${what}`, withPod((server) => refused(patch(server, body), 422, message)));
  }

  test('refuses what would change the class, and other orders', async () => {
    await withPod(async (server) => {
      await refused(patch(server, a({ requests: amounts('1m', '1Mi') })), 422, /spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing/);
      const pod = structuredClone(await server.call('get', pods, at('p')));
      pod.spec.containers[0].name = 'z';
      await refused(server.call('update', pods, at('p', { subresource: 'resize', body: pod })), 422, /spec.containers\[0\].name: Forbidden: containers may not be renamed or reordered on resize/);
    }, { initContainers: [], containers: [{ name: 'a', image: 'i', resources: { limits: amounts('1', '1Gi') } }] })();
  });
});
