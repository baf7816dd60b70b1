// One stored object, served in several versions: what is said in one is there in the others, and nothing is lost on the way.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endpointSlices, horizontalPodAutoscalers, ingresses } from '../../src/api/kinds/index.ts';
import { olderVersions } from '../../src/api/kinds/older-versions.ts';
import { horizontalPodAutoscalersV1 } from '../../src/api/kinds/horizontal-pod-autoscaler-v1.ts';
import type { ApiRequest, ResourceName } from '../../src/api/request.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { startControlCluster, type ControlCluster } from './control-cluster.ts';

let cluster: ControlCluster;
before(async () => {
  cluster = await startControlCluster({ scheduler: false, controllers: false });
});
after(() => cluster[Symbol.asyncDispose]());

const call = (verb: ApiRequest['verb'], { group, version, plural }: ResourceName, more: Partial<ApiRequest> = {}): Promise<any> =>
  cluster.server.transport(identities.apiServer).call({ verb, resource: { group, version, plural }, namespace: 'default', options: {}, ...more }, cluster.signal);
const older = (group: string, version: string, plural: string) => olderVersions.find((kind) => kind.group === group && kind.version === version && kind.plural === plural)!;

const v1 = horizontalPodAutoscalersV1;
const v2 = horizontalPodAutoscalers;
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } };
const ofCpu = (percent: number) => ({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } } });

test('what autoscaling/v1 says is a metric of v2, and eighty percent where it says nothing', async () => {
  const made = await call('create', v1, { body: { metadata: { name: 'one' }, spec: { scaleTargetRef: target, maxReplicas: 5, targetCPUUtilizationPercentage: 50 } } });
  assert.deepEqual([made.apiVersion, made.spec], ['autoscaling/v1', { scaleTargetRef: target, minReplicas: 1, maxReplicas: 5, targetCPUUtilizationPercentage: 50 }]);
  assert.deepEqual((await call('get', v2, { name: 'one' })).spec.metrics, [ofCpu(50)]);
  const bare = await call('create', v1, { body: { metadata: { name: 'bare' }, spec: { scaleTargetRef: target, maxReplicas: 5 } } });
  assert.equal(bare.spec.targetCPUUtilizationPercentage, 80);
  assert.deepEqual((await call('get', v2, { name: 'bare' })).spec.metrics, [ofCpu(80)]);
});

test('what v1 has no field for stands in upstream’s annotations, and comes back from them', async () => {
  const behavior = { scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] } };
  const metrics = [
    memory,
    { type: 'Pods', pods: { metric: { name: 'hits', selector: { matchLabels: { a: 'b' } } }, target: { type: 'AverageValue', averageValue: '3' } } },
    { type: 'Object', object: { describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' }, metric: { name: 'rate' }, target: { type: 'Value', value: '10' } } },
    { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '30' } } },
    { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'main', target: { type: 'Utilization', averageUtilization: 60 } } },
    ofCpu(70),
  ];
  const made = await call('create', v2, { body: { metadata: { name: 'rich', annotations: { own: 'yes' } }, spec: { scaleTargetRef: target, maxReplicas: 5, metrics, behavior } } });
  const conditions = [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'ReadyForNewScale', message: 'm' }];
  const currentMetrics = [{ type: 'Resource', resource: { name: 'cpu', current: { averageValue: '90m', averageUtilization: 45 } } }];
  const stored = await call('update', v2, { name: 'rich', subresource: 'status', body: { ...made, status: { currentReplicas: 2, desiredReplicas: 3, conditions, currentMetrics } } });

  const shown = await call('get', v1, { name: 'rich' });
  assert.equal(shown.spec.targetCPUUtilizationPercentage, 70);
  assert.deepEqual(shown.status, { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 45 });
  const annotation = (name: string) => JSON.parse(shown.metadata.annotations[`autoscaling.alpha.kubernetes.io/${name}`]);
  assert.equal(
    shown.metadata.annotations['autoscaling.alpha.kubernetes.io/metrics'],
    '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"100Mi"}},' +
      '{"type":"Pods","pods":{"metricName":"hits","targetAverageValue":"3","selector":{"matchLabels":{"a":"b"}}}},' +
      '{"type":"Object","object":{"target":{"kind":"Service","name":"s","apiVersion":"v1"},"metricName":"rate","targetValue":"10"}},' +
      '{"type":"External","external":{"metricName":"queue","targetAverageValue":"30"}},' +
      '{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":60,"container":"main"}}]',
  );
  assert.deepEqual(annotation('current-metrics'), [{ type: 'Resource', resource: { name: 'cpu', currentAverageUtilization: 45, currentAverageValue: '90m' } }]);
  assert.deepEqual(annotation('conditions'), conditions);
  assert.deepEqual(annotation('behavior').ScaleDown.Policies, [{ Type: 'Pods', Value: 1, PeriodSeconds: 60 }]);
  assert.equal(shown.metadata.annotations.own, 'yes');

  const labelled = await call('update', v1, { name: 'rich', body: { ...shown, metadata: { ...shown.metadata, labels: { seen: 'v1' } } } });
  assert.equal(labelled.metadata.generation, stored.metadata.generation, 'only a label has changed');
  const after = await call('get', v2, { name: 'rich' });
  assert.deepEqual(after.spec, stored.spec);
  assert.deepEqual(after.status, stored.status);
  assert.deepEqual(after.metadata.annotations, { own: 'yes' });
});

