import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { namespaces, pods, replicationControllers } from '../../api/kinds/index.ts';
import type { ApiRequest, ResourceName } from '../../api/request.ts';
import { admin, never, startTestServer, type TestServer } from '../test-server.ts';
import { podSecurity } from './pod-security.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer({ admission: [podSecurity] });
});
after(() => server?.[Symbol.asyncDispose]());

const label = (rest: Record<string, string>) => Object.fromEntries(Object.entries(rest).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]));
const privileged = { containers: [{ name: 'c', image: 'i', securityContext: { privileged: true } }] };
const why = 'privileged (container "c" must not set securityContext.privileged=true)';
const pod = (name: string, spec: object = privileged) => ({ metadata: { name }, spec });

/** What a call answers, and the warnings that came with it. */
async function call(verb: ApiRequest['verb'], { group, version, plural }: ResourceName, rest: Partial<ApiRequest>): Promise<{ warnings: string[]; error?: string }> {
  const warnings: string[] = [];
  const transport = server.server.transport(admin, (text) => warnings.push(text));
  try {
    await transport.call({ verb, resource: { group, version, plural }, options: {}, ...rest }, never);
    return { warnings };
  } catch (error) {
    return { warnings, error: (error as Error).message };
  }
}

async function namespace(name: string, labels: Record<string, string>): Promise<string> {
  assert.deepEqual(await call('create', namespaces, { body: { metadata: { name, labels: label(labels) } } }), { warnings: [] });
  return name;
}

test('enforce refuses, warn tells, privileged does neither', async () => {
  const strict = await namespace('strict', { enforce: 'baseline', 'enforce-version': 'v1.35' });
  assert.deepEqual(await call('create', pods, { namespace: strict, body: pod('p') }), { warnings: [], error: `pods "p" is forbidden: violates PodSecurity "baseline:v1.35": ${why}` });
  const telling = await namespace('telling', { warn: 'baseline' });
  assert.deepEqual(await call('create', pods, { namespace: telling, body: pod('p') }), { warnings: [`would violate PodSecurity "baseline:latest": ${why}`] });
  const free = await namespace('free', {});
  assert.deepEqual(await call('create', pods, { namespace: free, body: pod('p') }), { warnings: [] });
});

test('a template is warned of and made', async () => {
  const name = await namespace('templates', { enforce: 'baseline' });
  const controller = { metadata: { name: 'rc' }, spec: { replicas: 0, selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec: privileged } } };
  assert.deepEqual(await call('create', replicationControllers, { namespace: name, body: controller }), { warnings: [`would violate PodSecurity "baseline:latest": ${why}`] });
  const quiet = await namespace('quiet', { enforce: 'baseline', warn: 'privileged' });
  assert.deepEqual(await call('create', replicationControllers, { namespace: quiet, body: controller }), { warnings: [] });
});

test('a Pod that is not as it was meant is made, with a warning', async () => {
  const name = await namespace('meant', {});
  const twice = { containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: '1' }, { name: 'A', value: '2' }] }] };
  const hides = 'containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply';
  assert.deepEqual(await call('create', pods, { namespace: name, body: pod('p', twice) }), { warnings: [`spec.${hides}`] });
  const controller = (replicas: number, spec: object) => ({ metadata: { name: 'rc' }, spec: { replicas, selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec } } });
  assert.deepEqual(await call('create', replicationControllers, { namespace: name, body: controller(0, twice) }), { warnings: [`spec.template.spec.${hides}`] });
  assert.deepEqual(await call('update', replicationControllers, { namespace: name, name: 'rc', body: controller(0, twice) }), { warnings: [] });
  assert.deepEqual(await call('update', replicationControllers, { namespace: name, name: 'rc', body: controller(1, twice) }), { warnings: [`spec.template.spec.${hides}`] });
});

test('a namespace made stricter tells of its Pods; labels that say nothing are refused', async () => {
  const name = await namespace('growing', {});
  for (const each of ['b', 'a', 'c']) await call('create', pods, { namespace: name, body: pod(each) });
  await call('create', pods, { namespace: name, body: pod('host', { ...privileged, hostNetwork: true }) });
  await call('create', pods, { namespace: name, body: pod('good', { containers: [{ name: 'c', image: 'i' }] }) });
  const relabel = (labels: Record<string, string>) => call('patch', namespaces, { name, patchType: 'merge', body: { metadata: { labels: label(labels) } } });
  assert.deepEqual(await relabel({ enforce: 'baseline' }), {
    warnings: ['existing pods in namespace "growing" violate the new PodSecurity enforce level "baseline:latest"', 'a (and 2 other pods): privileged', 'host: host namespaces, privileged'],
  });
  assert.deepEqual(await relabel({ enforce: 'privileged' }), { warnings: [] });
  const refused = await relabel({ enforce: 'tight' });
  assert.equal(refused.error, 'Namespace "growing" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "tight": must be one of privileged, baseline, restricted');
  const born = await call('create', namespaces, { body: { metadata: { name: 'born', labels: label({ 'warn-version': 'new' }) } } });
  assert.match(born.error!, /Invalid value: "new": must be "latest" or "v1.x"/);
});

test('a Pod that is there may change in what no level judges, and gets no container that its level refuses', async () => {
  const name = await namespace('later', {});
  await call('create', pods, { namespace: name, body: pod('p') });
  await call('patch', namespaces, { name, patchType: 'merge', body: { metadata: { labels: label({ enforce: 'baseline' }) } } });
  const patch = (body: object, subresource?: string) => call('patch', pods, { namespace: name, name: 'p', patchType: 'strategic', subresource, body });
  assert.deepEqual(await patch({ metadata: { labels: { a: 'b' } } }), { warnings: [] });
  assert.deepEqual(await patch({ status: { phase: 'Running' } }, 'status'), { warnings: [] });
  assert.match((await patch({ spec: { containers: [{ name: 'c', image: 'other' }] } })).error!, /violates PodSecurity "baseline:latest"/);
  assert.match((await patch({ spec: { ephemeralContainers: [{ name: 'd', image: 'i' }] } }, 'ephemeralcontainers')).error!, /violates PodSecurity/);
});
