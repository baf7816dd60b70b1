// Requests that take more than one seat, over real sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { flowSchemas, priorityLevelConfigurations } from '../../api/kinds/flow-control.ts';
import { clusterRoleBindings, configMaps } from '../../api/kinds/index.ts';
import { createAuthority, issueCertificate } from '../auth/certificates.ts';
import { startTestServer, type TestServer } from '../test-server.ts';

let server: TestServer;
let port: number;
const maps = '/api/v1/namespaces/default/configmaps';
const count = 5000;

before(async () => {
  const authority = await createAuthority('test', systemClock);
  const own = await issueCertificate(authority, { commonName: 'server', organizations: [], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
  server = await startTestServer();
  ({ port } = await server.server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem }));
  await server.call('create', clusterRoleBindings, { body: { metadata: { name: 'weak' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ kind: 'User', name: 'weak', apiGroup: 'rbac.authorization.k8s.io' }] } });
  const queuing = { queues: 1, handSize: 1, queueLengthLimit: 10 };
  await server.call('create', priorityLevelConfigurations, { body: { metadata: { name: 'narrow' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 31, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Queue', queuing } } } } });
  await server.call('create', flowSchemas, { body: { metadata: { name: 'weak' }, spec: { priorityLevelConfiguration: { name: 'narrow' }, matchingPrecedence: 50, rules: [{ subjects: [{ kind: 'User', user: { name: 'weak' } }], resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }] }] } } });
  const filler = 'x'.repeat(2000);
  for (let n = 0; n < count; n += 500) await Promise.all(Array.from({ length: 500 }, (_, k) => server.call('create', configMaps, { namespace: 'default', body: { metadata: { name: `m${n + k}` }, data: { filler } } })));
});
after(() => server[Symbol.asyncDispose]());

/** Its head has come; the rest is not read unless the caller does. */
async function ask(path: string, token = 'weak', body?: object): Promise<IncomingMessage> {
  const request = httpsRequest({ host: '127.0.0.1', port, method: body ? 'POST' : 'GET', path, rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) } });
  request.on('error', () => {}).end(body && JSON.stringify(body));
  return ((await once(request, 'response')) as [IncomingMessage])[0];
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return text;
}

async function metric(name: string): Promise<number> {
  const series = `apiserver_flowcontrol_${name}{priority_level="narrow"}`;
  const line = (await textOf(await ask('/metrics', 'secret'))).split('\n').find((one) => one.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setImmediate(resolve));
}

test('a list of 5,000 takes ten seats until it has been read, so only so many are served at once', async () => {
  const limit = await metric('nominal_limit_seats');
  assert.ok(limit >= 67 && limit < 70, `${limit} seats`);
  const lists: IncomingMessage[] = [];
  for (let n = 0; n < 6; n++) lists.push(await ask(maps));
  assert.deepEqual([await metric('current_executing_requests'), await metric('current_executing_seats')], [6, 60]);
  const page = JSON.parse(await textOf(await ask(`${maps}?limit=100`)));
  assert.equal(page.items.length, 100, 'a page of a hundred takes one');
  let isServed = false;
  const waiting = ask(maps).then((incoming) => {
    isServed = true;
    return incoming;
  });
  await until(async () => (await metric('current_inqueue_requests')) === 1);
  assert.deepEqual([isServed, await metric('current_inqueue_seats')], [false, 10]);
  assert.equal((await ask(`${maps}/m1`, 'secret')).statusCode, 200, 'others notice nothing');
  assert.equal(JSON.parse(await textOf(lists.shift()!)).items.length, count);
  lists.push(await waiting);
  assert.deepEqual([await metric('current_executing_seats'), await metric('current_inqueue_seats')], [60, 0]);
  for (const list of lists) list.destroy();
  await until(async () => (await metric('current_executing_seats')) === 0);
});

test('a client that does not read its list keeps no seats beyond the time of a request', async () => {
  const list = await ask(maps);
  assert.equal(await metric('current_executing_seats'), 10);
  await server.clock.advance(60_000);
  assert.equal(await metric('current_executing_seats'), 0);
  list.destroy();
});

test('a watch that begins with all that is there takes as many, until it is set up', async () => {
  const watching = await ask(`${maps}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`);
  assert.equal(await metric('current_executing_seats'), 0);
  watching.destroy();
  const text = await textOf(await ask('/metrics', 'secret'));
  assert.match(text, /^apiserver_flowcontrol_work_estimated_seats_bucket\{flow_schema="weak",priority_level="narrow",le="4"\} 1$/m, 'the page alone took fewer');
});

test('a write of what many watch keeps its seats for a while after its answer', async () => {
  const watchers = await Promise.all(Array.from({ length: 20 }, () => ask(`${maps}?watch=true`, 'secret')));
  assert.equal((await ask(maps, 'weak', { metadata: { name: 'watched' } })).statusCode, 201);
  assert.deepEqual([await metric('current_executing_requests'), await metric('current_executing_seats')], [1, 2]);
  await server.clock.advance(5);
  assert.deepEqual([await metric('current_executing_requests'), await metric('current_executing_seats')], [0, 0]);
  for (const watcher of watchers) watcher.destroy();
});