test('each type of patch speaks of the form that its sender sees', async () => {
  await call('create', v1, { body: { metadata: { name: 'patched' }, spec: { scaleTargetRef: target, maxReplicas: 5, targetCPUUtilizationPercentage: 50 } } });
  const patch = (patchType: ApiRequest['patchType'], body: unknown) => call('patch', v1, { name: 'patched', patchType, body });
  assert.equal((await patch('merge', { spec: { targetCPUUtilizationPercentage: 51 } })).spec.targetCPUUtilizationPercentage, 51);
  assert.equal((await patch('strategic', { spec: { targetCPUUtilizationPercentage: 52 } })).spec.targetCPUUtilizationPercentage, 52);
  const third = await patch('json', [{ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 53 }]);
  assert.equal(third.metadata.generation, 4);
  assert.deepEqual((await call('get', v2, { name: 'patched' })).spec.metrics, [ofCpu(53)]);
  await assert.rejects(patch('merge', { spec: { targetCPUUtilizationPercentage: 0 } }), /spec\.metrics\[0\]\.resource\.target\.averageUtilization: Invalid value: 0: must be greater than 0/);
  await assert.rejects(patch('merge', { spec: { targetCPUUtilizationPercentage: 'many' } }), /cannot unmarshal string/);
});

test('owners of fields are told in the version in which they spoke, and conflicts found across versions', async () => {
  const apply = (of: ResourceName, apiVersion: string, manager: string, spec: object, force = false) =>
    call('patch', of, { name: 'owned', patchType: 'apply', options: { fieldManager: manager, force }, body: { apiVersion, kind: 'HorizontalPodAutoscaler', metadata: { name: 'owned' }, spec } });
  await apply(v1, 'autoscaling/v1', 'old', { scaleTargetRef: target, maxReplicas: 5, targetCPUUtilizationPercentage: 50 });
  const both = await apply(v2, 'autoscaling/v2', 'new', { scaleTargetRef: target, maxReplicas: 5, minReplicas: 2 });
  assert.deepEqual(both.metadata.managedFields.map(({ manager, apiVersion }: any) => [manager, apiVersion]).sort(), [['new', 'autoscaling/v2'], ['old', 'autoscaling/v1']]);
  const ofOld = both.metadata.managedFields.find(({ manager }: any) => manager === 'old').fieldsV1['f:spec'];
  assert.deepEqual(Object.keys(ofOld).sort(), ['f:maxReplicas', 'f:scaleTargetRef', 'f:targetCPUUtilizationPercentage']);
  await assert.rejects(apply(v2, 'autoscaling/v2', 'new', { scaleTargetRef: target, maxReplicas: 5, minReplicas: 2, metrics: [ofCpu(60)] }), /conflict with "old": \.spec\.targetCPUUtilizationPercentage/);
  const forced = await apply(v2, 'autoscaling/v2', 'new', { scaleTargetRef: target, maxReplicas: 5, minReplicas: 2, metrics: [ofCpu(60)] }, true);
  assert.deepEqual(Object.keys(forced.metadata.managedFields.find(({ manager }: any) => manager === 'old').fieldsV1['f:spec']).sort(), ['f:maxReplicas', 'f:scaleTargetRef']);
  // What the other owns in another version is not taken away with what is given up.
  await apply(v1, 'autoscaling/v1', 'old', { scaleTargetRef: target });
  assert.equal((await call('get', v1, { name: 'owned' })).spec.maxReplicas, 5);
  const updated = await call('patch', v1, { name: 'owned', patchType: 'merge', options: { fieldManager: 'hand' }, body: { spec: { targetCPUUtilizationPercentage: 65 } } });
  assert.ok(updated.metadata.managedFields.some(({ manager, apiVersion, fieldsV1 }: any) => manager === 'hand' && apiVersion === 'autoscaling/v1' && fieldsV1['f:spec']['f:targetCPUUtilizationPercentage']));
  assert.equal(updated.metadata.managedFields.find(({ manager }: any) => manager === 'new').fieldsV1['f:spec']['f:metrics'], undefined);
});

