// What a client may not do for ever: each test looks at its socket, and at what another client sees meanwhile.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as http2Connect, constants, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as netConnect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../base/clock.ts';
import { configMaps } from '../../api/kinds/index.ts';
import { createAuthority, issueCertificate } from '../auth/certificates.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import type { ConnectionLimits } from './connection-limits.ts';

const maps = '/api/v1/namespaces/default/configmaps';
let server: TestServer;
let identity: { key: string; cert: string; clientCa: string };
/** Of the server with ordinary limits. */
let port: number;

before(async () => {
  const authority = await createAuthority('test', systemClock);
  const own = await issueCertificate(authority, { commonName: 'server', organizations: [], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
  identity = { key: own.keyPem, cert: own.certPem, clientCa: authority.certPem };
  server = await startTestServer();
  port = await listen({});
});
after(() => server[Symbol.asyncDispose]());

const listen = async (limits: Partial<ConnectionLimits>) => (await server.server.listen({ host: '127.0.0.1', port: 0, ...identity, limits })).port;
const open = (method: string, path: string, at = port, headers: Record<string, string> = {}) => httpsRequest({ host: '127.0.0.1', port: at, method, path, rejectUnauthorized: false, agent: false, headers: { authorization: 'Bearer secret', ...headers } });

async function answerOf(request: ReturnType<typeof open>): Promise<{ code: number; text: string }> {
  const [incoming] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return { code: incoming.statusCode!, text };
}

/** What another client sees. */
async function served(at = port): Promise<void> {
  assert.equal((await answerOf(open('GET', maps, at).end())).code, 200);
}

async function tls(at = port, alpn: string[] = ['http/1.1']): Promise<TLSSocket> {
  const socket = tlsConnect({ host: '127.0.0.1', port: at, rejectUnauthorized: false, ALPNProtocols: alpn });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

async function all(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  await closing(socket);
  return text;
}

async function h2(at = port): Promise<ClientHttp2Session> {
  const session = http2Connect(`https://localhost:${at}`, { rejectUnauthorized: false });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

async function h2Answer(session: ClientHttp2Session, headers: Record<string, string>, body?: string): Promise<{ code: number; text: string }> {
  const stream = session.request({ authorization: 'Bearer secret', ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.write(body);
  const [answer] = (await once(stream, 'response')) as [Record<string, number>];
  let text = '';
  for await (const chunk of stream) text += chunk;
  return { code: answer[':status']!, text };
}

/** However it comes. */
const closing = (of: { once(event: 'close', listener: () => void): unknown; readonly destroyed: boolean }) => new Promise<void>((resolve) => (of.destroyed ? resolve() : void of.once('close', resolve)));

/** Lets sockets be read, without time going on. */
async function turns(count = 20): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

async function metric(series: string): Promise<number> {
  const { text } = await answerOf(open('GET', '/metrics').end());
  const line = text.split('\n').find((one) => one.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}
const writing = () => metric('apiserver_current_inflight_requests{request_kind="mutating"}');

describe('time', () => {
  test('a body that does not come: 504 after a minute, and the connection is closed', async () => {
    const slow = open('POST', maps);
    slow.on('error', () => {}).write('{');
    const [socket] = (await once(slow, 'socket')) as [Socket];
    const answer = answerOf(slow);
    while ((await writing()) === 0) await turns(1);
    await server.clock.advance(59_000);
    await served();
    assert.equal(socket.destroyed, false);
    await server.clock.advance(1000);
    const { code, text } = await answer;
    const status = JSON.parse(text);
    assert.deepEqual([code, status.reason, status.message], [504, 'Timeout', 'Timeout: request did not complete within the allotted timeout']);
    const closed = closing(socket);
    await server.clock.advance(5000);
    await closed;
    while ((await metric('apiserver_flowcontrol_current_executing_requests{priority_level="exempt"}')) > 1) await turns(1);
    assert.equal(await writing(), 0);
  });

  test('the same over HTTP/2 ends the stream, and the connection serves on', async () => {
    const session = await h2();
    const answer = h2Answer(session, { ':method': 'POST', ':path': `${maps}?timeout=2s` }, '{');
    while ((await writing()) === 0) await turns(1);
    await server.clock.advance(2000);
    while ((await writing()) === 1) await turns(1);
    await server.clock.advance(5000);
    assert.equal((await answer).code, 504);
    assert.equal((await h2Answer(session, { ':path': maps })).code, 200);
    session.destroy();
  });

  test('a time-out that is none, or more than there is', async () => {
    const { code, text } = await answerOf(open('GET', `${maps}?timeout=soon`).end());
    assert.deepEqual([code, JSON.parse(text).message], [400, 'invalid timeout specified in the request URL - time: invalid duration "soon"']);
    for (const timeout of ['0s', '5m', '10s']) assert.equal((await answerOf(open('GET', `${maps}?timeout=${timeout}`).end())).code, 200);
  });

  test('a server with other times holds to them', async () => {
    await using other = await startTestServer({ limits: { requestTimeoutMs: 5000, minRequestTimeoutSeconds: 60 } });
    const { port: at } = await other.server.listen({ host: '127.0.0.1', port: 0, ...identity });
    const slow = open('POST', maps, at, { 'content-length': '10' });
    slow.on('error', () => {}).write('{');
    const answer = answerOf(slow);
    const [watching] = (await once(open('GET', `${maps}?watch=true`, at).end(), 'response')) as [IncomingMessage];
    let isOver = false;
    watching.resume().once('end', () => (isOver = true));
    await other.clock.advance(5000);
    assert.equal((await answer).code, 504);
    assert.equal(isOver, false);
    await other.clock.advance(120_000);
    if (!isOver) await once(watching, 'end');
  });

  test('a watch goes on for half an hour at least and an hour at most', async () => {
    const [incoming] = (await once(open('GET', `${maps}?watch=true`).end(), 'response')) as [IncomingMessage];
    let isOver = false;
    incoming.resume().once('end', () => (isOver = true));
    await server.clock.advance(1_799_000);
    await turns();
    assert.equal(isOver, false);
    await server.clock.advance(1_802_000);
    if (!isOver) await once(incoming, 'end');
    assert.equal(await metric('apiserver_longrunning_requests{component="apiserver",group="",resource="configmaps",scope="namespace",subresource="",verb="WATCH",version="v1"}'), 0);
  });

  test('a head that does not end, a handshake that does not come, a connection without requests: closed', async () => {
    const quick = await listen({ headersMs: 200, handshakeMs: 200, idleMs: 200, checkEveryMs: 50 });
    const head = await tls(quick);
    head.write('GET /api HTTP/1.1\r\nhost: x\r\nslow: ');
    const idle = open('GET', '/version', quick);
    idle.end();
    const [idleSocket] = (await once(idle, 'socket')) as [Socket];
    const plain = netConnect(quick, '127.0.0.1');
    plain.on('error', () => {}).resume();
    await served(quick);
    assert.match(await all(head), /^HTTP\/1.1 408 .*"reason":"RequestTimeout"/s);
    await closing(plain);
    await closing(idleSocket);
    await served(quick);
  });

  test('an HTTP/2 connection on which nothing is asked is ended though it sends pings; one with a watch is not', async () => {
    const idle = await h2();
    const watching = await h2();
    const stream = watching.request({ ':path': `${maps}?watch=true`, authorization: 'Bearer secret' });
    await once(stream, 'response');
    await h2Answer(idle, { ':path': maps });
    await turns();
    for (let n = 0; n < 3; n++) {
      await server.clock.advance(29_000);
      await new Promise((resolve) => idle.ping(resolve));
    }
    assert.equal(idle.closed, false);
    const closed = closing(idle);
    await server.clock.advance(5000);
    await closed;
    await server.clock.advance(200_000);
    assert.equal((await h2Answer(watching, { ':path': maps })).code, 200);
    watching.destroy();
  });
});

describe('size', () => {
  test('a head or a URL that is too large is 431, and the server serves on', async () => {
    assert.equal((await answerOf(open('GET', `${maps}?labelSelector=${'a'.repeat(60_000)}`).end())).code, 400, 'read, and a label is not so long');
    for (const [path, headers] of [[`${maps}?labelSelector=${'a'.repeat(200_000)}`, {}], [maps, { large: 'x'.repeat(200_000) }]] as const) {
      const { code, text } = await answerOf(open('GET', path, port, headers).end());
      assert.deepEqual([code, JSON.parse(text).kind], [431, 'Status']);
    }
    await served();
  });

  test('large answers that a client does not fetch yet keep nobody from asking on the same connection', async () => {
    await server.call('create', configMaps, { namespace: 'default', body: { metadata: { name: 'large' }, data: { of: 'x'.repeat(900_000) } } });
    const session = await h2();
    const waiting = Array.from({ length: 30 }, () => session.request({ ':path': `${maps}/large`, authorization: 'Bearer secret' }).pause());
    await Promise.all(waiting.map((stream) => once(stream, 'response')));
    const small = session.request({ ':path': '/version', authorization: 'Bearer secret' });
    const [answer] = (await once(small, 'response')) as [Record<string, number>];
    assert.equal(answer[':status'], 200);
    session.destroy();
  });

  test('more than so much waiting on a connection: 429 until some of it is fetched; what is taken back waits no more', async () => {
    const at = await listen({ waitingBytes: 4_000_000 });
    const session = await h2(at);
    const large = () => session.request({ ':path': `${maps}/large`, authorization: 'Bearer secret' }).pause();
    const codeOf = async (stream: ReturnType<typeof large>) => ((await once(stream, 'response')) as [Record<string, number>])[0][':status'];
    // As often as a client might in a day, each time another one.
    for (let round = 0; round < 20; round++) {
      const taken = large();
      assert.equal(await codeOf(taken), 200);
      taken.close(constants.NGHTTP2_CANCEL);
      await closing(taken.on('error', () => {}).resume());
    }
    const waiting: ReturnType<typeof large>[] = [];
    for (let n = 0; n < 5; n++) {
      waiting.push(large());
      assert.equal(await codeOf(waiting[n]!), 200);
    }
    const refused = await h2Answer(session, { ':path': maps });
    assert.deepEqual([refused.code, JSON.parse(refused.text).message], [429, 'too many answers wait to be read on this connection']);
    await closing(waiting[0]!.resume());
    assert.equal((await h2Answer(session, { ':path': '/version' })).code, 200);
    session.destroy();
    await server.call('delete', configMaps, { namespace: 'default', name: 'large' });
  });

  test('over HTTP/2 the stream is reset', async () => {
    const session = await h2();
    // The client's own limit would come first.
    const stream = session.request({ ':path': maps, authorization: 'Bearer secret', ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`large${n}`, 'x'.repeat(15_000)])) });
    let code: number | undefined;
    stream.on('error', () => {}).on('response', (headers) => (code = headers[':status'])).resume();
    await Promise.race([closing(stream), closing(session)]);
    assert.notEqual(code, 200);
    session.destroy();
    await served();
  });
});

/** Frames as they are on the wire. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);
/** :method GET, :scheme https, :path /version, :authority x */
const headerBlock = Buffer.concat([Buffer.from([0x82, 0x87, 0x04, 8]), Buffer.from('/version'), Buffer.from([0x41, 1]), Buffer.from('x')]);

describe('floods', () => {
  async function flood(frames: (n: number) => Buffer, count: number): Promise<number> {
    const socket = await tls(port, ['h2']);
    const closed = closing(socket);
    let isOpen = true;
    void closed.then(() => (isOpen = false));
    socket.resume();
    socket.write(preface);
    let sent = 0;
    for (; isOpen && sent < count; sent++) {
      if (!socket.write(frames(sent))) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
      if (sent % 500 === 0) await served();
    }
    await closed;
    return sent;
  }

  test('rapid reset: requests begun and taken back end the connection', async () => {
    const cancel = Buffer.from([0, 0, 0, 8]);
    const before = await metric('apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="",verb="GET",version=""}');
    await flood((n) => Buffer.concat([frame(1, 5, 2 * n + 1, headerBlock), frame(3, 0, 2 * n + 1, cancel)]), 200_000);
    const served = await metric('apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="",verb="GET",version=""}');
    assert.ok(served - before < 20_000, `${served - before} were served`);
  });

  for (const [what, made] of [
    ['empty continuations', (n: number) => (n === 0 ? frame(1, 1, 1, headerBlock) : frame(9, 0, 1))],
    ['frames of a stream that is none', () => frame(0, 0, 99)],
  ] as const) test(`${what} end the connection`, () => flood(made, 200_000).then(() => served()));

  for (const [what, made] of [
    ['pings', () => frame(6, 0, 0, Buffer.alloc(8))],
    ['settings', () => frame(4, 0, 0)],
  ] as const) {
    test(`${what} that nobody hears the answers of end the connection`, async () => {
      const socket = await tls(port, ['h2']);
      const closed = closing(socket);
      socket.pause();
      socket.write(preface);
      const many = Buffer.concat(Array.from({ length: 5000 }, made));
      let isOpen = true;
      void closed.then(() => (isOpen = false));
      for (let n = 0; isOpen && n < 2000; n++) {
        if (!socket.write(many)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed, turns(50)]);
        if (n % 20 === 0) await served();
      }
      assert.equal(isOpen, false, 'by the server');
      socket.destroy();
      await served();
    });
  }
});

describe('connections', () => {
  test('no more than so many; those that are there go on, and when one goes another may come', async () => {
    const bounded = await listen({ connections: 3 });
    const session = await h2(bounded);
    const others = [await tls(bounded), await tls(bounded)];
    const refused = netConnect(bounded, '127.0.0.1');
    refused.on('error', () => {}).resume();
    await closing(refused);
    assert.equal((await h2Answer(session, { ':path': maps })).code, 200);
    others[0]!.destroy();
    for (;;) {
      try {
        await served(bounded);
        break;
      } catch {
        await turns(1); // until the server has noticed
      }
    }
    others[1]!.destroy();
    session.destroy();
  });

  test('one whose other side is gone is found out by TCP', async () => {
    const socket = await tls();
    const shown = execFileSync('ss', ['-tnoH', 'state', 'established', `( sport = :${port} and dport = :${socket.localPort} )`]).toString();
    assert.match(shown, /timer:\(keepalive,1[0-5]/);
    socket.destroy();
  });
});
