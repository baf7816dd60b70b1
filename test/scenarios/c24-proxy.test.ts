// C24: what Pods, Services and nodes serve, seen through the API server: plain and over TLS, streams, upgrades, links of pages;
// by stock kubectl old and new, and over HTTP/1.1 and HTTP/2.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as http2Connect, type ClientHttp2Session } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../src/api/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createAuthority } from '../../src/server/auth/certificates.ts';
import { flavours, startKubectl, type KubectlProcess } from '../support/kubectl-process.ts';
import { pod } from '../support/manifests.ts';
import { eventually, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const echoServer = fileURLToPath(new URL('../support/echo-server.cjs', import.meta.url));
const namespace = '/api/v1/namespaces/default';

describe('C24 proxy', () => {
  let house: RealCluster;
  let tls: { ca: string; cert: string; key: string };
  let address: { host: string; port: number };
  let session: ClientHttp2Session;
  const running: KubectlProcess[] = [];

  before(async () => {
    house = await startRealCluster();
    const { certPem, keyPem } = await createAuthority('echo', systemClock);
    const env = [{ name: 'CERT', value: certPem }, { name: 'KEY', value: keyPem }];
    const ports = [{ name: 'web', containerPort: 8080 }, { name: 'secure', containerPort: 8081 }];
    const echo = { command: ['chroot', '/host', process.execPath, echoServer], env, ports, volumeMounts: [{ name: 'host', mountPath: '/host', readOnly: true }], readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 } };
    const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec });
    const items = [
      pod('echo', [echo], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'host', hostPath: { path: '/' } }] }, { app: 'echo' }),
      service('echo', { selector: { app: 'echo' }, ports: [{ name: 'web', port: 80, targetPort: 'web' }, { name: 'secure', port: 443, targetPort: 8081 }] }),
      service('plain', { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080 }] }),
      service('nobody', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
      service('astray', { ports: [{ port: 80, targetPort: 9 }] }),
      { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'astray', namespace: 'default' }, subsets: [{ addresses: [{ ip: '10.255.255.1' }], ports: [{ port: 9 }] }] },
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    const kubeconfig = readFileSync(house.cluster.kubeconfig, 'utf8');
    const [ca = '', cert = '', key = ''] = ['certificate-authority-data', 'client-certificate-data', 'client-key-data'].map((name) => Buffer.from(new RegExp(`${name}: (\\S+)`).exec(kubeconfig)![1]!, 'base64').toString());
    tls = { ca, cert, key };
    const url = new URL(house.cluster.server);
    address = { host: url.hostname, port: Number(url.port) };
    // What waits to be sent counts, too, and an upload is given at once.
    session = http2Connect(house.cluster.server, { ...tls, maxSessionMemory: 100 });
    await house.untilReady('echo');
    await eventually('the Service has its endpoint', async () => (await get(`${namespace}/services/echo:web/proxy/`)).code === 200);
    await eventually('the other too', async () => (await get(`${namespace}/services/plain/proxy/`)).code === 200);
  });
  after(async () => {
    session?.destroy();
    for (const { child } of running) child.kill('SIGKILL');
    await house?.[Symbol.asyncDispose]();
  });

  interface Answer {
    readonly code: number;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }

  function ask(path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...address, ...tls, agent: false, servername: 'localhost', path, ...options }, resolve);
      request.once('error', reject);
      request.end(body);
    });
  }

  async function get(path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
    const answer = await ask(path, options, body);
    return { code: answer.statusCode!, headers: answer.headers, body: await text(answer) };
  }

  const seen = ({ body }: Answer) => JSON.parse(body) as { method: string; url: string; headers: Record<string, string>; bytes: number; sha256: string };
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  test('C24 every way of naming what is asked', async () => {
    for (const name of ['pods/echo', 'pods/echo:8080', 'pods/echo:web', 'pods/https:echo:8081', 'services/plain', 'services/plain:80', 'services/echo:web', 'services/echo:80', 'services/https:echo:secure', 'services/https:echo:443', 'services/http:echo:web']) {
      const answer = await get(`${namespace}/${name}/proxy/a%2Fb/c?d=e&watch=true&limit=x`);
      assert.equal(answer.code, 200, `${name}: ${answer.body}`);
      assert.equal(seen(answer).url, '/a%2Fb/c?d=e&watch=true&limit=x', name);
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    }
    const slashed = await get(`${namespace}/services/plain/proxy?x=y`);
    assert.deepEqual([slashed.code, slashed.headers.location], [301, `${namespace}/services/plain/proxy/?x=y`]);
    assert.equal(seen(await get(`${namespace}/services/plain/proxy/a/../b/./c/`)).url, '/b/c/');
  });

  test('C24 every method with its body, and what the server behind is told', async () => {
    const body = randomBytes(300_000);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const told = seen(await get(`${namespace}/services/plain/proxy/x`, { method, headers: { 'content-length': body.length } }, body));
      assert.deepEqual([told.method, told.bytes, told.sha256], [method, body.length, sha256(body)]);
    }
    assert.equal((await get(`${namespace}/services/plain/proxy/x`, { method: 'OPTIONS' })).code, 200);
    const head = await get(`${namespace}/services/plain/proxy/page`, { method: 'HEAD' });
    assert.deepEqual([head.code, head.body], [200, '']);
    const empty = seen(await get(`${namespace}/services/plain/proxy/x`, { method: 'POST' }));
    assert.deepEqual([empty.bytes, empty.headers['content-length']], [0, '0']);
    const { headers } = seen(await get(`${namespace}/services/plain/proxy/x`, { headers: { host: 'my.host', connection: 'close, x-own', 'x-own': '1', 'x-other': '2', te: 'trailers', authorization: 'Bearer none', 'impersonate-user': 'kubernetes-admin', 'impersonate-group': 'system:masters', 'x-forwarded-for': '192.0.2.1', cookie: 'c=d' } }));
    assert.deepEqual([headers['host'], headers['x-own'], headers['x-other'], headers['authorization'], headers['impersonate-user'], headers['cookie']], ['my.host', undefined, '2', undefined, undefined, 'c=d']);
    assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-uri']], ['192.0.2.1, 127.0.0.1', `${namespace}/services/plain/proxy/x`]);
  });

  test('C24 redirects, links and codes', async () => {
    const at = `${namespace}/services/plain/proxy`;
    assert.equal((await get(`${at}/redirect`)).headers.location, `${at}/there?x=1`);
    assert.equal((await get(`${at}/redirect?to=http://example.com/x`)).headers.location, 'http://example.com/x');
    const page = await get(`${at}/page`);
    assert.equal(page.body, `<a href="${at}/next">n</a><img src="${at}/i.png"><a href="rel">r</a>`);
    assert.equal(page.headers['access-control-allow-origin'], undefined);
    assert.equal((await get(`${at}/?code=418`)).code, 418);
  });

  test('C24 refusals in upstream’s words', async () => {
    const refused = async (path: string, options?: RequestOptions) => {
      const { code, body } = await get(path, options);
      const { reason, message } = JSON.parse(body) as { reason: string; message: string };
      return `${code} ${reason}: ${message}`;
    };
    assert.equal(await refused(`${namespace}/services/nobody/proxy/`), '503 ServiceUnavailable: no endpoints available for service "nobody"');
    assert.equal(await refused(`${namespace}/services/echo/proxy/`), '503 ServiceUnavailable: no endpoints available for service "echo"');
    assert.equal(await refused(`${namespace}/services/echo:81/proxy/`), '503 ServiceUnavailable: no service port 81 found for service "echo"');
    assert.equal(await refused(`${namespace}/services/astray/proxy/`), '503 ServiceUnavailable: no endpoints available for service "astray"');
    assert.equal(await refused(`${namespace}/services/none/proxy/`), '404 NotFound: services "none" not found');
    assert.equal(await refused(`${namespace}/services/a:b:c:d/proxy/`), '400 BadRequest: invalid service request "a:b:c:d"');
    assert.equal(await refused(`${namespace}/pods/none:80/proxy/`), '404 NotFound: pods "none" not found');
    const { podIP } = (await house.pod('echo')).status;
    assert.equal(await refused(`${namespace}/pods/echo:7/proxy/`), `503 ServiceUnavailable: error trying to reach service: dial tcp ${podIP}:7: connect: connection refused`);
    assert.equal(await refused(`${namespace}/pods/https:echo:8080/proxy/`), '503 ServiceUnavailable: error trying to reach service: http: server gave HTTP response to HTTPS client');
    assert.match(await refused(`${namespace}/pods/echo:7/proxy/`, { headers: { 'impersonate-user': 'jane' } }), /^403 Forbidden: pods "echo:7" is forbidden: User "jane" cannot get resource "pods\/proxy" in API group "" in the namespace "default"$/);
  });

  test('C24 who may: by method and by the whole name', async () => {
    const { client } = house.cluster;
    const [signal, metadata] = [AbortSignal.timeout(20_000), { name: 'jane', namespace: 'default' }];
    await client.create(roles, { metadata, rules: [{ apiGroups: [''], resources: ['services/proxy'], resourceNames: ['plain:80'], verbs: ['get', 'create'] }] } as never, signal);
    await client.create(roleBindings, { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'jane' }, subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }] } as never, signal);
    const codeOf = async (name: string, method: string) => (await get(`${namespace}/services/${name}/proxy/`, { method, headers: { 'impersonate-user': 'jane' } })).code;
    for (const [name, method, code] of [['plain:80', 'GET', 200], ['plain:80', 'HEAD', 200], ['plain:80', 'POST', 200], ['plain:80', 'PUT', 403], ['plain:80', 'OPTIONS', 403], ['plain', 'GET', 403]] as const) assert.equal(await codeOf(name, method), code, `${name} ${method}`);
  });

  test('C24 streams both ways, over HTTP/1.1 and HTTP/2', async () => {
    const path = `${namespace}/services/plain/proxy/back`;
    const h1 = httpsRequest({ ...address, ...tls, agent: false, path, method: 'POST' });
    h1.flushHeaders();
    const [answer] = (await new Promise<[IncomingMessage]>((resolve, reject) => h1.once('response', (response) => resolve([response])).once('error', reject)));
    const h2 = session.request({ ':path': path, ':method': 'POST' });
    for (const [sink, source] of [[h1, answer], [h2, h2]] as const) {
      const said = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      for (const word of ['one', 'two', 'three']) {
        sink.write(word);
        assert.equal(String((await said.next()).value), word);
      }
      sink.end();
      assert.equal((await said.next()).done, true);
    }
    const big = randomBytes(20_000_000);
    const echoed = session.request({ ':path': path, ':method': 'PUT' });
    echoed.end(big);
    assert.equal(sha256(await buffer(echoed)), sha256(big));
  });

  test('C24 half an answer is none; a client that leaves ends what it asked for', async () => {
    await assert.rejects(get(`${namespace}/services/plain/proxy/cut`), { code: 'ECONNRESET' });
    const cut = session.request({ ':path': `${namespace}/services/plain/proxy/cut` });
    await assert.rejects(buffer(cut));
    const early = await get(`${namespace}/services/plain/proxy/early`, { method: 'POST' }, randomBytes(100_000));
    assert.deepEqual([early.code, early.body], [413, 'too much']);
    const connections = async () => (await house.kubectl('exec', 'echo', '--', 'sh', '-c', 'netstat -tn | grep -c ":8080 .*ESTABLISHED" || true')).trim();
    await eventually('nothing is left', async () => (await connections()) === '0');
    const hanging = session.request({ ':path': `${namespace}/services/plain/proxy/hang` });
    hanging.on('error', () => {});
    await eventually('it is asked', async () => (await connections()) === '1');
    hanging.close();
    await eventually('it is left', async () => (await connections()) === '0');
  });

  test('C24 256 MB through services/proxy', async () => {
    const megabytes = 256;
    const hash = createHash('sha256');
    const stream = session.request({ ':path': `${namespace}/services/plain/proxy/big?megabytes=${megabytes}` });
    for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
    const wanted = createHash('sha256');
    for (let n = 0; n < megabytes; n++) wanted.update(Buffer.alloc(1024 * 1024, 'peapod'));
    assert.equal(hash.digest('hex'), wanted.digest('hex'));
  });

  /** An upgrade, straight to the API server; what came with the answer, and the socket after it. */
  function upgrade(path: string, protocol: string): Promise<{ answer: IncomingMessage; socket?: Socket; first?: Buffer }> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...address, ...tls, agent: false, path, headers: { connection: 'Upgrade', upgrade: protocol } });
      request.once('upgrade', (answer, socket: Socket, first: Buffer) => resolve({ answer, socket, first }));
      request.once('response', (answer) => resolve({ answer }));
      request.once('error', reject);
      request.end();
    });
  }

  test('C24 upgrades: WebSockets, and any protocol', async () => {
    const at = `${namespace}/services/plain/proxy`;
    const webSocket = new WebSocket(`${house.cluster.server.replace('https', 'wss')}${at}/ws`, tls);
    const said = new Promise((resolve, reject) => webSocket.once('message', (data) => resolve(String(data))).once('error', reject));
    webSocket.once('open', () => webSocket.send('over the web socket'));
    assert.equal(await said, 'over the web socket');
    const closed = new Promise((resolve) => webSocket.once('close', resolve));
    webSocket.close(1000);
    assert.equal(await closed, 1000);

    const { answer, socket, first } = await upgrade(`${at}/x`, 'echo');
    assert.deepEqual([answer.statusCode, answer.headers.upgrade, answer.headers['x-forwarded']], [101, 'echo', '127.0.0.1']);
    const all = randomBytes(2_000_000);
    socket!.unshift(first!);
    socket!.end(all);
    const received = await buffer(socket!);
    assert.deepEqual([received.subarray(0, 6).toString(), sha256(received.subarray(6))], ['hello ', sha256(all)]);

    const refused = await upgrade(`${at}/refuse`, 'echo');
    assert.deepEqual([refused.answer.statusCode, await text(refused.answer)], [403, 'no!']);
    const unreached = await upgrade(`${namespace}/pods/echo:7/proxy/`, 'echo');
    assert.equal(unreached.answer.statusCode, 500);
    assert.match(await text(unreached.answer), /error dialing backend: dial tcp [\d.]+:7: connect: connection refused/);
  });

  test('C24 a port of the node, and its agent’s own pages by it', async () => {
    const { hostIP } = (await house.pod('echo')).status;
    const server = createServer((request, response) => response.end(`node ${request.url}`));
    await new Promise<void>((resolve) => server.listen(0, hostIP, resolve));
    try {
      const { port } = server.address() as { port: number };
      assert.equal((await get(`/api/v1/nodes/${house.cluster.nodeName}:${port}/proxy/metrics?x=y`)).body, 'node /metrics?x=y');
    } finally {
      server.close();
    }
    for (const name of [house.cluster.nodeName, `${house.cluster.nodeName}:10250`, `https:${house.cluster.nodeName}:10250`]) assert.equal((await get(`/api/v1/nodes/${name}/proxy/healthz`)).body, 'ok');
    const page = (path: string, options?: RequestOptions) => get(`/api/v1/nodes/${house.cluster.nodeName}/proxy/${path}`, options);
    assert.match((await page('containerLogs/default/echo/c0?tailLines=1')).body, /^listens\n$/);
    const none = await page('containerLogs/default/echo/none');
    assert.deepEqual([none.code, (JSON.parse(none.body) as { message: string }).message], [404, 'container "none" not found in pod "echo"']);
    assert.equal((await page('healthz', { method: 'POST' })).code, 405);
  });

  test('C24 a node’s pages by fine-grained leave', async () => {
    const { client } = house.cluster;
    const signal = AbortSignal.timeout(20_000);
    const pages = { stats: 'stats/summary', metrics: 'metrics', log: 'logs/', healthz: 'healthz', pods: 'pods', configz: 'configz' };
    for (const subresource of Object.keys(pages)) {
      const metadata = { name: `may-${subresource}` };
      await client.create(clusterRoles, { metadata, rules: [{ apiGroups: [''], resources: [`nodes/${subresource}`], verbs: ['get'] }] } as never, signal);
      await client.create(clusterRoleBindings, { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name }, subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: metadata.name }] } as never, signal);
    }
    const codes = await Promise.all(Object.keys(pages).map(async (who) => [who, ...(await Promise.all(Object.entries(pages).map(async ([subresource, path]) => {
      const { code } = await get(`/api/v1/nodes/${house.cluster.nodeName}/proxy/${path}`, { headers: { 'impersonate-user': `may-${who}` } });
      assert.equal(code, who === subresource ? 200 : 403, `${who} asks for ${path}`);
      return code;
    })))]));
    assert.equal(codes.length, 6);
    assert.equal((await get(`/api/v1/nodes/${house.cluster.nodeName}/proxy/containerLogs/default/echo/c0`, { headers: { 'impersonate-user': 'may-log' } })).code, 403);
  });

  for (const flavour of flavours.slice(0, 2)) {
    test(`C24 ${flavour.name}: proxy, its paths that are let through, cluster-info, get --raw`, async () => {
      const started = startKubectl(house, flavour, ['proxy', '--port=0', '--address=127.0.0.2', '--accept-hosts=.*', '--reject-paths=^/api/.*/pods/.*/exec,/secrets']);
      running.push(started);
      const [, port] = await started.until(/Starting to serve on 127\.0\.0\.2:(\d+)/);
      const at = `http://127.0.0.2:${port}`;
      const page = await fetch(`${at}${namespace}/services/plain/proxy/page`);
      assert.match(await page.text(), new RegExp(`<a href="${namespace}/services/plain/proxy/next">`));
      const body = randomBytes(1_000_000);
      const posted = (await (await fetch(`${at}${namespace}/services/echo:web/proxy/x`, { method: 'POST', body })).json()) as { sha256: string };
      assert.equal(posted.sha256, sha256(body));
      assert.equal((await fetch(`${at}${namespace}/secrets`)).status, 403);
      assert.equal((await fetch(`${at}/api/v1/nodes/${house.cluster.nodeName}/proxy/healthz`)).status, 200);
      const echoed = await new Promise<string>((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.2:${port}${namespace}/services/plain/proxy/ws`);
        socket.once('open', () => socket.send('through kubectl')).once('error', reject).once('message', (data) => (resolve(String(data)), socket.close()));
      });
      assert.equal(echoed, 'through kubectl');
      const big = await (await fetch(`${at}${namespace}/services/plain/proxy/big?megabytes=8`)).arrayBuffer();
      assert.equal(sha256(Buffer.from(big)), sha256(Buffer.concat(Array.from({ length: 8 }, () => Buffer.alloc(1024 * 1024, 'peapod')))));
      started.child.kill('SIGINT');

      const kubectl = async (...args: string[]) => (await house.tryKubectl(args, { version: flavour.version })).stdout;
      assert.match(await kubectl('cluster-info'), /is running at.*https:\/\/127\.0\.0\.1:\d+/);
      assert.match(await kubectl('get', '--raw', `${namespace}/pods/echo:8080/proxy/x`), /"url":"\/x"/);
    });
  }
});
