import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { ApiError } from '../../api/error.ts';
import type { NodeService } from '../../api/node-service.ts';
import { systemClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { SpdyConnection } from '../../base/spdy/connection.ts';
import { createStreams } from './upgrade.ts';
import type { StreamKind, StreamTarget } from './streams.ts';

const pod = { namespace: 'default', name: 'web', uid: 'u1' };
const streams = createStreams({ clock: systemClock });
const never = new AbortController().signal;

/** A node whose commands are written here: cat, exit N, both, size, wait, fail. */
const node: NodeService = {
  async *logs() {},
  async exec(_pod, container, command, { stdin, stdout, stderr, tty, resize }, signal) {
    assert.equal(container, 'app');
    switch (command[0]) {
      case 'cat':
        await pipeline(stdin!, stdout!, { end: false });
        return 0;
      case 'exit':
        return Number(command[1]);
      case 'both':
        stdout!.write('out');
        stderr?.write('err');
        return tty ? 1 : 0;
      case 'size':
        for await (const { width, height } of resize!) {
          stdout!.write(`${width}x${height}`);
          break;
        }
        return 0;
      case 'wait':
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => {
          waiters.shift()?.();
          reject(signal.reason);
        }));
      case 'gone':
        throw ApiError.notFound({ plural: 'pods' }, 'web');
      default:
        throw new Error(`no such command: ${command[0]}`);
    }
  },
  async attach(_pod, _container, { stdin, stdout }) {
    stdout!.write('attached:');
    if (stdin) await pipeline(stdin, stdout!, { end: false });
  },
  checkRunning(_pod, container) {
    if (container === 'ended') throw new ApiError(404, 'NotFound', 'container not found ("ended")');
  },
  usage: async () => ({ node: undefined, pods: [] }),
  page: async () => ({ code: 404, type: 'text/plain', body: Buffer.alloc(0) }),
  async portForward(_pod, port, stream) {
    if (port === 81) throw new Error('connection refused');
    const asked = await text(stream);
    stream.end(`${port}: ${asked}`);
  },
};
const waiters: (() => void)[] = [];

