import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants, createServer as createHttp2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Connections } from './connections.ts';

const server = createServer({ pauseOnConnect: true });
before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
after(() => void server.close());

async function pair(): Promise<{ client: Socket; socket: Socket }> {
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [socket] = (await accepted) as [Socket];
  socket.on('error', () => {});
  return { client, socket };
}

for (const part of ['secure', 'session'] as const) {
  test(`a connection whose ${part === 'secure' ? 'TLS' : 'HTTP/2'} is over is closed where it does not close itself, after a look between`, async () => {
    const clock = new VirtualClock();
    using connections = new Connections(clock, 5000);
    const [left, lively] = [await pair(), await pair()];
    const state = { destroyed: false };
    for (const { socket } of [left, lively]) {
      connections.begin(socket);
      const tls = socket === left.socket ? Object.assign(state, { _parent: socket }) : { destroyed: false, _parent: socket };
      if (part === 'secure') connections.secure(tls as never);
      else connections.session(Object.assign(tls, { socket: tls }) as never);
    }
    await clock.advance(60_000);
    assert.equal(connections.size, 2);
    state.destroyed = true;
    await clock.advance(5000);
    assert.equal(left.socket.destroyed, false, 'its last bytes may be on their way');
    const ended = once(left.client, 'close');
    left.client.resume();
    await clock.advance(5000);
    await ended;
    assert.deepEqual([left.socket.destroyed, lively.socket.destroyed, connections.size], [true, false, 1]);
    lively.client.destroy();
  });
}

test('nobody looks where there is no connection', async () => {
  const clock = new VirtualClock();
  using connections = new Connections(clock, 5000);
  const { client, socket } = await pair();
  connections.begin(socket);
  const closed = once(socket.resume(), 'close');
  client.destroy();
  await closed;
  await clock.advance(5000);
  assert.equal(connections.size, 0);
  assert.equal(clock.nextMs, undefined);
});

test('one that was reset while nothing was read of it is closed, one that is only not read is not', async () => {
  const clock = new VirtualClock();
  using connections = new Connections(clock, 5000);
  const [reset, quiet] = [await pair(), await pair()];
  for (const { socket } of [reset, quiet]) {
    connections.begin(socket);
    assert.notEqual(socket.remoteAddress, undefined);
  }
  reset.client.resetAndDestroy();
  await once(reset.client, 'close');
  await clock.advance(5000);
  assert.equal(connections.size, 2);
  const closed = once(reset.socket, 'close');
  await clock.advance(5000);
  await closed;
  await clock.advance(60_000);
  assert.deepEqual([connections.size, quiet.socket.destroyed], [1, false]);
  quiet.client.destroy();
});

for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
  test(`a stream that its client takes back with code ${code} while its answer waits does not outlive it, nor its connection`, async () => {
    const clock = new VirtualClock();
    using connections = new Connections(clock, 5000);
    const served = createHttp2Server();
    let gone: Promise<unknown> | undefined;
    served.on('connection', (socket: Socket) => {
      connections.begin(socket);
      gone = once(socket, 'close');
    });
    served.on('session', (session: ServerHttp2Session) => connections.session(session));
    const streams: ServerHttp2Stream[] = [];
    served.on('stream', (stream: ServerHttp2Stream) => {
      connections.stream(stream);
      streams.push(stream);
      stream.on('error', () => {});
      stream.respond({ ':status': 400 });
      // More than a client lets come unasked.
      stream.end(Buffer.alloc(300_000));
    });
    await once(served.listen(0, '127.0.0.1'), 'listening');
    const client = connectHttp2(`http://127.0.0.1:${(served.address() as AddressInfo).port}`);
    const ask = () => client.request({ ':method': 'POST' }, { endStream: false }).on('error', () => {});
    const [given, slow] = [ask(), ask()];
    given.write('some of a body');
    await Promise.all([given, slow].map((stream) => once(stream.pause(), 'response')));
    given.close(code);
    // Its answer says that the server has read all before it.
    await new Promise((resolve) => client.ping(resolve));
    for (const _ of [1, 2]) await clock.advance(5000);
    assert.deepEqual(streams.map(({ destroyed }) => destroyed), [true, false], 'one that is only not read waits on');
    let length = 0;
    for await (const chunk of slow.resume()) length += (chunk as Buffer).length;
    assert.equal(length, 300_000);
    slow.end();
    served.close();
    client.destroy();
    await gone;
    assert.equal(connections.size, 0);
  });
}
