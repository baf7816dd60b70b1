// C29: the Ingress class built in, on real Pods: hosts and paths, TLS by server name and its renewal, WebSockets, streams, a rolling
// update without a lost request, a thousand connections at once; and what it says when something is wrong.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as http2Connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as netConnect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { events } from '../../src/api/kinds/event.ts';
import { ingresses } from '../../src/api/kinds/ingress.ts';
import { secrets, services } from '../../src/api/kinds/index.ts';
import type { Ingress } from '../../src/api/types.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createAuthority, issueCertificate, type KeyedCertificate } from '../../src/server/auth/certificates.ts';
import { eventually, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const echoServer = fileURLToPath(new URL('../support/echo-server.cjs', import.meta.url));

describe('C29 Ingress', () => {
  let house: RealCluster;
  let authority: KeyedCertificate;
  let ports: { http: number; https: number };
  let ip: string;
  const signal = AbortSignal.timeout(280_000);

  before(async () => {
    house = await startRealCluster({ ingressHttpPort: 0, ingressHttpsPort: 0 });
    authority = await createAuthority('tests', systemClock);
    const [first, other] = await Promise.all([certificate('secure.test'), certificate('*.wild.test')]);
    await create(
      deployment('web', 2), deployment('other', 1),
      service('web'), service('other'), service('nobody'),
      secret('first', first), secret('wild', other),
      ingress('main', {
        rules: [
          { host: 'app.test', http: { paths: [path('/', 'web', 80), path('/other', 'other', 'http'), path('/nobody', 'nobody', 80)] } },
          { host: '*.wild.test', http: { paths: [path('/', 'other', 80)] } },
          { host: 'secure.test', http: { paths: [path('/', 'web', 80)] } },
        ],
        tls: [{ hosts: ['secure.test'], secretName: 'first' }, { hosts: ['*.wild.test'], secretName: 'wild' }],
      }),
    );
    const made = await until(house.cluster, ingresses, key('main'), (one) => portsOf(one).length === 2);
    [{ ip = '' } = {}] = made!.status!.loadBalancer!.ingress!;
    const [http = 0, https = 0] = portsOf(made);
    ports = { http, https };
    await until(house.cluster, (await import('../../src/api/kinds/deployment.ts')).deployments, key('web'), (one) => one?.status.availableReplicas === 2);
    await until(house.cluster, (await import('../../src/api/kinds/deployment.ts')).deployments, key('other'), (one) => one?.status.availableReplicas === 1);
    for (const at of ['/', '/other']) await eventually(`${at} is answered`, async () => (await get(at)).code === 200);
    // The slices follow the Pods a moment later.
    const answering = async () => new Set(await Promise.all(Array.from({ length: 10 }, async () => (JSON.parse((await get('/')).body) as { name: string }).name)));
    await eventually('both Pods to answer', async () => (await answering()).size === 2);
    const { clusterIP } = (await house.cluster.client.get(services, key('web'), signal)).spec;
    await eventually('the Service to answer', () => ask({ host: clusterIP!, port: 80, path: '/' }).then((answer) => (answer.resume(), true), () => false));
  });
  after(() => house?.[Symbol.asyncDispose]());

  const key = (name: string) => ({ namespace: 'default', name });
  const portsOf = (one: Ingress | undefined) => (one?.status?.loadBalancer?.ingress?.[0]?.ports ?? []).map(({ port }) => port);
  const path = (at: string, name: string, port: number | string, pathType = 'Prefix') => ({ path: at, pathType, backend: { service: { name, port: typeof port === 'number' ? { number: port } : { name: port } } } });
  const ingress = (name: string, spec: object) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, namespace: 'default' }, spec });
  const service = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } });
  const secret = (name: string, { certPem, keyPem }: KeyedCertificate) => ({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name, namespace: 'default' }, data: { 'tls.crt': Buffer.from(certPem).toString('base64'), 'tls.key': Buffer.from(keyPem).toString('base64') } });
  const certificate = (name: string) => issueCertificate(authority, { commonName: name, dnsNames: [name], days: 1, usages: ['server'] }, systemClock);

  function deployment(name: string, replicas: number) {
    const container = {
      name: 'c', image: 'localhost/busybox', command: ['chroot', '/host', process.execPath, echoServer],
      env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      volumeMounts: [{ name: 'host', mountPath: '/host', readOnly: true }],
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    };
    const spec = { terminationGracePeriodSeconds: 15, containers: [container], volumes: [{ name: 'host', hostPath: { path: '/' } }] };
    return {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
      spec: { replicas, selector: { matchLabels: { app: name } }, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, template: { metadata: { labels: { app: name } }, spec } },
    };
  }

  async function create(...items: object[]): Promise<void> {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  }

  type Options = RequestOptions & { readonly tls?: boolean; readonly servername?: string };

  function ask(options: Options, body?: string | Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { tls, headers, ...rest } = options;
      const common = { host: ip, agent: false as const, ...rest, headers: { host: 'app.test', ...(headers as object) } };
      const request: ClientRequest = tls ? httpsRequest({ ca: authority.certPem, servername: 'secure.test', port: ports.https, ...common }, resolve) : httpRequest({ port: ports.http, ...common }, resolve);
      request.once('error', reject);
      request.end(body);
    });
  }

  async function get(at: string, options: Options = {}, body?: string | Buffer): Promise<{ code: number; body: string }> {
    const answer = await ask({ path: at, ...options }, body);
    return { code: answer.statusCode!, body: await text(answer) };
  }

  const seen = ({ body }: { body: string }) => JSON.parse(body) as { name: string; url: string; headers: Record<string, string>; bytes: number; sha256: string };
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  test('hosts, paths, both endpoints, and what there is not', async () => {
    const names = new Set<string>();
    for (let n = 0; n < 6; n++) names.add(seen(await get('/x?y=z')).name);
    assert.equal(names.size, 2);
    assert.match(seen(await get('/other/deep')).name, /^other-/);
    assert.match(seen(await get('/any', { headers: { host: 'x.wild.test:80' } })).name, /^other-/);
    const { url, headers } = seen(await get('/x%2Fy/?z', { headers: { 'x-forwarded-for': '6.6.6.6' } }));
    assert.deepEqual([url, headers['host'], headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-port']], ['/x%2Fy/?z', 'app.test', ip, 'http', String(ports.http)]);
    assert.deepEqual(await get('/', { headers: { host: 'unknown.test' } }), { code: 404, body: 'no Ingress leads here\n' });
    assert.deepEqual(await get('/nobody'), { code: 503, body: 'the Service has no endpoint that is ready\n' });
    const body = randomBytes(3_000_000);
    assert.equal(seen(await get('/', { method: 'POST' }, body)).sha256, sha256(body));
    assert.match(await house.kubectl('get', 'ingress', 'main'), new RegExp(`^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nmain +peapod +app.test,\\*.wild.test,secure.test +${ip.replaceAll('.', '\\.')}(,\\S+)? +80, 443 `));
  });

  test('TLS by server name, over HTTP/1.1 and HTTP/2; a Secret that changes is used at once', async () => {
    const secure = seen(await get('/', { tls: true, headers: { host: 'secure.test' } }));
    assert.deepEqual([secure.name.slice(0, 4), secure.headers['x-forwarded-proto']], ['web-', 'https']);
    const session = http2Connect(`https://${ip}:${ports.https}`, { ca: authority.certPem, servername: 'a.wild.test' });
    try {
      const stream = session.request({ ':path': '/h2', ':authority': 'a.wild.test', ':method': 'POST' });
      stream.end('two');
      const told = JSON.parse(await text(stream)) as { name: string; bytes: number; headers: Record<string, string> };
      assert.deepEqual([told.name.slice(0, 6), told.bytes, told.headers['host']], ['other-', 3, 'a.wild.test']);
    } finally {
      session.close();
    }
    await assert.rejects(get('/', { tls: true, servername: 'unknown.test' }), { code: 'ECONNRESET' });
    const serial = () => new Promise<string>((resolve, reject) => {
      const socket: TLSSocket = tlsConnect({ host: ip, port: ports.https, ca: authority.certPem, servername: 'secure.test' }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.once('error', reject);
    });
    const before = await serial();
    const { data } = secret('first', await certificate('secure.test'));
    await house.cluster.client.patch(secrets, key('first'), { type: 'merge', body: { data } }, signal);
    await eventually('the new certificate is shown', async () => (await serial()) !== before);
  });

  test('WebSockets, with and without TLS; a stream both ways', async () => {
    for (const url of [`ws://${ip}:${ports.http}/ws`, `wss://${ip}:${ports.https}/ws`]) {
      const webSocket = new WebSocket(url, { ca: authority.certPem, servername: 'secure.test', headers: { host: url.startsWith('wss') ? 'secure.test' : 'app.test' } } as object);
      const message = await new Promise((resolve, reject) => {
        webSocket.once('open', () => webSocket.send('hello')).once('error', reject).once('message', (data) => resolve(String(data)));
      });
      assert.equal(message, 'hello');
      webSocket.terminate();
    }
    const request = httpRequest({ host: ip, port: ports.http, agent: false, path: '/back', method: 'POST', headers: { host: 'app.test' } });
    request.flushHeaders();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => request.once('response', resolve).once('error', reject));
    const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (const word of ['one', 'two']) {
      request.write(word);
      assert.equal(String((await chunks.next()).value), word);
    }
    request.end();
    assert.equal((await chunks.next()).done, true);
  });

  test('what is wrong is told by Events, and what is right again works at once', async () => {
    await create(ingress('wrong', { rules: [{ host: 'wrong.test', http: { paths: [path('/', 'missing', 80)] } }], tls: [{ hosts: ['wrong.test'], secretName: 'absent' }] }));
    const told = async () => (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=wrong' }, signal)).items.map(({ reason, message }) => `${reason}: ${message}`).sort();
    await eventually('both are told', async () => (await told()).length === 2);
    assert.deepEqual(await told(), ['MissingBackend: Service "missing" does not exist', 'MissingSecret: Secret "absent" does not exist: its hosts have no certificate']);
    assert.deepEqual(await get('/', { headers: { host: 'wrong.test' } }), { code: 503, body: 'Service "missing" does not exist\n' });
    await create({ ...service('missing'), spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } }, secret('absent', await certificate('wrong.test')));
    await eventually('it is served', async () => (await get('/', { headers: { host: 'wrong.test' }, tls: true, servername: 'wrong.test' }).catch(() => ({ code: 0 }))).code === 200);
    // Of another class: not ours.
    await create({ ...ingress('foreign', { ingressClassName: 'nginx', rules: [{ host: 'foreign.test', http: { paths: [path('/', 'web', 80)] } }] }) });
    assert.equal((await get('/', { headers: { host: 'foreign.test' } })).code, 404);
    assert.deepEqual((await house.cluster.client.get(ingresses, key('foreign'), signal)).status, { loadBalancer: {} });
  });

  test('a rolling update loses no request, read or written', async () => {
    let isOver = false;
    const codes = new Map<number | string, number>();
    const names = new Set<string>();
    const worker = async (method: string) => {
      while (!isOver) {
        const answer = await get('/', { method }, method === 'POST' ? 'some body' : undefined).catch((error: { code?: string }) => ({ code: error.code ?? 'error', body: '' }));
        codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1);
        if (answer.code === 200) names.add((JSON.parse(answer.body) as { name: string }).name);
      }
    };
    const workers = ['GET', 'POST', 'GET', 'POST'].map(worker);
    await house.kubectl('rollout', 'restart', 'deployment/web');
    await house.kubectl('rollout', 'status', 'deployment/web', '--timeout=90s');
    isOver = true;
    await Promise.all(workers);
    assert.deepEqual([...codes.keys()], [200], JSON.stringify([...codes]));
    assert.ok(names.size >= 4, [...names].join());
  });

  const parallel = 1000;
  for (const through of ['the Service', 'the Ingress'] as const) {
    test(`${parallel} connections at once through ${through}`, async () => {
      const { clusterIP } = (await house.cluster.client.get(services, key('web'), signal)).spec;
      const [host, port] = through === 'the Service' ? [clusterIP!, 80] : [ip, ports.http];
      const requests = Array.from({ length: parallel }, () => httpRequest({ host, port, agent: false, method: 'POST', path: '/back', headers: { host: 'app.test' } }));
      const answers = requests.map((request) => new Promise<IncomingMessage>((resolve, reject) => request.once('response', resolve).once('error', reject)));
      // All are answered before the first may end.
      for (const request of requests) request.flushHeaders();
      const all = await Promise.all(answers);
      assert.ok(all.every(({ statusCode }) => statusCode === 200));
      requests.forEach((request, index) => request.end(`number ${index}`));
      const bodies = await Promise.all(all.map((answer) => text(answer)));
      assert.deepEqual(bodies, requests.map((_, index) => `number ${index}`));
    });
  }

  test('256 MB through the Service’s address', async () => {
    const { clusterIP } = (await house.cluster.client.get(services, key('web'), signal)).spec;
    const hash = createHash('sha256');
    const answer = await ask({ host: clusterIP!, port: 80, path: '/big?megabytes=256' });
    for await (const chunk of answer as AsyncIterable<Buffer>) hash.update(chunk);
    const wanted = createHash('sha256');
    for (let n = 0; n < 256; n++) wanted.update(Buffer.alloc(1024 * 1024, 'peapod'));
    assert.equal(hash.digest('hex'), wanted.digest('hex'));
    // Around the size of a packet, to the byte.
    for (const size of [1399, 1400, 1447, 1448, 1449, 1460, 1500, 2896]) {
      const body = randomBytes(size);
      assert.equal(seen(await get('/', { method: 'POST' }, body)).sha256, sha256(body));
      assert.equal(seen(await get('/', { method: 'PUT', host: clusterIP!, port: 80 }, body)).sha256, sha256(body));
    }
  });

  test('when the last Ingress has gone nothing listens', async () => {
    for (const name of ['main', 'wrong', 'foreign']) await house.kubectl('delete', 'ingress', name);
    const isOpen = (port: number) => new Promise<boolean>((resolve) => {
      const socket = netConnect(port, '127.0.0.1', () => (resolve(true), socket.destroy()));
      socket.once('error', () => resolve(false));
    });
    await eventually('both ports are closed', async () => !(await isOpen(ports.http)) && !(await isOpen(ports.https)));
  });
});

