import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, events, limitRanges, resourceQuotas, secrets, services } from '../../src/api/kinds/index.ts';
import { ApiError } from '../../src/api/error.ts';
import { keyOf } from '../../src/client/client.ts';
import { limitRanger } from '../../src/server/admission/limit-ranger.ts';
import { deploymentOf, pods, startControlCluster, type ControlCluster } from './control-cluster.ts';

const key = { namespace: 'default', name: 'q' };
const quotaOf = (hard: Record<string, string>, more: object = {}) => ({ metadata: key, spec: { hard, ...more } as never });
const podWith = (name: string, resources: object = {}, more: object = {}) => ({
  metadata: { name, namespace: 'default', labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'web:1', resources }], ...more } as never,
});
const used = (cluster: ControlCluster) => cluster.informers.of(resourceQuotas).get(key)?.status.used;
const counted = (cluster: ControlCluster, expected: Record<string, string>) =>
  cluster.until(`used ${JSON.stringify(expected)}`, () => Object.entries(expected).every(([name, amount]) => used(cluster)?.[name] === amount));
const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(() => undefined, (reason: unknown) => reason as ApiError);
  assert.ok(error instanceof ApiError, 'was not refused');
  return `${error.code} ${error.message}`;
};

async function withQuota(hard: Record<string, string>, more: object = {}) {
  const cluster = await startControlCluster({ kubelet: { readyMs: 2, graceMs: 2 } });
  await cluster.addNode('a');
  await cluster.client.create(resourceQuotas, quotaOf(hard, more), cluster.signal);
  await counted(cluster, Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])));
  return cluster;
}

