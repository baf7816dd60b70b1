import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '../../src/api/error.ts';
import { configMaps } from '../../src/api/kinds/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { Client } from '../../src/client/client.ts';
import { createInformer } from '../../src/client/create-informer.ts';
import { HttpTransport } from '../../src/client/http-transport.ts';
import { userAgentOf } from '../../src/cluster/version.ts';
import { createAuthenticator } from '../../src/server/auth/authenticate.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { clock, startControlCluster } from './control-cluster.ts';

const random = seededRandom(1);

async function overHttps() {
  const authority = await createAuthority('ca', clock);
  const serverCert = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, clock);
  const admin = await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, clock);
  const cluster = await startControlCluster({ scheduler: false, controllers: false, authenticate: createAuthenticator({ tokens: new Map() }) });
  const listen = (port: number) => cluster.server.listen({ host: '127.0.0.1', port, key: serverCert.keyPem, cert: serverCert.certPem, clientCa: authority.certPem });
  const { port } = await listen(0);
  const options = { server: `https://127.0.0.1:${port}`, ca: authority.certPem, clock, random };
  return { cluster, options, admin: { ...options, cert: admin.certPem, key: admin.keyPem } };
}

const key = { namespace: 'default', name: 'settings' };
const settings = (data: Record<string, string>) => ({ metadata: key, data });

test('verbs, errors and an informer over HTTPS with a client certificate', async () => {
  const { cluster, options, admin } = await overHttps();
  await using _ = cluster;
  const { signal } = cluster;
  const transport = new HttpTransport(admin);
  const client = new Client(transport);
  const made = await client.create(configMaps, settings({ a: '1' }), signal);
  assert.equal((await client.get(configMaps, key, signal)).metadata.uid, made.metadata.uid);
  await assert.rejects(client.create(configMaps, settings({}), signal), (error) => isReason(error, 'AlreadyExists') && error.code === 409);
  await assert.rejects(client.get(configMaps, { ...key, name: 'absent' }, signal), (error) => isReason(error, 'NotFound'));

  const stop = new AbortController();
  const informer = createInformer(client, configMaps, { namespace: 'default' }, { clock, random, log: silentLog });
  const running = informer.run(stop.signal);
  await informer.synced;
  assert.equal(informer.list().length, 1);
  const changed = new Promise<void>((resolve) => informer.onChange((before, after) => before && after?.data?.a === '2' && resolve()));
  await client.patch(configMaps, key, { type: 'merge', body: { data: { a: '2' } } }, signal);
  await changed;
  const gone = new Promise<void>((resolve) => informer.onChange((before, after) => before && !after && resolve()));
  await client.delete(configMaps, key, {}, signal);
  await gone;
  stop.abort();
  await running;
  transport.close();

  const nobody = new HttpTransport(options);
  await assert.rejects(new Client(nobody).list(configMaps, {}, signal), (error) => isReason(error, 'Unauthorized', 'Forbidden'));
  nobody.close();
});

test('the warnings of an answer are told, each as it was', async () => {
  const { cluster, admin } = await overHttps();
  await using _ = cluster;
  const warnings: string[] = [];
  const transport = new HttpTransport({ ...admin, warned: (text) => warnings.push(text) });
  await new Client(transport).create(configMaps, { ...settings({}), 'a"b': 1, größe: 2 } as never, cluster.signal);
  assert.deepEqual(warnings, ['unknown field "a"b"', 'unknown field "größe"']);
  transport.close();
});

test('a request in flight ends with its signal; a server that is not there is unavailable', async () => {
  const { cluster, admin } = await overHttps();
  await using _ = cluster;
  const transport = new HttpTransport(admin);
  const cut = new AbortController();
  const list = new Client(transport).list(configMaps, {}, cut.signal);
  cut.abort();
  await assert.rejects(list);
  transport.close();
  const absent = new HttpTransport({ ...admin, server: 'https://127.0.0.1:1' });
  await assert.rejects(new Client(absent).list(configMaps, {}, cluster.signal), (error) => isReason(error, 'ServiceUnavailable'));
  absent.close();
});

test('many requests share one connection', async () => {
  const { cluster, admin } = await overHttps();
  await using _ = cluster;
  const transport = new HttpTransport(admin);
  const client = new Client(transport);
  await client.create(configMaps, settings({ a: 'x'.repeat(2000) }), cluster.signal);
  const startedMs = clock.monotonicMs();
  const count = 3000;
  for (let left = count; left > 0; left -= 100) await Promise.all(Array.from({ length: 100 }, () => client.get(configMaps, key, cluster.signal)));
  console.log(`# ${Math.round((count * 1000) / (clock.monotonicMs() - startedMs))} get/s, client and server in one process`);
  transport.close();
});

test('a client goes on with a newer certificate, and what it watches with it', async () => {
  const { cluster, admin } = await overHttps();
  await using _ = cluster;
  const { signal } = cluster;
  const { cluster: other, admin: stranger } = await overHttps();
  await using _other = other;
  // Of another authority: nobody here.
  const transport = new HttpTransport({ ...admin, cert: stranger.cert, key: stranger.key });
  const client = new Client(transport);
  await assert.rejects(client.list(configMaps, {}, signal), (error) => isReason(error, 'Unauthorized', 'Forbidden'));
  transport.useCertificate(admin.cert, admin.key);
  await client.create(configMaps, settings({ a: '1' }), signal);
  const stop = new AbortController();
  const informer = createInformer(client, configMaps, { namespace: 'default' }, { clock, random, log: silentLog });
  const running = informer.run(stop.signal);
  await informer.synced;
  transport.useCertificate(admin.cert, admin.key);
  const changed = new Promise<void>((resolve) => informer.onChange((before, after) => before && after?.data?.a === '2' && resolve()));
  await client.patch(configMaps, key, { type: 'merge', body: { data: { a: '2' } } }, signal);
  await changed;
  stop.abort();
  await running;
  transport.close();
});

test('who writes owns it by the name of its program', async () => {
  const { cluster, admin } = await overHttps();
  await using _ = cluster;
  const { signal } = cluster;
  const kubelet = new HttpTransport({ ...admin, userAgent: userAgentOf('kubelet') });
  const unnamed = new HttpTransport(admin);
  await new Client(kubelet).create(configMaps, settings({ a: '1' }), signal);
  const written = await new Client(unnamed).patch(configMaps, key, { type: 'merge', body: { data: { b: '2' } } }, signal);
  const owners = written.metadata.managedFields?.map((entry) => [entry.manager, entry.operation, entry.apiVersion, entry.fieldsType, entry.fieldsV1]);
  assert.deepEqual(owners, [
    ['kubelet', 'Update', 'v1', 'FieldsV1', { 'f:data': { '.': {}, 'f:a': {} } }],
    ['peapod', 'Update', 'v1', 'FieldsV1', { 'f:data': { 'f:b': {} } }],
  ]);
  kubelet.close();
  unnamed.close();
});
