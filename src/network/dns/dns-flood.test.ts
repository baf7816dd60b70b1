// What clients can do to the DNS server: mutated packets, floods, connections that only take. The others are answered all the while,
// and what it holds stays bounded.
import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decode, encode, streamEncode, type DecodedPacket, type Packet } from 'dns-packet';
import fc from '../../base/testing/fast-check.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { createResolver, type AskElsewhere } from './answer.ts';
import { startDnsServer, type DnsServer } from './dns-server.ts';
import { Zone } from './zone.ts';

const never = new AbortController().signal;
const [address, other] = ['127.0.0.1', '127.0.0.2'];

describe('the DNS server under attack', () => {
  let server: DnsServer;
  /** Nobody in the world answers until they are let go. */
  let worldAnswers = false;
  const asked: PromiseWithResolvers<Awaited<ReturnType<AskElsewhere>>>[] = [];
  const sockets: UdpSocket[] = [];
  before(async () => {
    const zone = new Zone('cluster.local', () => true);
    zone.put('web', [{ type: 'A', name: 'web.shop.svc.cluster.local', ip: '10.96.0.7' }]);
    const askElsewhere: AskElsewhere = () => {
      if (worldAnswers) return Promise.resolve({ rcode: 'NXDOMAIN' });
      const asking = Promise.withResolvers<Awaited<ReturnType<AskElsewhere>>>();
      asked.push(asking);
      return asking.promise;
    };
    server = await startDnsServer({ address: '0.0.0.0', port: 0, resolver: createResolver(zone, () => true, askElsewhere, random), clock }, never);
  });
  after(async () => {
    for (const socket of sockets) socket.close();
    await server.close();
  });

  const question = (name: string, id = 7) => encode({ type: 'query', id, flags: 1 << 8, questions: [{ name, type: 'A', class: 'IN' }] } as Packet);
  const ours = question('web.shop.svc.cluster.local');

  async function client(from: string): Promise<UdpSocket> {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.bind(0, from);
    await once(socket, 'listening');
    return socket;
  }

  /** Asks until it is answered: in a flood a datagram may be lost. */
  async function answered(socket: UdpSocket, message: Uint8Array): Promise<DecodedPacket> {
    const id = Buffer.from(message).readUInt16BE(0);
    for (let tries = 0; tries < 100; tries++) {
      socket.send(message, server.port, address);
      const answer = await Promise.race([once(socket, 'message'), clock.sleep(200, never)]);
      if (answer && decode(answer[0] as Buffer).id === id) return decode(answer[0] as Buffer);
    }
    throw new Error('no answer');
  }
  const isWell = async () => assert.equal((await answered(await client(other), ours)).answers?.length, 1);

  /** What came before has been taken when a later one is answered: then nobody is asked for it any more. */
  async function letGo(): Promise<void> {
    await isWell();
    for (const one of asked.splice(0)) one.reject(new Error('nobody'));
  }

  async function send(socket: UdpSocket, messages: Iterable<Uint8Array>): Promise<void> {
    let count = 0;
    for (const message of messages) {
      socket.send(message, server.port, address, () => {});
      // So that the server, in this same process, gets its turns.
      if (++count % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const collect = (() => {
    setFlagsFromString('--expose-gc');
    return runInNewContext('gc') as () => void;
  })();
  async function heldBytes(): Promise<number> {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }

  it('mutated, cut and invented packets: those who ask are answered, and nothing is kept', async () => {
    const byte = fc.nat(255);
    const mutated = fc.tuple(fc.constantFrom(ours, question('host.example'), question(`${'a.'.repeat(100)}b`)), fc.array(fc.tuple(fc.nat(300), byte), { minLength: 1, maxLength: 6 }), fc.nat(300)).map(([base, changes, length]) => {
      const message = Buffer.from(base);
      for (const [at, value] of changes) message[at % message.length] = value;
      return message.subarray(0, length % 3 === 0 ? length : message.length);
    });
    // Names that point at themselves, at each other, and beyond the end; headers that claim more than there is.
    const pointers = fc.array(fc.tuple(fc.constantFrom(0xc0, 0xff, 0x3f, 1, 0), byte), { maxLength: 200 }).map((pairs) => Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...pairs.flat()]));
    const claims = fc.tuple(fc.uint8Array({ minLength: 10, maxLength: 10 }), fc.uint8Array({ maxLength: 1200 })).map(([counts, rest]) => Buffer.concat([Buffer.from([0, 1]), counts, rest]));
    const packets = fc.sample(fc.oneof(mutated, pointers, claims, fc.uint8Array({ maxLength: 1400 })), { numRuns: 3000, seed: 11 });
    const attacker = await client(address);
    await send(attacker, packets);
    await letGo();
    const before = await heldBytes();
    for (let times = 0; times < 10; times++) {
      await send(attacker, packets);
      await letGo();
    }
    const grown = (await heldBytes()) - before;
    assert.ok(grown < 8 * 1024 * 1024, `${grown} bytes more are held after 30,000 packets`);
  });

  it('a message that claims tens of thousands of records is refused without being read', async () => {
    const header = Buffer.from([0, 1, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    const name = Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 97), Buffer.from([63]), Buffer.alloc(63, 97), Buffer.from([0, 0, 1, 0, 1])]);
    const again = Buffer.from([0xc0, 12, 0, 1, 0, 1]);
    const message = Buffer.concat([header, name, ...Array<Buffer>(10_000).fill(again)]);
    const socket = connect(server.port, address);
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.deepEqual([answer.readUInt16BE(2), (decode(answer.subarray(2)) as unknown as { rcode: string }).rcode], [1, 'FORMERR']);
    socket.destroy();
  });

  it('a flood of questions for the world takes one client\'s share, and no other\'s', async () => {
    await letGo();
    const attacker = await client(address);
    const refused = new Promise<void>((resolve) => attacker.on('message', (message: Buffer) => (decode(message) as unknown as { rcode: string }).rcode === 'REFUSED' && resolve()));
    await send(attacker, Array.from({ length: 5000 }, (_, n) => question(`host-${n}.example`, n)));
    await refused;
    await isWell();
    assert.equal(asked.length, 200);
    const friend = await client(other);
    while (asked.length === 200) {
      friend.send(question('friend.example', 9), server.port, address);
      await clock.sleep(20, never);
    }
    worldAnswers = true;
    assert.equal(((await answered(friend, question('friend.example', 10))) as unknown as { rcode: string }).rcode, 'NXDOMAIN');
    worldAnswers = false;
    await letGo();
    // What was let go may be taken again.
    await send(attacker, [question('late.example', 3)]);
    while (asked.length === 0) {
      attacker.send(question('late.example', 3), server.port, address);
      await clock.sleep(20, never);
    }
    for (const one of asked.splice(0)) one.reject(new Error('nobody'));
  });

  it('a connection that asks and does not wait for answers is not read further', async () => {
    const socket = connect(server.port, address);
    socket.on('error', () => {});
    const many = Buffer.concat(Array.from({ length: 2000 }, (_, n) => streamEncode({ type: 'query', id: n, questions: [{ name: `host-${n}.example`, type: 'A', class: 'IN' }] } as Packet)));
    let taken = 0;
    // The kernel holds some megabytes of them, and the server a tenth of one.
    while (taken < 24 * 1024 * 1024) {
      if (!socket.write(many) && (await Promise.race([once(socket, 'drain'), clock.sleep(2000, never).then(() => 'stands' as const)])) === 'stands') break;
      taken += many.length;
    }
    assert.ok(taken < 24 * 1024 * 1024, 'it takes whatever comes');
    socket.destroy();
    await letGo();
  });

  it('one client\'s connections leave room for the others\'', async () => {
    const mine: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 150; n++) mine.push(connect(server.port, address).on('error', () => {}).on('close', () => closed++));
    while (closed < 50) await clock.sleep(20, never);
    const friend = connect({ port: server.port, host: address, localAddress: other });
    friend.write(Buffer.concat([Buffer.from([0, ours.length]), ours]));
    await once(friend, 'data');
    // An earlier one of ours may still be held.
    assert.ok(closed < 55, `${closed} were closed`);
    for (const socket of [...mine, friend]) socket.destroy();
  });
});
