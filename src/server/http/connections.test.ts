import assert from 'node:assert/strict';
import { once } from 'node:events';
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