test('a watch shows its version; unknown fields of a version are told or refused', async () => {
  const transport = cluster.server.transport(identities.apiServer);
  const [list, seen] = [await call('list', v1), [] as unknown[]];
  await call('create', v2, { body: { metadata: { name: 'watched' }, spec: { scaleTargetRef: target, maxReplicas: 5, metrics: [ofCpu(33)] } } });
  const { group, version, plural } = v1;
  for await (const { type, object } of transport.watch<any>({ verb: 'watch', resource: { group, version, plural }, namespace: 'default', options: { resourceVersion: list.metadata.resourceVersion } }, cluster.signal)) {
    seen.push([type, object.apiVersion, object.spec.targetCPUUtilizationPercentage]);
    break;
  }
  assert.deepEqual(seen, [['ADDED', 'autoscaling/v1', 33]]);
  await assert.rejects(call('create', v1, { options: { fieldValidation: 'Strict' }, body: { metadata: { name: 'x' }, spec: { scaleTargetRef: target, maxReplicas: 5, metrics: [] } } }), /unknown field "spec\.metrics"/);
});

test('Ingresses of v1beta1, in both groups, have their backends', async () => {
  const spec = { backend: { serviceName: 'any', servicePort: 80 }, rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', backend: { serviceName: 'web', servicePort: 'http' } }] } }] };
  for (const group of ['extensions', 'networking.k8s.io']) {
    const name = `old-${group.slice(0, 3)}`;
    const made = await call('create', older(group, 'v1beta1', 'ingresses'), { body: { metadata: { name }, spec } });
    assert.equal(made.apiVersion, `${group}/v1beta1`);
    assert.deepEqual([made.spec.backend, made.spec.rules[0].http.paths[0]], [spec.backend, { path: '/', pathType: 'ImplementationSpecific', backend: { serviceName: 'web', servicePort: 'http' } }]);
    const stored = await call('get', ingresses, { name });
    assert.deepEqual(stored.spec.defaultBackend, { service: { name: 'any', port: { number: 80 } } });
    assert.deepEqual(stored.spec.rules[0].http.paths[0].backend, { service: { name: 'web', port: { name: 'http' } } });
  }
});

test('the topology of EndpointSlices of v1beta1, assured shares, and a review’s group', async () => {
  const slices = older('discovery.k8s.io', 'v1beta1', 'endpointslices');
  const topology = { 'topology.kubernetes.io/zone': 'z', 'kubernetes.io/hostname': 'n', rack: 'r' };
  const made = await call('create', slices, { body: { metadata: { name: 'slice' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], topology }] } });
  assert.deepEqual(made.endpoints[0].topology, topology);
  const { zone, nodeName, deprecatedTopology } = (await call('get', endpointSlices, { name: 'slice' })).endpoints[0];
  assert.deepEqual([zone, nodeName, deprecatedTopology], ['z', 'n', { rack: 'r' }]);

  const levels = older('flowcontrol.apiserver.k8s.io', 'v1beta1', 'prioritylevelconfigurations');
  const level = await call('create', levels, { namespace: undefined, body: { metadata: { name: 'level' }, spec: { type: 'Limited', limited: { assuredConcurrencyShares: 7, limitResponse: { type: 'Reject' } } } } });
  assert.equal(level.spec.limited.assuredConcurrencyShares, 7);
  assert.equal((await call('get', { ...levels, version: 'v1' }, { namespace: undefined, name: 'level' })).spec.limited.nominalConcurrencyShares, 7);

  const review = await call('create', older('authorization.k8s.io', 'v1beta1', 'subjectaccessreviews'), { namespace: undefined, body: { spec: { group: ['system:masters'], resourceAttributes: { verb: 'get', resource: 'pods' } } } });
  assert.deepEqual([review.apiVersion, review.status.allowed, review.spec.group], ['authorization.k8s.io/v1beta1', true, ['system:masters']]);
});
