// Priority and fairness over real sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { flowSchemas, priorityLevelConfigurations } from '../../api/kinds/flow-control.ts';
import { defaultLevels, defaultSchemas } from '../../api/kinds/flow-control-defaults.ts';
import { createAuthority, issueCertificate } from '../auth/certificates.ts';
import { startTestServer, type TestServer } from '../test-server.ts';

let server: TestServer;
let port: number;
const maps = '/api/v1/namespaces/default/configmaps';

before(async () => {
  const authority = await createAuthority('test', systemClock);
  const own = await issueCertificate(authority, { commonName: 'server', organizations: [], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
  server = await startTestServer();
  ({ port } = await server.server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem }));
});
after(() => server[Symbol.asyncDispose]());

function open(method: string, path: string, token: string): ClientRequest {
  return httpsRequest({ host: '127.0.0.1', port, method, path, rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${token}` } });
}

async function answerOf(request: ClientRequest): Promise<{ code: number; headers: IncomingMessage['headers']; text: string }> {
  const [incoming] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return { code: incoming.statusCode!, headers: incoming.headers, text };
}

const ask = (token: string, path = maps) => answerOf(open('GET', path, token).end());

/** A request that is in flight for as long as its body does not end. */
async function hold(token: string): Promise<ClientRequest> {
  const before = await metric('apiserver_flowcontrol_current_executing_requests{priority_level="narrow"}');
  const request = open('POST', maps, token);
  request.on('error', () => {}).write('{');
  while ((await metric('apiserver_flowcontrol_current_executing_requests{priority_level="narrow"}')) === before) await turn();
  return request;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function metric(series: string): Promise<number> {
  const line = (await ask('secret', '/metrics')).text.split('\n').find((one) => one.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await turn();
}

const narrow = (limitResponse: object) => ({ metadata: { name: 'narrow' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse } } });

test('a level that is full refuses in upstream’s words, and others notice nothing', async () => {
  const one = narrow({ type: 'Reject' });
  one.spec.limited.nominalConcurrencyShares = 1;
  const level = await server.call('create', priorityLevelConfigurations, { body: one });
  const schema = await server.call('create', flowSchemas, { body: { metadata: { name: 'weak' }, spec: { priorityLevelConfiguration: { name: 'narrow' }, matchingPrecedence: 50, distinguisherMethod: { type: 'ByUser' }, rules: [{ subjects: [{ kind: 'User', user: { name: 'weak' } }], resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }] }] } } });
  const seats = await metric('apiserver_flowcontrol_nominal_limit_seats{priority_level="narrow"}');
  assert.equal(seats, 3, '600 × 1/246, rounded up');
  const held = [await hold('weak'), await hold('weak'), await hold('weak')];
  const refused = await ask('weak');
  assert.deepEqual([refused.code, refused.text, refused.headers['retry-after'], refused.headers['content-type']], [429, 'Too many requests, please try again later.\n', '1', 'text/plain; charset=utf-8']);
  assert.deepEqual([refused.headers['x-kubernetes-pf-flowschema-uid'], refused.headers['x-kubernetes-pf-prioritylevel-uid']], [schema.metadata.uid, level.metadata.uid]);
  assert.equal((await ask('secret')).code, 200);
  assert.equal(await metric('apiserver_flowcontrol_rejected_requests_total{flow_schema="weak",priority_level="narrow",reason="concurrency-limit"}'), 1);
  for (const request of held) request.destroy();
  await until(async () => (await ask('weak')).code === 403);
  assert.equal(await metric('apiserver_flowcontrol_current_executing_requests{priority_level="narrow"}'), 0);
});

test('a level with queues has them wait: until a seat is free, their time is up, or they go', async () => {
  const one = narrow({ type: 'Queue', queuing: { queues: 4, handSize: 1, queueLengthLimit: 2 } });
  one.spec.limited.nominalConcurrencyShares = 1;
  await server.call('update', priorityLevelConfigurations, { name: 'narrow', body: one });
  const waiting = () => metric('apiserver_flowcontrol_current_inqueue_requests{priority_level="narrow"}');
  const held = [await hold('weak'), await hold('weak'), await hold('weak')];
  const first = ask('weak');
  await until(async () => (await waiting()) === 1);
  const second = open('GET', maps, 'weak').end();
  second.on('error', () => {});
  await until(async () => (await waiting()) === 2);
  assert.equal((await ask('weak')).code, 429, 'the queue is full');
  assert.equal(await metric('apiserver_flowcontrol_rejected_requests_total{flow_schema="weak",priority_level="narrow",reason="queue-full"}'), 1);
  second.destroy();
  await until(async () => (await waiting()) === 1);
  assert.equal(await metric('apiserver_flowcontrol_rejected_requests_total{flow_schema="weak",priority_level="narrow",reason="cancelled"}'), 1);
  held[0]!.destroy();
  assert.equal((await first).code, 403, 'its turn has come, and it is told what it always is');
  const third = await hold('weak');
  const late = ask('weak');
  await until(async () => (await waiting()) === 1);
  await server.clock.advance(15_000);
  assert.equal((await late).code, 429, 'a quarter of a request’s time is over');
  assert.equal(await metric('apiserver_flowcontrol_rejected_requests_total{flow_schema="weak",priority_level="narrow",reason="time-out"}'), 1);
  for (const request of [...held, third]) request.destroy();
  await until(async () => (await ask('weak')).code === 403);
});

test('a watch gives its seat back once it is set up', async () => {
  const watching = open('GET', `${maps}?watch=true`, 'secret').end();
  const [incoming] = (await once(watching, 'response')) as [IncomingMessage];
  assert.ok(incoming.headers['x-kubernetes-pf-flowschema-uid']);
  const executing = await metric('apiserver_flowcontrol_current_executing_requests{priority_level="exempt"}');
  assert.equal(executing, 1, 'the one that asks');
  watching.destroy();
});

test('the default objects are there, mandatory ones stay, suggested ones come back unless they are their users’', async () => {
  const names = async (of: typeof flowSchemas | typeof priorityLevelConfigurations) => (await server.call('list', of)).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.deepEqual((await names(flowSchemas)).toSorted(), [...defaultSchemas.map(({ name }) => name), 'weak'].toSorted());
  assert.deepEqual((await names(priorityLevelConfigurations)).toSorted(), [...defaultLevels.map(({ name }) => name), 'narrow'].toSorted());
  await assert.rejects(server.call('patch', flowSchemas, { name: 'catch-all', patchType: 'merge', body: { spec: { matchingPrecedence: 9999 } } }), /spec of 'catch-all' must equal the fixed value/);
  const uid = (await server.call('get', flowSchemas, { name: 'exempt' })).metadata.uid;
  await server.call('delete', flowSchemas, { name: 'exempt' });
  await server.clock.advance(1);
  await until(async () => (await names(flowSchemas)).includes('exempt'));
  assert.notEqual((await server.call('get', flowSchemas, { name: 'exempt' })).metadata.uid, uid);
  const shares = async () => (await server.call('get', priorityLevelConfigurations, { name: 'system' })).spec.limited.nominalConcurrencyShares;
  await server.call('patch', priorityLevelConfigurations, { name: 'system', patchType: 'merge', body: { spec: { limited: { nominalConcurrencyShares: 7 } } } });
  await server.clock.advance(1);
  await until(async () => (await shares()) === 30);
  await server.call('patch', priorityLevelConfigurations, { name: 'system', patchType: 'merge', body: { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } }, spec: { limited: { nominalConcurrencyShares: 7 } } } });
  await server.call('delete', flowSchemas, { name: 'probes' });
  await server.clock.advance(1);
  await until(async () => (await names(flowSchemas)).includes('probes'));
  assert.equal(await shares(), 7, 'what comes after it has been looked at');
});

test('a FlowSchema that leads nowhere says so, and is left out', async () => {
  const dangling = async (expected: string) => {
    await server.clock.advance(1);
    for (;;) {
      const { status } = await server.call('get', flowSchemas, { name: 'weak' });
      const { status: is, reason, message } = status.conditions.find(({ type }: { type: string }) => type === 'Dangling');
      if (is === expected) return [is, reason, message];
      await turn();
    }
  };
  assert.deepEqual(await dangling('False'), ['False', 'Found', 'This FlowSchema references the PriorityLevelConfiguration object named "narrow" and it exists']);
  await server.call('delete', priorityLevelConfigurations, { name: 'narrow' });
  assert.deepEqual(await dangling('True'), ['True', 'NotFound', 'This FlowSchema references the PriorityLevelConfiguration object named "narrow" but there is no such object']);
  const { uid } = (await server.call('get', flowSchemas, { name: 'global-default' })).metadata;
  assert.equal((await ask('weak')).headers['x-kubernetes-pf-flowschema-uid'], uid);
});
