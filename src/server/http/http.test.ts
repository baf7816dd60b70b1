// The API over real sockets: HTTP/1.1 and HTTP/2, good and bad input.
import assert from 'node:assert/strict';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as http2Connect } from 'node:http2';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { systemClock } from '../../base/clock.ts';
import { ApiError } from '../../api/error.ts';
import type { NodeService } from '../../api/node-service.ts';
import { createAuthority, issueCertificate } from '../auth/certificates.ts';
import { startTestServer, type TestServer } from '../test-server.ts';

interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly json: any;
}

const nodeService: NodeService = {
  async *logs(pod, container, options) {
    if (container === 'waiting') throw ApiError.badRequest(`container "waiting" in pod "${pod.name}" is waiting to start: ContainerCreating`);
    yield Buffer.from(`${container} ${JSON.stringify(options)}\n`);
  },
  exec: async (_pod, _container, command, { stdout }) => {
    stdout?.write(command.join(' '));
    stdout?.end();
    return 0;
  },
  attach: async () => {},
  portForward: async () => {},
  checkRunning: () => {},
  usage: async () => ({ node: { endMs: 1_000_000, windowMs: 15_000, cpuNanoCores: 2e9, memoryBytes: 3 * 1024 ** 3 }, pods: [] }),
  page: async (path) => ({ code: 200, type: 'text/plain', body: Buffer.from(`page ${path}`) }),
};

const maps = '/api/v1/namespaces/default/configmaps';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