async function serve(t: TestContext, kind: StreamKind, through = streams): Promise<string> {
  const server = createServer((_request, response) => void response.end());
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    const target: StreamTarget = { kind, pod, container: kind === 'portforward' ? undefined : 'app', service: node, query: searchParams };
    void through.upgrade(request, socket, head, target, never);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

interface Session {
  readonly socket: WebSocket;
  readonly protocol: string;
  send(number: number, data: string | Buffer): void;
  /** Resolves when what came so far satisfies. */
  until(seen: (channels: Map<number, string>) => boolean): Promise<void>;
  /** What came on each channel, once the server has closed. */
  readonly received: Promise<{ code: number; channels: Map<number, string> }>;
}

async function webSocket(address: string, query: string, protocols: string[]): Promise<Session> {
  const socket = new WebSocket(`ws://${address}/?${query}`, protocols);
  const base64 = protocols[0]?.includes('base64');
  const channels = new Map<number, string>();
  socket.on('message', (message: Buffer) => {
    const number = base64 ? message[0]! - 48 : message[0]!;
    const data = base64 ? Buffer.from(message.subarray(1).toString(), 'base64').toString() : message.subarray(1).toString('latin1');
    channels.set(number, (channels.get(number) ?? '') + data);
  });
  const received = new Promise<{ code: number; channels: Map<number, string> }>((resolve) => socket.once('close', (code) => resolve({ code, channels })));
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return {
    socket,
    protocol: socket.protocol,
    received,
    until: (seen) => new Promise((resolve) => {
      const look = () => seen(channels) && resolve();
      socket.on('message', look);
      look();
    }),
    send: (number, data) => socket.send(base64 ? `${number}${Buffer.from(data).toString('base64')}` : Buffer.concat([Buffer.of(number), Buffer.from(data)])),
  };
}

const success = { metadata: {}, status: 'Success' };

test('WebSocket v5: input with half-close, output, success, a normal close', async (t) => {
  const session = await webSocket(await serve(t, 'exec'), 'command=cat&stdin=true&stdout=true&stderr=true', ['v5.channel.k8s.io']);
  assert.equal(session.protocol, 'v5.channel.k8s.io');
  session.send(0, 'hello ');
  session.send(0, 'there');
  session.send(255, Buffer.of(0));
  const { code, channels } = await session.received;
  assert.equal(code, 1000);
  assert.equal(channels.get(1), 'hello there');
  assert.deepEqual(JSON.parse(channels.get(3)!), success);
});

test('WebSocket: exit code, outputs, sizes, errors', async (t) => {
  const address = await serve(t, 'exec');
  const run = async (query: string, protocol: string, send?: (session: Session) => void) => {
    const session = await webSocket(address, query, protocol ? [protocol] : []);
    send?.(session);
    return (await session.received).channels;
  };
  const exit = JSON.parse((await run('command=exit&command=3&stdout=1', 'v4.channel.k8s.io')).get(3)!);
  assert.deepEqual([exit.status, exit.reason, exit.details.causes], ['Failure', 'NonZeroExitCode', [{ reason: 'ExitCode', message: '3' }]]);
  const both = await run('command=both&stdout=1&stderr=1', 'v4.base64.channel.k8s.io');
  assert.deepEqual([both.get(1), both.get(2), JSON.parse(both.get(3)!)], ['out', 'err', success]);
  const tty = await run('command=both&stdout=1&stderr=1&tty=1', 'v4.channel.k8s.io');
  assert.deepEqual([tty.get(1), tty.get(2)], ['out', undefined]);
  const size = await run('command=size&stdout=1&tty=1', 'v5.channel.k8s.io', (session) => session.send(4, '{"Width":80,"Height":24}\n'));
  assert.equal(size.get(1), '80x24');
  const gone = JSON.parse((await run('command=gone&stdout=1', 'v5.channel.k8s.io')).get(3)!);
  assert.deepEqual([gone.reason, gone.message, gone.code], ['NotFound', 'pods "web" not found', 404]);
  const bug = JSON.parse((await run('command=oops&stdout=1', 'v5.channel.k8s.io')).get(3)!);
  assert.equal(bug.message, 'Internal error occurred: error executing command in container: no such command: oops');
  const old = await run('command=exit&command=3&stdout=1', '');
  assert.equal(old.get(3), 'command terminated with non-zero exit code: exit status 3');
  assert.equal((await run('command=exit&command=0&stdout=1', 'channel.k8s.io')).get(3) ?? '', '');
});

test('WebSocket: 100 MB through cat, intact', async (t) => {
  const session = await webSocket(await serve(t, 'exec'), 'command=cat&stdin=true&stdout=true', ['v5.channel.k8s.io']);
  const hash = createHash('sha256');
  let gotBytes = 0;
  session.socket.removeAllListeners('message');
  session.socket.on('message', (message: Buffer) => {
    if (message[0] !== 1) return;
    gotBytes += message.length - 1;
    hash.update(message.subarray(1));
  });
  const part = randomBytes(256 * 1024);
  const expected = createHash('sha256');
  for (let left = 400; left > 0; left--) {
    expected.update(part);
    await new Promise<void>((resolve) => session.socket.send(Buffer.concat([Buffer.of(0), part]), () => resolve()));
  }
  session.send(255, Buffer.of(0));
  await session.received;
  assert.equal(gotBytes, 100 * 1024 * 1024);
  assert.equal(hash.digest('hex'), expected.digest('hex'));
});

test('a client that leaves aborts the command', async (t) => {
  const address = await serve(t, 'exec');
  for (const leave of [(session: Session) => session.socket.close(), (session: Session) => session.socket.terminate()]) {
    const aborted = new Promise<void>((resolve) => waiters.push(resolve));
    const session = await webSocket(address, 'command=wait&stdin=1&stdout=1', ['v5.channel.k8s.io']);
    leave(session);
    await aborted;
  }
});

test('attach', async (t) => {
  const session = await webSocket(await serve(t, 'attach'), 'stdin=1&stdout=1', ['v5.channel.k8s.io']);
  session.send(0, 'x');
  session.send(255, Buffer.of(0));
  assert.equal((await session.received).channels.get(1), 'attached:x');
});

/** Sends a bare upgrade request; resolves with the answer's code and body, or the upgraded socket. */
function ask(address: string, query: string, headers: Record<string, string | string[]>, method = 'POST'): Promise<{ code: number; body: string; socket?: Duplex; head?: Buffer; headers: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest(`http://${address}/?${query}`, { method, headers: { Connection: 'Upgrade', ...headers } });
    asking.once('upgrade', (answer, socket, head) => resolve({ code: answer.statusCode!, body: '', socket, head, headers: answer.headers }));
    asking.once('response', (answer) => void text(answer).then((body) => resolve({ code: answer.statusCode!, body, headers: answer.headers })));
    asking.once('error', reject).end();
  });
}

