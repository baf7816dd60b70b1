// What Go's controllers speak: every built-in kind of discovery made, read, listed, watched and deleted in protobuf, over HTTPS;
// each answer holds what JSON tells.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { decodeObject, encodeMessage, inEnvelope, messageOf, protobufType } from '../../src/api/protobuf/envelope.ts';
import { createAuthenticator } from '../../src/server/auth/authenticate.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { clock, startControlCluster, type ControlCluster } from './control-cluster.ts';
import { sampleOf } from './samples.ts';

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly bytes: Buffer;
  /** Decoded, from whichever it is. */
  readonly body: any;
}

type Call = (method: string, path: string, accept: string, body?: object, contentType?: string) => Promise<Answer>;

const clusters: ControlCluster[] = [];
let call: Call;
const json = 'application/json';

before(async () => {
  call = await start(false);
});

async function start(controllers: boolean): Promise<Call> {
  const authority = await createAuthority('ca', clock);
  const server = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, clock);
  const admin = await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, clock);
  const cluster = await startControlCluster({ scheduler: false, controllers, authenticate: createAuthenticator({ tokens: new Map() }) });
  clusters.push(cluster);
  const { port } = await cluster.server.listen({ host: '127.0.0.1', port: 0, key: server.keyPem, cert: server.certPem, clientCa: authority.certPem });
  return (method, path, accept, body, contentType = protobufType) =>
    new Promise((resolve, reject) => {
      const bytes = body && (contentType === protobufType ? inProtobuf(body) : Buffer.from(JSON.stringify(body)));
      const sent = request({ host: '127.0.0.1', port, method, path, ca: authority.certPem, cert: admin.certPem, key: admin.keyPem, headers: { accept, ...(bytes ? { 'content-type': contentType, 'content-length': bytes.length } : {}) } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const all = Buffer.concat(chunks);
          const type = response.headers['content-type'] ?? '';
          const isWhole = type.split(';')[0] === protobufType && !type.includes('stream=watch');
          resolve({ code: response.statusCode!, type, bytes: all, body: isWhole ? decodeObject(all) : type.startsWith(json) && !path.includes('watch=') ? JSON.parse(all.toString()) : undefined });
        });
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
}

after(async () => {
  for (const cluster of clusters) await cluster[Symbol.asyncDispose]();
});

function inProtobuf(object: { apiVersion?: string; kind?: string }): Buffer {
  const { apiVersion = '', kind = '' } = object;
  return inEnvelope(apiVersion, kind, encodeMessage(messageOf(apiVersion, kind)!, object));
}

/** The events of a stream that has been cut off. */
function eventsIn(stream: Buffer): { readonly type: string; readonly object: any }[] {
  const events = [];
  for (let at = 0; at < stream.length; at += 4 + stream.readUInt32BE(at)) {
    const frame = stream.subarray(at + 4, at + 4 + stream.readUInt32BE(at));
    events.push({ type: frame.toString('latin1', 2, 2 + frame[1]!), object: decodeObject(frame.subarray(frame.indexOf('k8s\0'))) });
  }
  return events;
}

/** Lists and maps without anything in them and zeros that are no pointers are not told in protobuf; nor is what version and kind the items of a list are. */
function told(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(told);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0));
  return Object.fromEntries(entries.map(([name, item]) => [name, name === 'items' && Array.isArray(item) ? item.map((one) => told(typeof one === 'object' && one?.metadata ? { ...one, kind: undefined, apiVersion: undefined } : one)) : told(item)]).filter(([, item]) => item !== undefined));
}

/** FlowSchemas are told their status by the server itself, at any moment. */
const ownersBesidesStatus = ({ managedFields }: any) => managedFields?.filter(({ subresource }: any) => subresource !== 'status');
const settled = (body: any) => (body.kind === 'FlowSchema' ? { ...body, status: undefined, metadata: { ...body.metadata, resourceVersion: '', managedFields: ownersBesidesStatus(body.metadata) } } : body);
const tidy = (value: unknown) => JSON.parse(JSON.stringify(told(value)), (_, item) => (item === 0 || item === '' || item === false || (item && typeof item === 'object' && !Array.isArray(item) && Object.keys(item).length === 0) ? undefined : item));