describe('HTTP', () => {
  let server: TestServer;
  let port: number;
  let client: RequestOptions;

  before(async () => {
    const authority = await createAuthority('test', systemClock);
    const own = await issueCertificate(authority, { commonName: 'server', organizations: [], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
    const user = await issueCertificate(authority, { commonName: 'ann', organizations: ['system:masters'], dnsNames: [], ipAddresses: [], days: 1, usages: ['client'] }, systemClock);
    server = await startTestServer({ nodes: (name) => (name === 'n1' ? nodeService : undefined) });
    ({ port } = await server.server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem }));
    client = { ca: authority.certPem, cert: user.certPem, key: user.keyPem };
  });
  after(() => server[Symbol.asyncDispose]());

  function send(method: string, path: string, { body, headers = {}, as = client }: { body?: unknown; headers?: Record<string, string>; as?: RequestOptions } = {}): Promise<Answer> {
    const data = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest({ host: '127.0.0.1', port, method, path, headers: { ...(data && !headers['transfer-encoding'] ? { 'content-length': String(Buffer.byteLength(data as string)) } : {}), ...headers }, agent: false, ...as }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({ code: incoming.statusCode!, headers: incoming.headers, body: bytes, get json() { return JSON.parse(bytes.toString()); } });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(data as string | undefined);
    });
  }

  test('create, get, patch, list, delete', async () => {
    const created = await send('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'whole' }, data: { a: 'ü' } } });
    assert.deepEqual([created.code, created.json.data, created.headers['content-type']], [201, { a: 'ü' }, 'application/json']);
    assert.deepEqual((await send('GET', `${maps}/whole`)).json, created.json);
    const patched = await send('PATCH', `${maps}/whole`, { body: { data: { b: '2' } }, headers: { 'content-type': 'application/merge-patch+json' } });
    assert.deepEqual([patched.code, patched.json.data], [200, { a: 'ü', b: '2' }]);
    const { kind, items } = (await send('GET', `${maps}?fieldSelector=metadata.name%3Dwhole`)).json;
    assert.deepEqual([kind, items], ['ConfigMapList', [patched.json]]);
    assert.equal((await send('DELETE', `${maps}/whole`)).json.status, 'Success');
    const gone = await send('GET', `${maps}/whole`);
    assert.deepEqual([gone.code, gone.json], [404, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'configmaps "whole" not found', reason: 'NotFound', details: { name: 'whole', group: '', kind: 'configmaps' }, code: 404 }]);
  });

  test('YAML in and out', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\n  annotations: {when: 2026-01-01T00:00:00Z}\ndata:\n  a: "1"\n';
    assert.equal((await send('POST', maps, { body, headers: { 'content-type': 'application/yaml' } })).code, 201);
    const shown = await send('GET', `${maps}/yaml`, { headers: { accept: 'application/yaml' } });
    assert.equal(shown.headers['content-type'], 'application/yaml');
    assert.match(shown.body.toString(), /^ {2}name: yaml$/m);
    assert.match(shown.body.toString(), /when: ['"]?2026-01-01T00:00:00Z/);
  });

  test('protobuf in', async () => {
    const string = (field: number, text: string | Buffer) => Buffer.concat([Buffer.from([(field << 3) | 2, Buffer.byteLength(text)]), Buffer.from(text)]);
    const entry = string(2, Buffer.concat([string(1, 'k'), string(2, 'v')]));
    const map = Buffer.concat([string(1, Buffer.concat([string(1, 'proto'), string(2, ''), string(8, '')])), entry]);
    const body = Buffer.concat([Buffer.from('k8s\0'), string(1, Buffer.concat([string(1, 'v1'), string(2, 'ConfigMap')])), string(2, map)]);
    const created = await send('POST', maps, { body, headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } });
    assert.deepEqual([created.code, created.json.metadata.name, created.json.data], [201, 'proto', { k: 'v' }]);
    for (let length = 0; length < body.length; length++) {
      const cut = await send('POST', `${maps}?dryRun=All`, { body: body.subarray(0, length), headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } });
      assert.ok(cut.code >= 400 && cut.code < 500 || cut.code === 201 || cut.code === 409, `${length}: ${cut.code} ${cut.body}`);
    }
  });

  test('tables and partial objects', async () => {
    await send('POST', maps, { body: { metadata: { name: 'shown' }, data: { a: '1' } } });
    const one = (await send('GET', `${maps}/shown`, { headers: { accept: table } })).json;
    assert.deepEqual([one.kind, one.apiVersion, one.columnDefinitions.map((column: any) => column.name)], ['Table', 'meta.k8s.io/v1', ['Name', 'Data', 'Age']]);
    assert.deepEqual([one.rows[0].cells.slice(0, 2), one.rows[0].object.kind, one.rows[0].object.metadata.name], [['shown', 1], 'PartialObjectMetadata', 'shown']);
    const bare = (await send('GET', `${maps}?includeObject=None&fieldSelector=metadata.name=shown`, { headers: { accept: table } })).json;
    assert.equal(bare.rows[0].object, null);
    const partial = (await send('GET', maps, { headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' } })).json;
    assert.equal(partial.kind, 'PartialObjectMetadataList');
    assert.ok(partial.items.every((item: any) => item.kind === 'PartialObjectMetadata' && item.data === undefined));
    assert.equal((await send('GET', maps, { headers: { accept: 'text/html' } })).code, 406);
  });

  test('a watch is lines, flushed as they come', async () => {
    const outgoing = httpsRequest({ host: '127.0.0.1', port, path: `${maps}?watch=true&labelSelector=watched`, agent: false, ...client }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(incoming.headers['transfer-encoding'], 'chunked');
    const chunks = incoming[Symbol.asyncIterator]();
    const next = async () => JSON.parse(String((await chunks.next()).value));
    await send('POST', maps, { body: { metadata: { name: 'watched', labels: { watched: 'yes' } } } });
    const added = await next();
    assert.deepEqual([added.type, added.object.metadata.name], ['ADDED', 'watched']);
    await send('DELETE', `${maps}/watched`);
    assert.equal((await next()).type, 'DELETED');
    incoming.destroy();
  });

  test('a watch as tables shows its columns once', async () => {
    for (const name of ['t1', 't2']) await send('POST', maps, { body: { metadata: { name, labels: { tabled: 'yes' } } } });
    const lines = (await send('GET', `${maps}?watch=1&labelSelector=tabled&timeoutSeconds=1`, { headers: { accept: table }, ...(await ticking()) })).body.toString().trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ object }) => [object.kind, object.columnDefinitions.length, object.rows.length]), [['Table', 3, 1], ['Table', 0, 1]]);
  });

  /** Lets the server's clock run out a watch's time, which only a test's hand moves. */
  async function ticking(): Promise<object> {
    setImmediate(function tick(left = 200) {
      void server.clock.advance(10).then(() => left > 0 && setImmediate(tick, left - 1));
    });
    return {};
  }

  test('a watch that cannot begin is refused with a Status', async () => {
    const refused = await send('GET', `${maps}?watch=true&resourceVersion=abc`);
    assert.deepEqual([refused.code, refused.json.reason], [400, 'BadRequest']);
  });

  test('a watch from where history does not reach back to is told so as an event; a list as an answer', async () => {
    const large = { metadata: { name: 'large-one' }, data: { a: 'x'.repeat(900_000) } };
    const made = await send('POST', maps, { body: large });
    const { resourceVersion } = made.json.metadata;
    for (const a of ['y', 'z', 'x', 'y', 'z', 'x', 'y', 'z']) await send('PUT', `${maps}/large-one`, { body: { ...large, data: { a: a.repeat(900_000) } } });
    const watched = await send('GET', `${maps}?watch=true&resourceVersion=${resourceVersion}`);
    assert.equal(watched.code, 200);
    const { type, object } = watched.json;
    assert.deepEqual([type, object.kind, object.code, object.reason], ['ERROR', 'Status', 410, 'Expired']);
    assert.match(object.message, new RegExp(`^too old resource version: ${resourceVersion} \\(\\d+\\)$`));
    const framed = await send('GET', `${maps}?watch=true&resourceVersion=${resourceVersion}`, { headers: { accept: 'application/vnd.kubernetes.protobuf;stream=watch' } });
    assert.deepEqual([framed.code, framed.body.includes('ERROR'), framed.body.includes('too old resource version')], [200, true, true]);
    const listed = await send('GET', `${maps}?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`);
    assert.deepEqual([listed.code, listed.json.reason], [410, 'Expired']);
    await send('DELETE', `${maps}/large-one`);
    assert.match((await send('GET', '/metrics')).body.toString(), /^apiserver_watch_events_total\{group="",kind="ConfigMap",version="v1"\} \d+$/m);
  });

  test('HTTP/2 serves the same, many at once on one connection', async () => {
    const session = http2Connect(`https://localhost:${port}`, { ca: client.ca as string, cert: client.cert as string, key: client.key as string });
    const ask = async (method: string, path: string, { body, headers = {} }: { body?: string | Buffer; headers?: Record<string, string> } = {}) => {
      const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
      if (body !== undefined) stream.end(body);
      const chunks: Buffer[] = [];
      const [answer] = (await once(stream, 'response')) as [Record<string, string | number>];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      return { code: answer[':status'], headers: answer, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
    };
    try {
      const list = await ask('GET', maps);
      assert.deepEqual([list.code, list.headers['content-type'], list.json.kind], [200, 'application/json', 'ConfigMapList']);
      const watching = session.request({ ':path': `${maps}?watch=true&resourceVersion=${list.json.metadata.resourceVersion}` });
      const lines = watching.setEncoding('utf8')[Symbol.asyncIterator]();
      const [begun] = (await once(watching, 'response')) as [Record<string, number>];
      assert.equal(begun[':status'], 200);
      const made = await Promise.all(Array.from({ length: 20 }, (_, n) => ask('POST', maps, { body: JSON.stringify({ metadata: { name: `h2-${n}` } }), headers: { 'content-type': 'application/json' } })));
      assert.deepEqual(new Set(made.map(({ code }) => code)), new Set([201]));
      let seen = '';
      while (seen.split('\n').length <= 20) seen += (await lines.next()).value;
      assert.equal(JSON.parse(seen.split('\n')[0]!).type, 'ADDED');
      watching.close();
      assert.deepEqual([(await ask('HEAD', `${maps}/h2-0`)).code, (await ask('HEAD', `${maps}/h2-0`)).text], [200, '']);
      assert.equal((await ask('GET', `${maps}/none`)).json.reason, 'NotFound');
      const { headers: { etag } } = await ask('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json' } });
      const again = await ask('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json', 'if-none-match': String(etag) } });
      assert.deepEqual([again.code, again.text], [304, '']);
      assert.equal((await ask('POST', maps, { body: Buffer.alloc(3 * 1024 * 1024 + 1, 32), headers: { expect: '100-continue' } })).code, 413);
      assert.equal((await ask('GET', maps, { headers: { 'impersonate-user': 'bob' } })).code, 403);
      assert.equal((await ask('POST', '/api/v1/namespaces/default/pods/none/exec?command=x')).code, 400);
      assert.equal((await ask('DELETE', `${maps}/h2-0`)).json.status, 'Success');
      const cut = session.request({ ':method': 'POST', ':path': maps }, { endStream: false });
      cut.on('error', () => {}).write('{"metadata":');
      cut.close(8);
      assert.equal((await ask('GET', `${maps}/h2-1`)).json.metadata.name, 'h2-1', 'and the connection serves on');
    } finally {
      session.destroy();
    }
  });

  test('large lists are compressed for who asks', async () => {
    for (let i = 0; i < 20; i++) await send('POST', '/api/v1/namespaces/large/configmaps', { body: { metadata: { name: `m${i}` }, data: { a: 'x'.repeat(10_000) } } });
    const plain = await send('GET', '/api/v1/namespaces/large/configmaps');
    const zipped = await send('GET', '/api/v1/namespaces/large/configmaps', { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.deepEqual(gunzipSync(zipped.body), plain.body);
  });

  test('health, version, discovery, OpenAPI, metrics', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) assert.deepEqual([(await send('GET', path, { as: { rejectUnauthorized: false } })).body.toString(), path], ['ok', path]);
    assert.equal((await send('GET', '/readyz/ping')).body.toString(), 'ok');
    assert.equal((await send('GET', '/readyz/ping', { as: { rejectUnauthorized: false } })).code, 403);
    const verbose = (await send('GET', '/readyz?verbose')).body.toString();
    assert.equal(verbose, ['ping', 'log', 'etcd', 'etcd-readiness', 'poststarthook/rbac/bootstrap-roles', 'poststarthook/priority-and-fairness-config-producer', 'poststarthook/crd-informer-synced', 'poststarthook/apiservice-registration-controller', 'autoregister-completion', 'shutdown'].map((name) => `[+]${name} ok\n`).join('') + 'readyz check passed\n');
    assert.equal((await send('GET', '/livez?verbose')).body.toString(), verbose.replace('[+]etcd-readiness ok\n', '').replace('[+]shutdown ok\n', '').replace('readyz', 'livez'));
    assert.match((await send('GET', '/metrics/slis')).body.toString(), /^kubernetes_healthchecks_total\{name="etcd",status="success",type="readyz"\} \d+$/m);
    assert.equal((await send('GET', '/readyz/poststarthook/rbac/bootstrap-roles')).body.toString(), 'ok');
    assert.equal((await send('GET', '/livez/shutdown')).code, 404);
    assert.match((await send('GET', '/livez?verbose&exclude=etcd&exclude=nonsense')).body.toString(), /^\[\+\]etcd excluded: ok\n[^]*^warn: some health checks cannot be excluded: no matches for "nonsense"\nlivez check passed\n$/m);
    assert.equal((await send('GET', '/version', { as: { rejectUnauthorized: false } })).json.gitVersion, 'v1.36.0');
    assert.deepEqual((await send('GET', '/api')).json.versions, ['v1']);
    assert.ok((await send('GET', '/api/v1')).json.resources.some((resource: any) => resource.name === 'pods/log'));
    assert.ok((await send('GET', '/apis')).json.groups.some((group: any) => group.name === 'apps'));
    assert.equal((await send('GET', '/apis/apps/v1')).json.groupVersion, 'apps/v1');
    assert.equal((await send('GET', '/apis/none')).code, 404);
    const aggregated = await send('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json' } });
    assert.equal(aggregated.json.kind, 'APIGroupDiscoveryList');
    assert.equal((await send('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json', 'if-none-match': aggregated.headers.etag! } })).code, 304);
    assert.ok((await send('GET', '/openapi/v3')).json.paths['api/v1']);
    assert.equal((await send('GET', '/openapi/v3/apis/apps/v1')).json.openapi.slice(0, 2), '3.');
    assert.equal((await send('GET', '/openapi/v2')).json.swagger, '2.0');
    assert.match((await send('GET', '/metrics')).body.toString(), /^apiserver_request_total\{code="200",component="apiserver",.*resource="configmaps",scope="resource",.*verb="GET",version="v1"\} \d+$/m);
    assert.equal((await send('GET', '/nothing')).code, 404);
  });

  test('names of what is not served are not kept among the metrics, however they are asked for', async () => {
    const accept = 'text/html';
    for (const path of [`${maps}/x/unheard-of`, '/api/v1/unheard-of', '/apis/unheard-of/v1/things', '/apis/apps/unheard-of/deployments']) {
      for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) assert.equal((await send(method, path, { headers: { accept }, ...(method === 'GET' ? {} : { body: '{' }) })).code, 404, `${method} ${path}`);
      assert.equal((await send('GET', `${path}?watch=true`, { headers: { accept } })).code, 404);
    }
    assert.doesNotMatch((await send('GET', '/metrics')).body.toString(), /unheard-of/);
  });

  test('who may', async () => {
    const anonymous = await send('GET', maps, { as: { rejectUnauthorized: false } });
    assert.deepEqual([anonymous.code, anonymous.json.message], [401, 'Unauthorized']);
    const as = { rejectUnauthorized: false };
    assert.equal((await send('GET', maps, { as, headers: { authorization: 'Bearer wrong' } })).code, 401);
    assert.equal((await send('GET', maps, { as, headers: { authorization: 'Bearer secret' } })).code, 200);
    const weak = await send('GET', maps, { as, headers: { authorization: 'Bearer weak' } });
    assert.deepEqual([weak.code, weak.json.message], [403, 'configmaps is forbidden: User "weak" cannot list resource "configmaps" in API group "" in the namespace "default"']);
    const bob = await send('GET', maps, { headers: { 'impersonate-user': 'bob' } });
    assert.deepEqual([bob.code, bob.json.message], [403, 'configmaps is forbidden: User "bob" cannot list resource "configmaps" in API group "" in the namespace "default"']);
    assert.equal((await send('GET', maps, { headers: { 'impersonate-group': 'system:masters' } })).code, 400);
    assert.equal((await send('GET', '/metrics', { as, headers: { authorization: 'Bearer weak' } })).code, 403);
  });

  test('a service account’s token is good for as long as the account is', async () => {
    const as = { ca: client.ca };
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    const json = { 'content-type': 'application/json' };
    await send('POST', accounts, { body: { metadata: { name: 'robot' } }, headers: json });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const answer = await send('POST', `${accounts}/robot/token`, { body: request, headers: json });
    assert.equal(answer.code, 201);
    const headers = { authorization: `Bearer ${answer.json.status.token}` };
    assert.equal((await send('GET', '/api', { as, headers })).code, 200);
    assert.equal((await send('GET', '/.well-known/openid-configuration', { as, headers })).json.issuer, 'https://kubernetes.default.svc.cluster.local');
    const keys = await send('GET', '/openid/v1/jwks', { as, headers });
    assert.deepEqual([keys.headers['content-type'], keys.json.keys[0].alg], ['application/jwk-set+json', 'ES256']);
    const refused = await send('GET', maps, { as, headers });
    assert.deepEqual([refused.code, refused.json.message], [403, 'configmaps is forbidden: User "system:serviceaccount:default:robot" cannot list resource "configmaps" in API group "" in the namespace "default"']);
    await send('DELETE', `${accounts}/robot`);
    assert.equal((await send('GET', '/api', { as, headers })).code, 401);
  });

  test('a field manager has a name that can be shown', async () => {
    const create = (manager: string) => send('POST', `${maps}?dryRun=All&fieldManager=${encodeURIComponent(manager)}`, { body: { metadata: { name: 'managed' } } });
    assert.equal((await create('a manager ✓')).code, 201);
    assert.equal((await create('a'.repeat(128))).code, 201);
    assert.match((await create('a'.repeat(129))).json.message, /fieldManager: Too long/);
    for (const manager of ['a\nb', 'a\0', '\u200b']) assert.equal((await create(manager)).json.reason, 'Invalid', JSON.stringify(manager));
  });

  test('warnings are bounded, and may be in any letters', async () => {
    const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`unknown${index}`, 1]));
    const flooded = await send('POST', `${maps}?dryRun=All`, { body: { metadata: { name: 'flooded' }, ...fields } });
    assert.equal(flooded.code, 201);
    assert.ok(String(flooded.headers['warning']).length < 5000);
    const foreign = await send('POST', `${maps}?dryRun=All`, { body: { metadata: { name: 'foreign' }, 'ключ\x7f': 1 } });
    assert.equal(foreign.code, 201);
    assert.equal(Buffer.from(String(foreign.headers['warning']), 'latin1').toString(), '299 - "unknown field \\"ключ\\u007f\\""');
  });

  test('field validation warns unless told otherwise', async () => {
    const body = { metadata: { name: 'warned' }, dada: 1 };
    const warned = await send('POST', `${maps}?dryRun=All`, { body });
    assert.deepEqual([warned.code, warned.headers['warning']], [201, '299 - "unknown field \\"dada\\""']);
    const twice = await send('POST', `${maps}?dryRun=All&fieldValidation=Strict`, { body: '{"metadata":{"name":"a"},"data":{"a":"1"},"data":{"b":"2"}}' });
    assert.deepEqual([twice.code, twice.json.message], [400, 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data"']);
    assert.equal((await send('POST', `${maps}?dryRun=All&fieldValidation=Ignore`, { body })).headers['warning'], undefined);
    assert.equal((await send('POST', `${maps}?fieldValidation=Maybe`, { body })).code, 422);
  });

  describe('logs', () => {
    before(async () => {
      const make = async (name: string, containers: string[]) => {
        await server.call('create', { group: '', version: 'v1', plural: 'pods' }, { namespace: 'default', body: { metadata: { name }, spec: { containers: containers.map((container) => ({ name: container, image: 'i' })) } } });
      };
      await make('one', ['c']);
      await make('two', ['a', 'waiting']);
      await make('unbound', ['c']);
      for (const name of ['one', 'two']) await server.call('create', { group: '', version: 'v1', plural: 'pods' }, { namespace: 'default', name, subresource: 'binding', body: { target: { kind: 'Node', name: 'n1' } } });
    });
    const log = (pod: string, query = '') => send('GET', `/api/v1/namespaces/default/pods/${pod}/log${query}`);

    test('are streamed as text', async () => {
      const answer = await log('one', '?follow=true&tailLines=5&timestamps=1&limitBytes=100');
      assert.deepEqual([answer.code, answer.headers['content-type']], [200, 'text/plain']);
      assert.equal(answer.body.toString(), 'c {"follow":true,"previous":false,"timestamps":true,"tailLines":5,"limitBytes":100}\n');
      assert.equal((await log('unbound')).body.length, 0);
    });

    const refusals: [string, string, number, string | RegExp][] = [
      ['two', '', 400, 'a container name must be specified for pod two, choose one of: [a waiting]'],
      ['two', '?container=x', 400, 'container x is not valid for pod two'],
      ['two', '?container=waiting', 400, 'container "waiting" in pod "two" is waiting to start: ContainerCreating'],
      ['none', '', 404, 'pods "none" not found'],
      ['one', '?tailLines=-1', 422, /tailLines: Invalid value: -1: must be greater than or equal to 0/],
      ['one', '?tailLines=many', 400, /invalid syntax/],
      ['one', '?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z', 422, /at most one of/],
    ];
    for (const [pod, query, code, message] of refusals) {
      test(`are refused: ${pod}${query}`, async () => {
        const answer = await log(pod, query);
        assert.equal(answer.code, code);
        if (typeof message === 'string') assert.equal(answer.json.message, message);
        else assert.match(answer.json.message, message);
      });
    }

    test('exec is upgraded to a WebSocket, and refused as a Status before that', async () => {
      const { WebSocket } = await import('ws');
      const open = (pod: string, stream = 'exec') => new WebSocket(`wss://127.0.0.1:${port}/api/v1/namespaces/default/pods/${pod}/${stream}?command=hi&stdout=true`, 'v5.channel.k8s.io', { ...client, checkServerIdentity: () => undefined } as object);
      const socket = open('one');
      const messages: Buffer[] = [];
      socket.on('message', (data: Buffer) => messages.push(data));
      await once(socket, 'close');
      assert.ok(messages.some((message) => message[0] === 1 && message.subarray(1).toString() === 'hi'));
      assert.ok(messages.some((message) => message[0] === 3 && JSON.parse(message.subarray(1).toString()).status === 'Success'));
      for (const [pod, code, stream] of [['none', 404, 'exec'], ['unbound', 400, 'exec'], ['two', 400, 'exec'], ['one', 400, 'log']] as const) {
        const [, response] = (await once(open(pod, stream), 'unexpected-response')) as [unknown, IncomingMessage];
        assert.equal(response.statusCode, code);
        response.resume();
      }
    });

    test('exec without an upgrade is told so', async () => {
      const answer = await send('POST', '/api/v1/namespaces/default/pods/one/exec?command=ls');
      assert.deepEqual([answer.code, answer.json.message], [400, 'Upgrade request required']);
    });
  });

  describe('bad input', () => {
    const json = { 'content-type': 'application/json' };
    const merge = { 'content-type': 'application/merge-patch+json' };
    const yaml = { 'content-type': 'application/yaml' };
    const cases: [string, string, string, string | Buffer | undefined, Record<string, string>, number, RegExp][] = [
      ['cut JSON', 'POST', maps, '{"metadata":', json, 400, /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input/],
      ['no JSON', 'POST', maps, '{nope}', json, 400, /invalid character 'n' looking for beginning of object key string/],
      ['an empty body', 'POST', maps, '', json, 400, /unexpected end of JSON input/],
      ['binary rubbish', 'POST', maps, Buffer.from([0, 255, 254, 1]), json, 400, /json parse error/],
      ['bad YAML', 'POST', maps, 'a: [', yaml, 400, /error parsing YAML/],
      ['a YAML bomb', 'POST', maps, bomb(), yaml, 400, /too many values|error parsing YAML/],
      ['bottomless JSON', 'POST', maps, `{"metadata":{"name":"a"},"data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, json, 400, /exceeded max depth/],
      ['a bottomless patch', 'PATCH', `${maps}/whatever`, `${'{"metadata":'.repeat(50_000)}1${'}'.repeat(50_000)}`, merge, 400, /exceeded max depth/],
      ['a revision of the future', 'GET', `${maps}?watch=true&resourceVersion=999999999999`, undefined, {}, 504, /Too large resource version: 999999999999, current: \d+/],
      ['a revision that is none', 'GET', `${maps}?resourceVersion=-5`, undefined, {}, 400, /invalid resource version/],
      ['an unknown content type', 'POST', maps, 'x', { 'content-type': 'text/plain' }, 415, /accepted media types include: application\/json/],
      ['an unknown patch type', 'PATCH', `${maps}/x`, '{}', json, 415, /accepted media types include: application\/json-patch\+json/],
      ['a patch that is no JSON', 'PATCH', `${maps}/x`, '{', merge, 400, /^error decoding patch/],
      ['an unknown resource', 'GET', '/api/v1/namespaces/default/widgets', undefined, {}, 404, /^the server could not find the requested resource$/],
      ['an unknown version', 'GET', '/api/v9/pods', undefined, {}, 404, /could not find/],
      ['too deep a path', 'GET', `${maps}/a/status/b/c`, undefined, {}, 404, /could not find/],
      ['empty path segments', 'GET', '/api/v1/namespaces//configmaps/a', undefined, {}, 404, /could not find/],
      ['climbing', 'GET', '/api/v1/../../etc/passwd', undefined, {}, 404, /./],
      ['an escaped slash', 'GET', `${maps}/..%2f..%2fetc`, undefined, {}, 404, /configmaps "..\/..\/etc" not found/],
      ['a broken escape', 'GET', `${maps}/%zz`, undefined, {}, 400, /not properly escaped/],
      ['an impossible method', 'OPTIONS', maps, undefined, {}, 405, /does not allow this method/],
      ['POST to a name', 'POST', `${maps}/a`, '{}', json, 405, /./],
      ['a collection across namespaces to create in', 'POST', '/api/v1/configmaps', '{"metadata":{"name":"a"}}', json, 405, /./],
      ['a limit that is no number', 'GET', `${maps}?limit=many`, undefined, {}, 400, /strconv.ParseInt: parsing "many": invalid syntax/],
      ['a bad selector', 'GET', `${maps}?labelSelector=a%20b%20c`, undefined, {}, 400, /./],
      ['dryRun of something', 'POST', `${maps}?dryRun=Some`, '{}', json, 422, /dryRun: Unsupported value: "Some": supported values: "All"/],
      ['deleteOptions of a wrong type', 'DELETE', `${maps}/a`, '{"gracePeriodSeconds":"soon"}', json, 400, /gracePeriodSeconds/],
    ];
    for (const [what, method, path, body, headers, code, message] of cases) {
      test(what, async () => {
        const answer = await send(method, path, { body, headers });
        assert.equal(answer.code, code, answer.body.toString());
        assert.deepEqual([answer.json.kind, answer.json.status, answer.json.code], ['Status', 'Failure', code]);
        assert.match(answer.json.message, message);
      });
    }

    test('a body over the limit, announced or not', async () => {
      const body = JSON.stringify({ metadata: { name: 'large' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
      const announced = await send('POST', maps, { body, headers: json });
      assert.deepEqual([announced.code, announced.json.reason], [413, 'RequestEntityTooLarge']);
      const streamed = await send('POST', maps, { body, headers: { ...json, 'transfer-encoding': 'chunked' } }).catch((error) => error);
      assert.ok(streamed.code === 413 || streamed.code === 'EPIPE' || streamed.code === 'ECONNRESET', String(streamed.code));
    });

    test('rubbish on the socket leaves the server up', async () => {
      const { connect } = await import('node:tls');
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      socket.on('error', () => {}).resume();
      await once(socket, 'secureConnect');
      socket.end('NONSENSE\r\n\r\n');
      await once(socket, 'close');
      const plain = (await import('node:net')).connect(port, '127.0.0.1');
      plain.on('error', () => {}).resume();
      plain.end('GET / HTTP/1.1\r\n\r\n');
      await once(plain, 'close');
      assert.equal((await send('GET', '/readyz')).code, 200);
    });
  });
});

function bomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(',')}]`);
  return lines.join('\n');
}
