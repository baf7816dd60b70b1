// Another server's API through this one: who asks is told to it and vouched for, what it serves is in discovery, and when it is
// gone that is told, and nothing else breaks.
import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { apiServices } from '../../src/api/kinds/api-service.ts';
import { configMaps, customResourceDefinitions, namespaces, services } from '../../src/api/kinds/index.ts';
import { conditionOf } from '../../src/api/meta.ts';
import type { ApiRequest } from '../../src/api/request.ts';
import { createAuthenticator } from '../../src/server/auth/authenticate.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { createAuthority, issueCertificate, type KeyedCertificate } from '../../src/server/auth/certificates.ts';
import { flunders, group, startExtensionServer, version, type ExtensionServer } from '../support/extension-server.ts';
import { clock, startControlCluster, type ControlCluster } from './control-cluster.ts';
import { callOverHttps, type Answer } from './https-caller.ts';

let cluster: ControlCluster;
let extension: ExtensionServer;
let frontProxyCa: KeyedCertificate;
let port: number;
let ca: string;
const certificates = new Map<string, KeyedCertificate>();

before(async () => {
  const authority = await createAuthority('ca', clock);
  frontProxyCa = await createAuthority('front-proxy-ca', clock);
  const server = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, clock);
  certificates.set('admin', await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, clock));
  certificates.set('nobody', await issueCertificate(authority, { commonName: 'nobody', days: 1, usages: ['client'] }, clock));
  const frontProxy = issueCertificate(frontProxyCa, { commonName: 'front-proxy-client', days: 1, usages: ['client'] }, clock);
  cluster = await startControlCluster({ scheduler: false, authenticate: createAuthenticator({ tokens: new Map() }), frontProxy });
  ({ port } = await cluster.server.listen({ host: '127.0.0.1', port: 0, key: server.keyPem, cert: server.certPem, clientCa: authority.certPem }));
  ca = authority.certPem;
  extension = await startExtensionServer('wardle.default.svc', frontProxyCa.certPem);
  const { client, signal } = cluster;
  await client.create(services, { metadata: { name: 'wardle', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'localhost' } as never }, signal);
  await client.create(apiServices, apiService({ caBundle: extension.caBundle }), signal);
  await until(`True Passed`);
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  await extension[Symbol.asyncDispose]();
});

const name = `${version}.${group}`;
const apiService = (more: object) => ({ metadata: { name }, spec: { group, version, groupPriorityMinimum: 1500, versionPriority: 15, service: { namespace: 'default', name: 'wardle', port: extension.port }, ...more } as never });
const until = (condition: string) =>
  cluster.until(condition, () => {
    const found = conditionOf(cluster.informers.of(apiServices).get({ namespace: '', name })?.status.conditions, 'Available');
    return found && `${found.status} ${found.reason}` === condition && found;
  });

function call(method: string, path: string, { as = 'admin', body, headers = {} }: { as?: string; body?: unknown; headers?: Record<string, string> } = {}): Promise<Answer> {
  return callOverHttps({ port, ca }, certificates.get(as)!, method, path, body, headers);
}

const root = `/apis/${group}/${version}`;
const inDefault = `${root}/namespaces/default/flunders`;