test('what cannot be upgraded is refused over HTTP with a Status', async (t) => {
  const address = await serve(t, 'exec');
  const spdy = { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' };
  const cases: [string, Record<string, string>, number, RegExp][] = [
    ['command=cat', spdy, 400, /at least 1 of stdin, stdout, stderr/],
    ['stdout=1', spdy, 400, /command/],
    ['command=cat&stdout=1', { ...spdy, 'X-Stream-Protocol-Version': 'v9.channel.k8s.io' }, 403, /unable to negotiate protocol: client supports \[v9.channel.k8s.io\], server accepts \[v5/],
    ['command=cat&stdout=1', { Upgrade: 'h2c' }, 400, /Upgrade request required/],
    ['command=cat&stdout=1', { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'chat' }, 400, /requested protocol\(s\) are not supported: \[chat\]/],
  ];
  for (const [query, headers, code, message] of cases) {
    const answer = await ask(address, query, headers);
    assert.equal(answer.code, code, query);
    assert.match(JSON.parse(answer.body).message, message);
  }
});

async function spdy(address: string, query: string, protocols: string[]): Promise<{ connection: SpdyConnection; protocol: unknown }> {
  const { socket, head, headers } = await ask(address, query, { Upgrade: 'SPDY/3.1', ...(protocols.length ? { 'X-Stream-Protocol-Version': protocols } : {}) });
  return { connection: new SpdyConnection(socket!, { side: 'client' }, head), protocol: headers['x-stream-protocol-version'] };
}

const open = (connection: SpdyConnection, streamtype: string, more: Record<string, string> = {}) => connection.openStream(new Map(Object.entries({ streamtype, ...more })), never);

test('SPDY v4: input, both outputs, exit code', async (t) => {
  const { connection, protocol } = await spdy(await serve(t, 'exec'), 'command=cat&stdin=1&stdout=1&stderr=1', ['v4.channel.k8s.io', 'v3.channel.k8s.io']);
  assert.equal(protocol, 'v4.channel.k8s.io');
  const [error, stdin, stdout, stderr] = await Promise.all(['error', 'stdin', 'stdout', 'stderr'].map((type) => open(connection, type)));
  stdin!.end('over spdy');
  assert.equal(await text(stdout!), 'over spdy');
  assert.equal(await text(stderr!), '');
  assert.deepEqual(JSON.parse(await text(error!)), success);
  assert.equal(await connection.closed, undefined);
});

test('SPDY: a terminal from v3 on, plain errors before v4, and no negotiation at all', async (t) => {
  const address = await serve(t, 'exec');
  const sized = await spdy(address, 'command=size&stdout=1&tty=1', ['v3.channel.k8s.io']);
  const [stdout, resize] = await Promise.all([open(sized.connection, 'stdout'), open(sized.connection, 'resize'), open(sized.connection, 'error')]);
  resize!.write('{"Width":100,"Height":50}');
  assert.equal(await text(stdout!), '100x50');

  for (const protocols of [['v2.channel.k8s.io'], []]) {
    const old = await spdy(address, 'command=exit&command=3&stdout=1&tty=1', protocols);
    const [error] = await Promise.all([open(old.connection, 'error'), open(old.connection, 'stdout')]);
    assert.equal(await text(error!), 'command terminated with non-zero exit code: exit status 3');
  }
});

test('SPDY: streams that were not asked for are refused', async (t) => {
  const { connection } = await spdy(await serve(t, 'exec'), 'command=wait&stdout=1', ['v4.channel.k8s.io']);
  await open(connection, 'error');
  await assert.rejects(open(connection, 'error'), /refused/);
  await assert.rejects(open(connection, 'stdin'), /refused/);
  connection.end();
});

async function forwardOver(connection: SpdyConnection): Promise<void> {
  const request = async (port: string, id?: string) => {
    const more: Record<string, string> = id === undefined ? { port } : { port, requestid: id };
    const error = await open(connection, 'error', more);
    error.end();
    const data = await open(connection, 'data', more);
    data.end('ping');
    return Promise.all([text(data), text(error)]);
  };
  assert.deepEqual(await request('80'), ['80: ping', '']);
  assert.deepEqual(await Promise.all([request('80', '0'), request('8080', '1'), request('81', '2')]), [
    ['80: ping', ''],
    ['8080: ping', ''],
    ['', 'error forwarding port 81 to pod web, uid u1: connection refused'],
  ]);
  await assert.rejects(open(connection, 'data', { port: '99999', requestid: '9' }), /refused/);
  await assert.rejects(open(connection, 'stdin', { port: '80', requestid: '9' }), /refused/);
  connection.end();
  assert.equal(await connection.closed, undefined);
}

test('port-forward over SPDY', async (t) => {
  const { connection, protocol } = await spdy(await serve(t, 'portforward'), '', ['portforward.k8s.io']);
  assert.equal(protocol, 'portforward.k8s.io');
  await forwardOver(connection);
});

test('port-forward over SPDY in a WebSocket', async (t) => {
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), 'Sec-WebSocket-Protocol': 'SPDY/3.1+portforward.k8s.io' };
  const { socket, head, headers: answered } = await ask(await serve(t, 'portforward'), '', headers, 'GET');
  assert.equal(answered['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
  await forwardOver(new SpdyConnection(tunnel(socket!, head!), { side: 'client' }));
});

/** The client's side of a WebSocket as bytes. Written here, since `ws` refuses the tunnel's protocol name. */
function tunnel(socket: Duplex, head: Buffer): Duplex {
  let held = head;
  const duplex: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      // FIN and binary, masked with zeros, a 64-bit length.
      const start = Buffer.alloc(14);
      start.writeUInt16BE(0x82ff, 0);
      start.writeBigUInt64BE(BigInt(chunk.length), 2);
      socket.write(Buffer.concat([start, chunk]), () => done());
    },
    final(done) {
      socket.end(Buffer.from('888200000000' + '03e8', 'hex'), () => done());
    },
  });
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < 10) return;
      const short = held[1]!;
      const [start, length] = short === 127 ? [10, Number(held.readBigUInt64BE(2))] : short === 126 ? [4, held.readUInt16BE(2)] : [2, short];
      if (held.length < start + length) return;
      if (held[0] === 0x82) duplex.push(held.subarray(start, start + length));
      held = held.subarray(start + length);
    }
  });
  socket.once('close', () => duplex.push(null));
  return duplex;
}

