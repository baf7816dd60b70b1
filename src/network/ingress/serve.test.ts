import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Backend } from './backends.ts';
import { createListener, type Listener } from './listener.ts';
import { createServing } from './serve.ts';

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    (server as Server & { closeAllConnections?: () => void }).closeAllConnections?.();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const behind = (t: TestContext, listener: RequestListener) => listen(t, createServer(listener));
const endpointsAt = (...ports: number[]): Backend => ({ type: 'endpoints', protocol: 'http', endpoints: ports.map((port) => ({ ip: '127.0.0.1', port })) });

async function nobody(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function opened(t: TestContext, backendOf: (host: string, path: string) => Backend | undefined, clock = new VirtualClock()): Promise<Listener> {
  const serving = createServing({ backendOf, clock });
  const changed = Promise.withResolvers<void>();
  const listener = createListener({ port: 0, serving, changed: () => changed.resolve(), failed: (error) => assert.fail(String(error)), clock });
  listener.open();
  await changed.promise;
  t.after(async () => {
    await listener.close();
    serving[Symbol.dispose]();
  });
  return listener;
}

async function ask({ port }: Listener, options: object = {}, body?: string): Promise<{ code: number; body: string }> {
  const request = httpRequest({ host: '127.0.0.1', port, path: '/', agent: false, ...options });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { code: answer.statusCode!, body: await text(answer) };
}

test('where there is nothing: 404, 503, 502', async (t) => {
  const table: Record<string, Backend | undefined> = { '/none': undefined, '/missing': { type: 'missing', why: 'gone' }, '/empty': endpointsAt(), '/dead': endpointsAt(await nobody()) };
  const seen: string[] = [];
  const listener = await opened(t, (host, path) => (seen.push(`${host}${path}`), table[path]));
  const headers = { host: 'A.Example.:8080' };
  assert.deepEqual(await ask(listener, { path: '/none?x=y', headers }), { code: 404, body: 'no Ingress leads here\n' });
  assert.deepEqual(await ask(listener, { path: '/missing', headers }), { code: 503, body: 'gone\n' });
  assert.deepEqual(await ask(listener, { path: '/empty', headers, method: 'POST' }, 'x'), { code: 503, body: 'the Service has no endpoint that is ready\n' });
  assert.deepEqual(await ask(listener, { path: '/dead', headers }), { code: 502, body: 'the Service did not answer\n' });
  assert.equal(seen[0], 'a.example/none');
});

test('an endpoint that cannot be reached is passed by, with any method; its share goes to the others', async (t) => {
  const port = await behind(t, async (request, response) => response.end(await text(request)));
  const listener = await opened(t, () => endpointsAt(dead, port));
  const dead = await nobody();
  for (let n = 0; n < 6; n++) assert.deepEqual(await ask(listener, { method: 'POST' }, 'x'.repeat(100_000)), { code: 200, body: 'x'.repeat(100_000) });
});

test('what may be sent twice is, elsewhere; what may not is not', async (t) => {
  let seen = 0;
  const rude = await behind(t, (request) => (seen++, request.socket.destroy()));
  const port = await behind(t, (_request, response) => response.end('ok'));
  const listener = await opened(t, () => endpointsAt(rude, port));
  const codes = async (method: string) => (await Promise.all([0, 1, 2, 3].map(() => ask(listener, { method }, method === 'GET' ? undefined : 'x')))).map(({ code }) => code).sort();
  assert.deepEqual(await codes('GET'), [200, 200, 200, 200]);
  assert.equal(seen, 2);
  assert.deepEqual(await codes('POST'), [200, 200, 502, 502]);
  assert.equal(seen, 4);
});

test('one that says nothing for a minute: 504, and no other is asked', async (t) => {
  const asked = Promise.withResolvers<void>();
  const clock = new VirtualClock();
  const silent = await behind(t, () => asked.resolve());
  const listener = await opened(t, () => endpointsAt(silent), clock);
  const answer = ask(listener);
  await asked.promise;
  await clock.advance(60_001);
  assert.deepEqual(await answer, { code: 504, body: 'the Service did not answer in time\n' });
});

test('endpoints take turns; connections of requests without a body are kept, and what the Service is told of the client', async (t) => {
  const sockets = [new Set<unknown>(), new Set<unknown>()];
  const told: IncomingMessage['headers'][] = [];
  const ports = await Promise.all(sockets.map((seen, n) => behind(t, (request, response) => {
    seen.add(request.socket);
    told.push(request.headers);
    response.end(String(n));
  })));
  const listener = await opened(t, () => endpointsAt(...ports));
  const answers: string[] = [];
  for (let n = 0; n < 8; n++) answers.push((await ask(listener, { headers: { host: 'a.b', 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' } })).body);
  assert.deepEqual(answers.toSorted(), ['0', '0', '0', '0', '1', '1', '1', '1']);
  assert.deepEqual(sockets.map(({ size }) => size), [1, 1]);
  const { host, forwarded, 'x-forwarded-for': client, 'x-real-ip': real, 'x-forwarded-host': asked, 'x-forwarded-proto': scheme, 'x-forwarded-port': port } = told[0]!;
  assert.deepEqual([host, forwarded, client, real, asked, scheme, port], ['a.b', undefined, '127.0.0.1', '127.0.0.1', 'a.b', 'http', String(listener.port)]);
});

test('a port that is taken is asked for again', async (t) => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => taken.listen(0, () => resolve((taken.address() as AddressInfo).port)));
  const clock = new VirtualClock();
  const serving = createServing({ backendOf: () => undefined, clock });
  const changes: (string | undefined)[] = [];
  let told = () => {};
  const listener = createListener({ port, serving, changed: (failure) => (changes.push((failure as NodeJS.ErrnoException | undefined)?.code), told()), failed: () => {}, clock });
  t.after(() => listener.close());
  const change = () => new Promise<void>((resolve) => (told = resolve));
  let next = change();
  listener.open();
  await next;
  assert.equal(listener.port, undefined);
  await new Promise((resolve) => taken.close(resolve));
  next = change();
  await clock.advance(1_001);
  await next;
  assert.deepEqual([changes, listener.port], [['EADDRINUSE', undefined], port]);
});