test('C29 an Ingress port that is taken', { timeout: 60_000 }, async () => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => taken.listen(0, () => resolve((taken.address() as { port: number }).port)));
  const house = await startRealCluster({ ingressHttpPort: port });
  try {
    const { client } = house.cluster;
    const signal = AbortSignal.timeout(50_000);
    const make = { metadata: { name: 'one', namespace: 'default' }, spec: { defaultBackend: { service: { name: 'none', port: { number: 80 } } } } };
    await client.create(ingresses, make as never, signal);
    await eventually('it is told', async () => (await client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=one' }, signal)).items.some(({ reason, message }) => reason === 'ListenFailed' && message === `port ${port} cannot be listened on (EADDRINUSE); it is tried again`));
    assert.deepEqual((await client.get(ingresses, { namespace: 'default', name: 'one' }, signal)).status, { loadBalancer: {} });
    await new Promise((resolve) => taken.close(resolve));
    const served = await until(house.cluster, ingresses, { namespace: 'default', name: 'one' }, (one) => Boolean(one?.status?.loadBalancer?.ingress?.length));
    assert.deepEqual(served!.status!.loadBalancer!.ingress![0]!.ports, [{ port, protocol: 'TCP' }]);
  } finally {
    taken.close();
    await house[Symbol.asyncDispose]();
  }
});