async function served(): Promise<{ apiVersion: string; name: string; kind: string; namespaced: boolean; verbs: string[] }[]> {
  const groups = (await call('GET', '/apis', protobufType)).body.groups as { versions: { groupVersion: string }[] }[];
  const all = [];
  for (const path of ['/api/v1', ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`))]) {
    const answer = await call('GET', path, protobufType);
    assert.deepEqual([answer.code, answer.type], [200, protobufType], path);
    assert.deepEqual(tidy(answer.body), tidy({ apiVersion: 'v1', ...(await call('GET', path, json)).body }), path);
    for (const one of answer.body.resources) if (!one.name.includes('/')) all.push({ ...one, apiVersion: path.replace(/^\/apis?\//, '') });
  }
  return all;
}

const textOnly = 'autoscaling/v2beta1';

test('every built-in kind, in protobuf as in JSON', { concurrency: 24 }, async (t) => {
  const kinds = (await served()).filter(({ apiVersion, verbs }) => verbs.includes('create') && verbs.includes('list') && !apiVersion.includes('peapod.dev') && apiVersion !== textOnly);
  // Of one no numbers of fields are known: clients that can read JSON get that.
  const inText = await call('GET', `/apis/${textOnly}/horizontalpodautoscalers`, `${protobufType},application/json`);
  assert.deepEqual([inText.code, inText.type], [200, 'application/json']);
  assert.ok(kinds.length > 50);
  await Promise.all(kinds.map((one) => t.test(`${one.apiVersion} ${one.kind}`, async () => {
    const { apiVersion, kind, namespaced } = one;
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
    const path = `${group ? '/apis' : '/api'}/${apiVersion}${namespaced ? '/namespaces/default' : ''}/${one.name}`;
    const tag = apiVersion.replaceAll(/[^a-z0-9]/g, '-');
    const { name = `wire-${tag}`, ...fields } = sampleOf(group, apiVersion.split('/').at(-1)!, kind);
    const object = { apiVersion, kind, metadata: { name, labels: { wire: tag }, ...(namespaced ? { namespace: 'default' } : {}) }, ...fields };
    const at = `${path}/${encodeURIComponent(name)}`;
    const since = (await call('GET', path, protobufType)).body.metadata.resourceVersion;

    const made = await call('POST', path, protobufType, object);
    assert.deepEqual([made.code, made.type], [201, protobufType], `${kind}: ${made.body?.message}`);
    const inJson = await call('GET', at, json);
    assert.deepEqual(tidy(settled((await call('GET', at, protobufType)).body)), tidy(settled(inJson.body)));
    assert.deepEqual(tidy(settled(made.body)), tidy(settled(inJson.body)));
    const query = `labelSelector=wire%3D${tag}`;
    const list = await call('GET', `${path}?${query}`, protobufType);
    assert.equal(list.body.kind, `${kind}List`);
    const items = async (answer: Answer | Promise<Answer>) => tidy((await answer).body.items.map((item: any) => settled({ ...item, kind, apiVersion })));
    assert.deepEqual(await items(list), await items(call('GET', `${path}?${query}`, json)));

    const watched = await call('GET', `${path}?watch=true&resourceVersion=${since}&timeoutSeconds=1&${query}`, `${protobufType};stream=watch,${protobufType}`);
    assert.equal(watched.type, 'application/vnd.kubernetes.protobuf;stream=watch');
    const [added] = eventsIn(watched.bytes);
    assert.deepEqual([added?.type, added?.object.kind, added?.object.metadata.uid], ['ADDED', kind, inJson.body.metadata.uid]);

    const partial = await call('GET', at, `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
    assert.deepEqual([partial.body.kind, partial.body.metadata.uid], ['PartialObjectMetadata', inJson.body.metadata.uid]);
    assert.equal((await call('GET', at, `${protobufType};as=Table;g=meta.k8s.io;v=v1`)).code, 406);
    const patched = await call('PATCH', at, protobufType, { metadata: { labels: { by: 'patch' } } }, 'application/merge-patch+json');
    assert.equal(patched.body.metadata?.labels?.by, 'patch', patched.body.message);
    const stale = await call('PUT', at, protobufType, { ...inJson.body });
    assert.ok(one.verbs.includes('update') ? stale.code === 409 && stale.body.kind === 'Status' && stale.body.reason === 'Conflict' : stale.code === 405, `${stale.code} ${stale.body.message}`);
    const deleted = await call('DELETE', at, protobufType, { apiVersion, kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: inJson.body.metadata.uid } } as object);
    assert.ok([200, 202].includes(deleted.code) && deleted.type === protobufType, deleted.body.message);
  })));
  t.diagnostic(`${kinds.length} kinds`);
});

