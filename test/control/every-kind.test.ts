// Everything that discovery names, so that no kind can be forgotten: each is made, read, listed, watched, changed in every way,
// told its status, shown as a table, and deleted; each by itself and as a collection. Over HTTPS, as any client would.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createAuthenticator } from '../../src/server/auth/authenticate.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { clock, startControlCluster, type ControlCluster } from './control-cluster.ts';
import { callOverHttps, type Answer } from './https-caller.ts';
import { sampleOf } from './samples.ts';

interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

let cluster: ControlCluster;
let call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
let served: ServedResource[];
let checks = 0;

before(async () => {
  const authority = await createAuthority('ca', clock);
  const server = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, clock);
  const admin = await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, clock);
  cluster = await startControlCluster({ scheduler: false, controllers: false, authenticate: createAuthenticator({ tokens: new Map() }) });
  const { port } = await cluster.server.listen({ host: '127.0.0.1', port: 0, key: server.keyPem, cert: server.certPem, clientCa: authority.certPem });
  call = (method, path, body, headers) => {
    checks++;
    return callOverHttps({ port, ca: authority.certPem }, admin, method, path, body, headers);
  };
  served = await discovered();
});

after(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function discovered(): Promise<ServedResource[]> {
  const groups = (await call('GET', '/apis')).body.groups as { versions: { groupVersion: string }[] }[];
  const paths = ['/api/v1', ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`))];
  const all: ServedResource[] = [];
  for (const path of paths) {
    const { resources } = (await call('GET', path)).body as { resources: (ServedResource & { name: string })[] };
    const [, , group, version] = path.startsWith('/apis') ? path.split('/') : ['', '', '', 'v1'];
    for (const one of resources) if (!one.name.includes('/')) all.push({ ...one, group: group!, version: version! });
  }
  return all;
}

const collection = ({ group, version, name, namespaced }: ServedResource) => `${group ? `/apis/${group}` : '/api'}/${version}${namespaced ? '/namespaces/default' : ''}/${name}`;
const ok = (answer: Answer, codes: readonly number[], what: string) => assert.ok(codes.includes(answer.code), `${what}: ${answer.code} ${answer.text.slice(0, 400)}`);
const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json', strategic: 'application/strategic-merge-patch+json' };

test('every stored kind goes through its whole life, in every way', { concurrency: 8 }, async (t) => {
  const stored = served.filter(({ verbs }) => verbs.includes('create') && verbs.includes('list'));
  await Promise.all(stored.map((resource) => t.test(`${resource.group || 'core'}/${resource.version} ${resource.kind}`, () => life(resource))));
  const reviews = served.filter(({ verbs }) => !verbs.includes('list'));
  const readOnly = served.filter(({ verbs }) => verbs.includes('list') && !verbs.includes('create'));
  for (const resource of readOnly) ok(await call('GET', collection(resource)), [200], `list of ${resource.kind}`);
  for (const resource of reviews) assert.deepEqual(resource.verbs, ['create'], `${resource.kind} is only asked`);
  t.diagnostic(`${stored.length} stored kinds of ${served.length} in discovery, ${readOnly.length} read only, ${reviews.length} that are asked; ${checks} requests`);
});

async function life(resource: ServedResource): Promise<void> {
  const { kind, group, version, verbs, namespaced } = resource;
  const apiVersion = group ? `${group}/${version}` : version;
  const path = collection(resource);
  // Versions of one kind are of the same objects.
  const tag = `${group.split('.')[0] || 'core'}-${version}`;
  const { name = `sample-${tag}`, ...fields } = sampleOf(group, version, kind);
  const object = { apiVersion, kind, metadata: { name, ...(namespaced ? { namespace: 'default' } : {}), labels: { sample: tag } }, ...fields };
  const one = `${path}/${encodeURIComponent(name)}`;
  const first = (await call('GET', path)).body;
  assert.deepEqual([first.kind, first.apiVersion], [`${kind}List`, apiVersion]);

  // Not yet: dry, with a field that is none, and under another name.
  ok(await call('POST', `${path}?dryRun=All`, object), [201], 'dry create');
  ok(await call('GET', one), [404], 'after a dry create');
  ok(await call('POST', `${path}?fieldValidation=Strict`, { ...object, nonsense: 1 }), [400], 'a field that is none');
  let created = await call('POST', path, object);
  ok(created, [201], 'create');
  // Of these the server itself tells at once whether they lead anywhere.
  while (kind === 'FlowSchema' && !created.body.status.conditions) created = await call('GET', one);
  const { uid, resourceVersion, creationTimestamp } = created.body.metadata;
  assert.ok(uid && resourceVersion && creationTimestamp);
  ok(await call('POST', path, object), [409], 'the same again');

  const got = await call('GET', one);
  assert.deepEqual(got.body, created.body);
  const yaml = await call('GET', one, undefined, { accept: 'application/yaml' });
  assert.match(yaml.text, new RegExp(`kind: ${kind}\\n`));
  const table = await call('GET', one, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  assert.deepEqual([table.body.kind, table.body.rows.length], ['Table', 1]);
  const metadata = await call('GET', one, undefined, { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' });
  assert.deepEqual([metadata.body.kind, metadata.body.metadata.uid], ['PartialObjectMetadata', uid]);

  const selected = await call('GET', `${path}?labelSelector=sample%3D${tag}&fieldSelector=metadata.name%3D${encodeURIComponent(name)}`);
  assert.deepEqual(selected.body.items.map((item: any) => item.metadata.uid), [uid]);
  assert.equal((await call('GET', `${path}?labelSelector=sample%3Dno`)).body.items.length, 0);
  if (namespaced) {
    const everywhere = await call('GET', path.replace('/namespaces/default', ''));
    assert.ok(everywhere.body.items.some((item: any) => item.metadata.uid === uid), 'is in the list of all namespaces');
  }

  const watched = await call('GET', `${path}?watch=true&resourceVersion=${first.metadata.resourceVersion}&timeoutSeconds=1&labelSelector=sample%3D${tag}`);
  const events = watched.text.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(events.slice(0, 1).map(({ type, object: seen }) => [type, seen.metadata.uid]), [['ADDED', uid]]);

  if (verbs.includes('update')) {
    const changed = await call('PUT', one, { ...got.body, metadata: { ...got.body.metadata, annotations: { put: '1' } } });
    ok(changed, [200], 'update');
    assert.equal(changed.body.metadata.annotations.put, '1');
    ok(await call('PUT', one, { ...got.body, metadata: { ...got.body.metadata, annotations: { put: '2' } } }), [409], 'an update of what was before');
    for (const [type, contentType] of Object.entries(patchTypes)) {
      const body = type === 'json' ? [{ op: 'add', path: '/metadata/labels/by', value: type }] : { metadata: { labels: { by: type } } };
      const patched = await call('PATCH', one, body, { 'content-type': contentType });
      ok(patched, [200], `${type} patch`);
      assert.equal(patched.body.metadata.labels.by, type);
    }
    const applied = await call('PATCH', `${one}?fieldManager=every-kind&force=true`, { apiVersion, kind, metadata: { name, labels: { by: 'apply' } } }, { 'content-type': 'application/apply-patch+yaml' });
    ok(applied, [200], 'apply');
    assert.equal(applied.body.metadata.labels.by, 'apply');
    assert.ok(applied.body.metadata.managedFields.some(({ manager }: any) => manager === 'every-kind'));
    const status = await call('GET', `${one}/status`);
    if (status.code === 200) ok(await call('PATCH', `${one}/status`, { metadata: { labels: { status: 'yes' } } }, { 'content-type': patchTypes.merge }), [200], 'status patch');
  }

  // Held by a finalizer, and let go.
  ok(await call('PATCH', one, { metadata: { finalizers: ['example.com/hold'] } }, { 'content-type': patchTypes.merge }), [200], 'a finalizer');
  ok(await call('DELETE', one, kind === 'Pod' ? { gracePeriodSeconds: 0 } : undefined), [200, 202], 'delete');
  const held = await call('GET', one);
  assert.ok(held.body.metadata.deletionTimestamp, 'it is held');
  ok(await call('PATCH', one, { metadata: { finalizers: null } }, { 'content-type': patchTypes.merge }), [200], 'let go');
  if (kind === 'Namespace') ok(await call('PUT', `${one}/finalize`, { ...held.body, metadata: { ...held.body.metadata, finalizers: [], resourceVersion: '' }, spec: { finalizers: [] } }), [200], 'finalize');
  ok(await call('GET', one), [404], 'gone');

  if (verbs.includes('deletecollection')) {
    ok(await call('POST', path, object), [201], 'made again');
    ok(await call('DELETE', `${path}?labelSelector=sample%3D${tag}`, kind === 'Pod' ? { gracePeriodSeconds: 0 } : undefined), [200], 'collection delete');
    // These two wait for what they contain, which nobody here takes away.
    const isHeld = kind === 'Namespace' || kind === 'CustomResourceDefinition';
    const after = await call('GET', one);
    if (isHeld) assert.ok(after.body.metadata.deletionTimestamp, 'it ends with its collection');
    else ok(after, [404], 'gone with its collection');
  }
}
