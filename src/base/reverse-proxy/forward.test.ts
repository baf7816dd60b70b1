import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { connect as http2Connect, createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../clock.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { http1Exchange, http2Exchange } from './exchange.ts';
import { forward, NotAnswered, type ForwardLimits } from './forward.ts';
import { byName, endToEnd, requestHeaders } from './headers.ts';

const limits: ForwardLimits = { connectMs: 5_000, headMs: 60_000 };

async function listen(t: TestContext, server: ReturnType<typeof createTcpServer> | ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    (server as { closeAllConnections?: () => void }).closeAllConnections?.();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A proxy in front of `behind`; what could not be answered is told as 502 and the phase and code. */
async function front(t: TestContext, port: number, clock: typeof systemClock = systemClock): Promise<number> {
  return listen(t, createServer((request, response) => {
    const exchange = http1Exchange(request, response);
    forward(exchange, { protocol: 'http', host: '127.0.0.1', port }, { path: request.url!, headers: requestHeaders(request.rawHeaders) }, limits, clock).catch((error: NotAnswered) => {
      const body = `${error.phase} ${error.code}`;
      exchange.answer({ code: 502, headers: ['content-length', String(body.length)] }).end(body);
    });
  }));
}

async function behind(t: TestContext, listener: RequestListener): Promise<number> {
  return listen(t, createServer(listener));
}

async function ask(port: number, options: object = {}, body = ''): Promise<{ code: number; headers: string[]; trailers: object; body: string }> {
  const request = httpRequest({ host: '127.0.0.1', port, path: '/', agent: false, ...options });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const read = await text(answer);
  return { code: answer.statusCode!, headers: answer.rawHeaders, trailers: answer.trailers, body: read };
}

test('headers: what concerns only a connection stays there; cookies and host of HTTP/2', () => {
  assert.deepEqual(endToEnd(['Connection', 'close, X-A', 'x-a', '1', 'X-B', '2', 'Upgrade', 'h2c', 'TE', 'trailers', ':path', '/', 'Keep-Alive', 'timeout=5']), ['X-B', '2']);
  assert.deepEqual(requestHeaders([':authority', 'a.b', 'cookie', 'a=1', 'expect', '100-continue', 'cookie', 'b=2', 'x', 'y']), ['x', 'y', 'Cookie', 'a=1; b=2', 'Host', 'a.b']);
  assert.deepEqual(byName(['Set-Cookie', 'a', 'X', 'y', 'set-cookie', 'b']), { 'set-cookie': ['a', 'b'], x: 'y' });
});

test('an answer of chunks with trailers, repeated headers as they came', async (t) => {
  const port = await front(t, await behind(t, (_request, response) => {
    response.writeHead(201, ['X-One', 'a', 'X-One', 'b', 'Trailer', 'x-sum', 'Set-Cookie', 'c', 'Set-Cookie', 'd']);
    response.write('body');
    response.addTrailers({ 'x-sum': '4' });
    response.end();
  }));
  const answer = await ask(port);
  assert.deepEqual([answer.code, answer.body, answer.trailers], [201, 'body', { 'x-sum': '4' }]);
  assert.deepEqual(answer.headers.slice(0, 6), ['X-One', 'a', 'X-One', 'b', 'Set-Cookie', 'c']);
});

test('over HTTP/2: trailers, HEAD, a body of unknown length, a client that leaves', async (t) => {
  const [waiting, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const port = await behind(t, async (request, response) => {
    if (request.url === '/cut') {
      response.writeHead(200);
      return void response.write('part', () => response.destroy());
    }
    if (request.url === '/wait') {
      waiting.resolve();
      return void response.once('close', () => gone.resolve());
    }
    const body = await text(request);
    response.writeHead(200, { ...(request.method === 'HEAD' ? {} : { trailer: 'x-sum' }), 'x-te': request.headers['transfer-encoding'] ?? '-' });
    response.write(body);
    response.addTrailers({ 'x-sum': String(body.length) });
    response.end();
  });
  const server = createHttp2Server();
  server.on('stream', (stream, headers, _flags, raw: string[]) => void forward(http2Exchange(stream, raw), { protocol: 'http', host: '127.0.0.1', port }, { path: headers[':path']!, headers: requestHeaders(raw) }, limits, systemClock));
  const session = http2Connect(`http://127.0.0.1:${await listen(t, server as never)}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  const headers = once(stream, 'response');
  const trailers = once(stream, 'trailers');
  stream.end('four');
  assert.equal(await text(stream), 'four');
  assert.equal((await headers)[0]['x-te'], 'chunked');
  assert.equal((await trailers)[0]['x-sum'], '4');
  await assert.rejects(text(session.request({ ':path': '/cut' })), { code: 'ERR_HTTP2_STREAM_ERROR' });
  const left = session.request({ ':path': '/wait' });
  await waiting.promise;
  left.close();
  await gone.promise;
  const head = session.request({ ':method': 'HEAD', ':path': '/' });
  assert.equal((await once(head, 'response'))[0][':status'], 200);
  assert.equal(await text(head), '');
});

test('who is not there, who hangs up, who says nothing', async (t) => {
  const closed = createTcpServer();
  closed.listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: nobody } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  assert.equal((await ask(await front(t, nobody))).body, 'connecting ECONNREFUSED');
  const rude = await listen(t, createTcpServer((socket) => socket.once('data', () => socket.destroy())));
  assert.equal((await ask(await front(t, rude))).body, 'waiting ECONNRESET');
  const clock = new VirtualClock();
  const asked = Promise.withResolvers<void>();
  const slow = await front(t, await behind(t, () => asked.resolve()), clock);
  const answer = ask(slow);
  await asked.promise;
  await clock.advance(60_001);
  assert.equal((await answer).body, 'waiting ETIMEDOUT');
});

test('half an answer is none, and a request that nobody waits for is given up', async (t) => {
  const [asked, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const port = await front(t, await behind(t, (request, response) => {
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': 100 });
      return void response.write('part', () => response.destroy());
    }
    response.on('close', () => gone.resolve());
    asked.resolve();
  }));
  await assert.rejects(ask(port, { path: '/cut' }), { code: 'ECONNRESET' });
  const request = httpRequest({ host: '127.0.0.1', port, path: '/wait', agent: false });
  request.on('error', () => {});
  request.end();
  await asked.promise;
  request.destroy();
  await gone.promise;
});

test('an answer before the end of the request reaches a client that goes on sending, and its connection lives on', async (t) => {
  const port = await front(t, await behind(t, (_request, response) => response.writeHead(413).end('too much')));
  const answer = await ask(port, { method: 'POST' }, 'x'.repeat(3_000_000));
  assert.deepEqual([answer.code, answer.body], [413, 'too much']);
});