test('port-forward over WebSocket channels', async (t) => {
  const address = await serve(t, 'portforward');
  const session = await webSocket(address, 'ports=80,81', ['v4.channel.k8s.io']);
  await session.until((channels) => (channels.get(3)?.length ?? 0) > 2);
  session.socket.close();
  const { channels } = await session.received;
  assert.equal(channels.get(0), '\x50\x00');
  assert.equal(channels.get(3), '\x51\x00error forwarding port 81 to pod web, uid u1: connection refused');
  const refused = await ask(address, '', { Upgrade: 'websocket' });
  assert.match(JSON.parse(refused.body).message, /query parameter "port" is required/);
});

test('in process: the v5 framing over an object-mode Duplex', async () => {
  const target: StreamTarget = { kind: 'exec', pod, container: 'app', service: node, query: new URLSearchParams('command=cat&stdin=1&stdout=1') };
  const connection = streams.open(target, never);
  connection.write(Buffer.from('\0hello'));
  connection.write(Buffer.of(255, 0));
  const channels = new Map<number, string>();
  for await (const message of connection as AsyncIterable<Buffer>) channels.set(message[0]!, (channels.get(message[0]!) ?? '') + message.subarray(1));
  assert.equal(channels.get(1), 'hello');
  assert.deepEqual(JSON.parse(channels.get(3)!), success);
  assert.throws(() => streams.open({ ...target, query: new URLSearchParams() }, never), /at least 1 of/);
});

test('in process: leaving aborts the command, and a slow reader is waited for', async () => {
  const aborted = new Promise<void>((resolve) => waiters.push(resolve));
  const waiting = streams.open({ kind: 'exec', pod, container: 'app', service: node, query: new URLSearchParams('command=wait&stdout=1') }, never);
  waiting.end();
  await aborted;

  const connection = streams.open({ kind: 'exec', pod, container: 'app', service: node, query: new URLSearchParams('command=cat&stdin=1&stdout=1') }, never);
  let gotBytes = 0;
  const reading = (async () => {
    for await (const message of connection as AsyncIterable<Buffer>) {
      if (message[0] === 1) gotBytes += message.length - 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await pipeline(Readable.from((function* () {
    for (let left = 200; left > 0; left--) yield Buffer.alloc(64 * 1024 + 1);
    yield Buffer.of(255, 0);
  })()), connection, { end: false });
  await reading;
  assert.equal(gotBytes, 200 * 64 * 1024);
});

test('garbage after an upgrade ends the connection, not the process', async (t) => {
  const address = await serve(t, 'exec');
  const { socket } = await ask(address, 'command=cat&stdin=1&stdout=1', { Upgrade: 'SPDY/3.1' });
  socket!.on('error', () => {}).resume();
  socket!.write(Buffer.concat([Buffer.of(0x80, 0xff), randomBytes(4096)]));
  await new Promise((resolve) => socket!.once('close', resolve));
  const session = await webSocket(address, 'command=both&stdout=1', ['v5.channel.k8s.io']);
  session.send(77, 'x');
  session.socket.send(Buffer.alloc(0));
  session.socket.send('text');
  assert.equal((await session.received).channels.get(1), 'out');
});

test('a connection on which nothing goes for four hours is ended, one that is used is not', async (t) => {
  const clock = new VirtualClock();
  const address = await serve(t, 'exec', createStreams({ clock }));
  const session = await webSocket(address, 'stdin=1&stdout=1&command=cat', ['v5.channel.k8s.io']);
  await clock.advance(3 * 3600 * 1000);
  session.send(0, 'still here');
  await session.until((channels) => channels.get(1) === 'still here');
  await clock.advance(3 * 3600 * 1000);
  session.send(0, '!');
  await session.until((channels) => channels.get(1) === 'still here!');
  await clock.advance(5 * 3600 * 1000);
  await session.received;
});