test('a quota refuses what is more than is left, and gives back what goes', async () => {
  await using cluster = await withQuota({ pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi' });
  const { client, signal } = cluster;
  assert.equal(await refusal(client.create(pods, podWith('x'), signal)), '403 pods "x" is forbidden: failed quota: q: must specify limits.memory for: main; requests.cpu for: main');
  const sized = (request: string) => ({ requests: { cpu: request }, limits: { memory: '512Mi' } });
  const first = await client.create(pods, podWith('x', sized('600m')), signal);
  assert.equal(await refusal(client.create(pods, podWith('y', sized('500m')), signal)), '403 pods "y" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1');
  await client.create(pods, podWith('y', sized('400m')), signal);
  await counted(cluster, { pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi' });
  assert.match(await refusal(client.create(pods, podWith('z', sized('1m')), signal)), /exceeded quota: q, requested: limits.memory=512Mi,pods=1,requests.cpu=1m, used: limits.memory=1Gi,pods=2,requests.cpu=1, limited: limits.memory=1Gi,pods=2,requests.cpu=1$/);
  await client.delete(pods, keyOf(first), {}, signal);
  await counted(cluster, { pods: '1', 'requests.cpu': '400m', 'limits.memory': '512Mi' });
  await client.create(pods, podWith('z', sized('600m')), signal);
});

test('of many that ask at once no more get in than there is room for', async () => {
  await using cluster = await withQuota({ pods: '7', 'count/secrets': '5' });
  const { client, signal } = cluster;
  const asked = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => client.create(pods, podWith(`p${at}`), signal)));
  assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 7);
  const maps = await Promise.allSettled(Array.from({ length: 9 }, (_, at) => client.create(secrets, { metadata: { name: `m${at}`, namespace: 'default' } }, signal)));
  assert.equal(maps.filter(({ status }) => status === 'fulfilled').length, 5);
  await counted(cluster, { pods: '7', 'count/secrets': '5' });
  await client.delete(secrets, { namespace: 'default', name: cluster.informers.of(secrets).list('default')[0]!.metadata.name }, {}, signal);
  await counted(cluster, { 'count/secrets': '4' });
});

test('a write that comes to nothing is not charged', async () => {
  await using cluster = await withQuota({ 'count/secrets': '2' });
  const { client, signal } = cluster;
  const map = { metadata: { name: 'm', namespace: 'default' } };
  await client.create(secrets, map, signal);
  assert.match(await refusal(client.create(secrets, map, signal)), /^409 secrets "m" already exists/);
  await counted(cluster, { 'count/secrets': '1' });
});

test('a finished Pod gives its resources back, and a Service counts its node ports, also when its type changes', async () => {
  await using cluster = await withQuota({ pods: '1', 'count/pods': '3', 'services.nodeports': '1' });
  const { client, signal } = cluster;
  const pod = await client.create(pods, podWith('x'), signal);
  await cluster.until('it runs', () => cluster.informers.of(pods).get(keyOf(pod))?.status.phase === 'Running');
  await client.patch(pods, keyOf(pod), { type: 'merge', subresource: 'status', body: { status: { phase: 'Succeeded' } } }, signal);
  await counted(cluster, { pods: '0', 'count/pods': '1' });
  const service = await client.create(services, { metadata: { name: 's', namespace: 'default' }, spec: { ports: [{ port: 80, name: 'a' }, { port: 81, name: 'b' }] } as never }, signal);
  assert.match(await refusal(client.patch(services, keyOf(service), { type: 'merge', body: { spec: { type: 'NodePort' } } }, signal)), /exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1/);
});

test('scopes: only Pods of the class, or with a deadline, count', async () => {
  await using cluster = await withQuota({ pods: '1' }, { scopes: ['Terminating'] });
  const { client, signal } = cluster;
  for (const name of ['a', 'b']) await client.create(pods, podWith(name), signal);
  await client.create(pods, podWith('c', {}, { activeDeadlineSeconds: 60 }), signal);
  assert.match(await refusal(client.create(pods, podWith('d', {}, { activeDeadlineSeconds: 60 })  , signal)), /exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1/);
  await counted(cluster, { pods: '1' });
  const wrong = { metadata: { name: 'w', namespace: 'default' }, spec: { hard: { services: '1' }, scopes: ['BestEffort', 'NotBestEffort'] } as never };
  assert.match(await refusal(client.create(resourceQuotas, wrong, signal)), /spec.scopes: Invalid value.*conflicting scopes.*unsupported scope applied to resource/s);
});

test('a Deployment stays below what the quota allows, and says why', async () => {
  await using cluster = await withQuota({ pods: '2' });
  await cluster.client.create(deployments, deploymentOf('web', 3), cluster.signal);
  await cluster.until('two', () => cluster.informers.of(deployments).get({ namespace: 'default', name: 'web' })?.status.readyReplicas === 2);
  await cluster.until('said', () => cluster.informers.of(events).list('default').some(({ reason, message }) => reason === 'FailedCreate' && message?.includes('exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2')));
});

test('a LimitRange fills in what is not said, and refuses what is out of bounds', async () => {
  await using cluster = await startControlCluster({ admission: [limitRanger] });
  const { client, signal } = cluster;
  const limits = [
    { type: 'Container', max: { memory: '1Gi' }, min: { cpu: '50m' }, default: { cpu: '500m' }, maxLimitRequestRatio: { cpu: '10' } },
    { type: 'Pod', max: { cpu: '1' } },
  ];
  const range = await client.create(limitRanges, { metadata: { name: 'l', namespace: 'default' }, spec: { limits } as never }, signal);
  assert.deepEqual(range.spec.limits[0]!.defaultRequest, { cpu: '500m', memory: '1Gi' });
  const pod = await client.create(pods, podWith('x'), signal);
  assert.deepEqual(pod.spec.containers[0]!.resources, { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '500m', memory: '1Gi' } });
  assert.equal(pod.metadata.annotations?.['kubernetes.io/limit-ranger'], 'LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main');
  assert.equal(
    await refusal(client.create(pods, podWith('y', { requests: { cpu: '10m' }, limits: { cpu: '2', memory: '2Gi' } }), signal)),
    '403 pods "y" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, maximum memory usage per Container is 1Gi, but limit is 2Gi, cpu max limit to request ratio per Container is 10, but provided ratio is 200.000000, maximum cpu usage per Pod is 1, but limit is 2]',
  );
  const wrong = { metadata: { name: 'w', namespace: 'default' }, spec: { limits: [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }] } as never };
  assert.match(await refusal(client.create(limitRanges, wrong, signal)), /spec.limits\[0\].min\[cpu\]: Invalid value: "2": min value 2 is greater than max value 1/);
});