test('discovery in one document', async () => {
  const wanted = (type: string) => `${type};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`;
  for (const path of ['/api', '/apis']) {
    const answer = await call('GET', path, wanted(protobufType));
    assert.equal(answer.type, wanted(protobufType));
    assert.deepEqual(tidy(answer.body), tidy((await call('GET', path, wanted(json))).body));
  }
});

test('custom objects are text, but for their metadata', async () => {
  const call = await start(true); // which takes a controller to be established
  const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'texts.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'texts', kind: 'Text' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { n: { type: 'integer', default: 0 } }, additionalProperties: undefined } } }] } };
  assert.equal((await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', protobufType, definition)).code, 201);
  const path = '/apis/example.com/v1/namespaces/default/texts';
  let made: Answer;
  let attempts = 0;
  do made = await call('POST', path, json, { apiVersion: 'example.com/v1', kind: 'Text', metadata: { name: 'a' } }, json);
  while (made.code === 404 && attempts++ < 200);
  assert.deepEqual([made.code, made.body.n], [201, 0]);
  const refused = await call('GET', path, protobufType);
  assert.deepEqual([refused.code, refused.body.message], [406, 'only the following media types are accepted: application/json, application/yaml']);
  assert.equal((await call('GET', path, `${protobufType}, ${json}`)).type, json);
  assert.equal((await call('POST', path, json, { apiVersion: 'v1', kind: 'ConfigMap' } as object)).code, 415);
  const partial = await call('GET', path, `${protobufType};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`);
  assert.deepEqual([partial.body.kind, partial.body.items.map((item: any) => item.metadata.name)], ['PartialObjectMetadataList', ['a']]);
});

test('subresources and reviews', async () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'sub', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  assert.equal((await call('POST', '/api/v1/namespaces/default/pods', protobufType, pod)).code, 201);
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'sub' }, target: { kind: 'Node', name: 'n1' } };
  const bound = await call('POST', '/api/v1/namespaces/default/pods/sub/binding', protobufType, binding as object);
  assert.deepEqual([bound.code, bound.body.kind, bound.body.status], [201, 'Status', 'Success'], bound.body.message);
  const eviction = await call('POST', '/api/v1/namespaces/default/pods/sub/eviction', protobufType, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'sub' }, deleteOptions: { gracePeriodSeconds: 0 } } as object);
  assert.equal(eviction.code, 201, eviction.body.message);
  const review = await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', protobufType, { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } } as object);
  assert.deepEqual([review.code, review.body.status.allowed], [201, true]);
  const missing = await call('GET', '/api/v1/namespaces/default/pods/none', protobufType);
  assert.deepEqual([missing.code, missing.type, missing.body.kind, missing.body.reason, missing.body.message], [404, protobufType, 'Status', 'NotFound', 'pods "none" not found']);
});