test('each version that this server serves has an APIService, and those of definitions come and go', async () => {
  const { client, signal, informers } = cluster;
  const local = await client.get(apiServices, { namespace: '', name: 'v1.apps' }, signal);
  assert.deepEqual(local.spec, { group: 'apps', version: 'v1', groupPriorityMinimum: 17_800, versionPriority: 15 });
  assert.equal(local.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
  assert.deepEqual(conditionOf(local.status.conditions, 'Available')?.reason, 'Local');
  assert.ok(await client.get(apiServices, { namespace: '', name: 'v1.' }, signal));
  const definition = { metadata: { name: 'things.example.org' }, spec: { group: 'example.org', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing' }, versions: [{ name: 'v3', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] } };
  await client.create(customResourceDefinitions, definition as never, signal);
  const custom = await cluster.until('registered', () => informers.of(apiServices).get({ namespace: '', name: 'v3.example.org' }));
  assert.deepEqual([custom.spec.groupPriorityMinimum, custom.spec.versionPriority, custom.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged']], [1000, 100, 'true']);
  await client.delete(customResourceDefinitions, { namespace: '', name: 'things.example.org' }, {}, signal);
  await cluster.until('gone', () => informers.of(apiServices).get({ namespace: '', name: 'v3.example.org' }) === undefined);
});

test('an APIService that makes no sense is refused in Kubernetes’ words', async () => {
  const refused = (spec: object, why: RegExp, named = 'v1.x.example.com') => assert.rejects(cluster.client.create(apiServices, { metadata: { name: named }, spec: { group: 'x.example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service: { namespace: 'a', name: 'b' }, ...spec } as never }, cluster.signal), why);
  await refused({}, /metadata\.name: Invalid value: "other": must be `spec\.version\+"\."\+spec\.group`: "v1\.x\.example\.com"/, 'other');
  await refused({ groupPriorityMinimum: 20_001 }, /spec\.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000/);
  await refused({ versionPriority: 0 }, /spec\.versionPriority: Invalid value: 0: must be positive and less than 1000/);
  await refused({ service: undefined, insecureSkipTLSVerify: true }, /spec\.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify/);
  await refused({ caBundle: 'YQ==', insecureSkipTLSVerify: true }, /may not be true if caBundle is present/);
});

/** Who looks whether it is there, and who follows what it serves. */
const own = new Set(['system:kube-aggregator', 'system:kube-controller-manager']);
/** What a client has asked last. */
const asked = () => extension.asked.findLast(({ user }) => !own.has(user!));

test('requests go through, in the name of their sender, whom nobody can pretend to be', async () => {
  const made = await call('POST', inDefault, { body: { metadata: { name: 'one' }, spec: { reference: 'x' } }, headers: { 'x-remote-user': 'root', 'x-remote-group': 'system:masters', 'x-remote-extra-a': 'b', authorization: 'Bearer mine' } });
  assert.deepEqual([made.code, made.body.metadata.name], [201, 'one']);
  const { user, groups, extra, authorization, certificate } = asked()!;
  assert.deepEqual([user, groups, extra, authorization, certificate], ['admin', 'system:masters, system:authenticated', {}, undefined, 'front-proxy-client']);
  const acted = await call('GET', inDefault, { headers: { 'impersonate-user': 'ada', 'impersonate-group': 'system:masters', 'impersonate-extra-example.com%2fteam': 'red' } });
  assert.equal(acted.code, 200);
  assert.deepEqual([asked()!.user, asked()!.extra], ['ada', { 'example.com%2fteam': 'red' }]);
  assert.equal((await call('GET', `${inDefault}/one`)).body.spec.reference, 'x');
  const { auditIds } = await call('GET', `${inDefault}/one`);
  assert.deepEqual(auditIds, [asked()!.auditId], 'both servers’ logs have it by the same name');
  assert.deepEqual([(await call('GET', `${inDefault}/one`, { headers: { 'audit-id': 'mine' } })).auditIds, asked()!.auditId], [['mine'], 'mine']);
  assert.equal((await call('GET', `${inDefault}/none`)).body.reason, 'NotFound');
  assert.equal((await call('GET', `${root}/some/where/deep/down/here`)).code, 404);
  assert.ok(extension.asked.some(({ url }) => url === `${root}/some/where/deep/down/here`), 'its own paths are its own');
});

test('who may not by our roles does not get there', async () => {
  const before = extension.asked.length;
  const refused = await call('GET', inDefault, { as: 'nobody' });
  assert.deepEqual([refused.code, refused.body.message], [403, `flunders.${group} is forbidden: User "nobody" cannot list resource "flunders" in API group "${group}" in the namespace "default"`]);
  assert.ok(extension.asked.slice(before).every(({ user }) => own.has(user!)));
  assert.equal((await call('GET', root, { as: 'nobody' })).body.groupVersion, `${group}/${version}`, 'but everyone may discover');
});

test('discovery has it among its own, in each form, and OpenAPI too', async () => {
  const { groups } = (await call('GET', '/apis')).body;
  assert.equal(groups[0].name, 'apiregistration.k8s.io');
  assert.deepEqual(groups.find((one: any) => one.name === group), { name: group, versions: [{ groupVersion: `${group}/${version}`, version }], preferredVersion: { groupVersion: `${group}/${version}`, version } });
  const names = groups.map((one: any) => one.name);
  assert.ok(names.indexOf(group) > names.indexOf('apps') && names.indexOf(group) < names.indexOf('metrics.k8s.io'), 'in the order of priorities');
  const aggregated = await call('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' } });
  const own = aggregated.body.items.find(({ metadata }: any) => metadata.name === group);
  assert.deepEqual([own.versions[0].freshness, own.versions[0].resources[0].resource, own.versions[0].resources[0].scope], ['Current', 'flunders', 'Namespaced']);
  assert.ok((await call('GET', '/')).body.paths.includes(root));
  const v2 = (await call('GET', '/openapi/v2')).body;
  assert.ok(v2.definitions['com.example.wardle.v1alpha1.Flunder'] && v2.definitions['io.k8s.api.core.v1.Pod'] && !v2.paths['/elsewhere']);
  assert.match((await call('GET', '/openapi/v3')).body.paths[root.slice(1)].serverRelativeURL, /hash=AB$/);
  assert.ok((await call('GET', `/openapi/v3${root}`)).body.components.schemas['com.example.wardle.v1alpha1.Flunder']);
});

test('watches and upgraded connections pass through', async () => {
  const { certPem: cert, keyPem: key } = certificates.get('admin')!;
  const event = await new Promise<any>((resolve, reject) => {
    const sent = httpsRequest({ host: '127.0.0.1', port, path: `${inDefault}?watch=true&resourceVersion=1`, ca, cert, key }, (response) => {
      response.once('data', (chunk: Buffer) => (resolve(JSON.parse(chunk.toString())), sent.destroy()));
      void call('POST', inDefault, { body: { metadata: { name: 'watched' } } });
    });
    sent.on('error', reject);
    sent.end();
  });
  assert.deepEqual([event.type, event.object.metadata.name], ['ADDED', 'watched']);
  const echoed = await new Promise<string>((resolve, reject) => {
    const sent = httpsRequest({ host: '127.0.0.1', port, path: `${inDefault}/one/echo`, ca, cert, key, headers: { connection: 'Upgrade', upgrade: 'echo' } });
    sent.once('upgrade', (_, socket: Socket) => {
      socket.once('data', (chunk: Buffer) => (resolve(chunk.toString()), socket.destroy()));
      socket.write('hello');
    });
    sent.once('response', (response) => reject(new Error(`answered ${response.statusCode}`)));
    sent.on('error', reject);
    sent.end();
  });
  assert.equal(echoed, 'hello');
  assert.equal(asked()!.user, 'admin');
});

test('clients in process reach it as well', async () => {
  const transport = cluster.server.transport(identities.apiServer);
  const ask = <T>(verb: ApiRequest['verb'], more: Partial<ApiRequest>): Promise<T> => transport.call<T>({ verb, resource: flunders, namespace: 'default', options: {}, ...more }, cluster.signal);
  const list = await ask<any>('list', {});
  assert.ok(list.items.some(({ metadata }: any) => metadata.name === 'one'));
  await assert.rejects(ask('get', { name: 'none' }), (error: any) => error.reason === 'NotFound');
  const weak = cluster.server.transport({ username: 'weak', groups: [] });
  await assert.rejects(weak.call({ verb: 'list', resource: flunders, namespace: 'default', options: {} }, cluster.signal), /is forbidden/);
});

test('a server that is broken, unknown or gone is told by its condition, 503 and staleness, and all else goes on', async () => {
  const { client, signal } = cluster;
  extension.setBroken(true);
  // What it names has changed, so it is looked at anew.
  await client.patch(apiServices, { namespace: '', name }, { type: 'merge', body: { spec: { versionPriority: 16 } } }, signal);
  const failed = await until('False FailedDiscoveryCheck');
  assert.match(failed.message!, /^failing or missing response from https:\/\/localhost:\d+\/apis\/wardle\.example\.com\/v1alpha1: bad status from https:\/\/localhost:\d+\/apis\/wardle\.example\.com\/v1alpha1: 500$/);
  const unavailable = await call('GET', inDefault);
  assert.deepEqual([unavailable.code, unavailable.type, unavailable.text], [503, 'text/plain; charset=utf-8', 'service unavailable\n']);
  const aggregated = await call('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' } });
  assert.equal(aggregated.body.items.find(({ metadata }: any) => metadata.name === group).versions[0].freshness, 'Stale');
  assert.ok((await call('GET', '/apis')).body.groups.some((one: any) => one.name === group), 'it stays listed');
  await client.create(configMaps, { metadata: { name: 'goes-on', namespace: 'default' } }, signal);
  extension.setBroken(false);
  await until('True Passed');

  await client.patch(apiServices, { namespace: '', name }, { type: 'merge', body: { spec: { caBundle: Buffer.from(frontProxyCa.certPem).toString('base64') } } }, signal);
  await until('True Passed');
  const mistrusted = await call('GET', inDefault);
  assert.equal(mistrusted.code, 503, mistrusted.text);
  assert.match(mistrusted.text, /^error trying to reach service: /);
  await client.patch(apiServices, { namespace: '', name }, { type: 'merge', body: { spec: { caBundle: null, insecureSkipTLSVerify: true } } }, signal);
  assert.equal((await call('GET', inDefault)).code, 200);

  await client.delete(services, { namespace: 'default', name: 'wardle' }, {}, signal);
  const missing = await until('False ServiceNotFound');
  assert.equal(missing.message, 'service/wardle in "default" is not present');
  await client.create(services, { metadata: { name: 'wardle', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'localhost' } as never }, signal);
  await until('True Passed');
});

test('what another server has goes with its owner, and holds what it owns', async () => {
  const { client, signal, informers } = cluster;
  const owner = await client.create(configMaps, { metadata: { name: 'owner', namespace: 'default' } }, signal);
  const owned = { metadata: { name: 'owned', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid }] } };
  const made = await call('POST', inDefault, { body: owned });
  const below = { metadata: { name: 'below', namespace: 'default', ownerReferences: [{ apiVersion: `${group}/${version}`, kind: 'Flunder', name: 'owned', uid: made.body.metadata.uid }] } };
  await client.create(configMaps, below, signal);
  await client.delete(configMaps, { namespace: 'default', name: 'owner' }, { propagationPolicy: 'Background' }, signal);
  await cluster.until('what it owned has gone too', () => informers.of(configMaps).get({ namespace: 'default', name: 'below' }) === undefined);
  assert.equal((await call('GET', `${inDefault}/owned`)).code, 404);
});

test('a namespace takes along what other servers have in it, and says when it cannot know', async () => {
  const { client, signal, informers } = cluster;
  const view = informers.of(namespaces);
  const condition = (of: string) => conditionOf(view.get({ namespace: '', name: of })?.status.conditions, 'NamespaceDeletionDiscoveryFailure');
  await client.create(namespaces, { metadata: { name: 'full' }, spec: {} }, signal);
  assert.equal((await call('POST', `${root}/namespaces/full/flunders`, { body: { metadata: { name: 'inside' } } })).code, 201);
  await client.delete(namespaces, { namespace: '', name: 'full' }, {}, signal);
  await cluster.until('gone', () => view.get({ namespace: '', name: 'full' }) === undefined);
  assert.equal((await call('GET', `${root}/namespaces/full/flunders`)).body.items.length, 0);

  await client.create(namespaces, { metadata: { name: 'stuck' }, spec: {} }, signal);
  await client.delete(services, { namespace: 'default', name: 'wardle' }, {}, signal);
  await until('False ServiceNotFound');
  await client.delete(namespaces, { namespace: '', name: 'stuck' }, {}, signal);
  const said = await cluster.until('said', () => condition('stuck')?.status === 'True' && condition('stuck'));
  assert.deepEqual([said.reason, said.message], ['DiscoveryFailed', `Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: ${group}/${version}: stale GroupVersion discovery: ${group}/${version}`]);
  await client.delete(apiServices, { namespace: '', name }, {}, signal);
  await cluster.until('gone', () => view.get({ namespace: '', name: 'stuck' }) === undefined);
  assert.equal((await call('GET', inDefault)).code, 404);
});
