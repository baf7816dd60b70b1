// Over real sockets on loopback: a server, a world of its own to ask, and what clients may send.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { decode, encode, streamDecode, streamEncode, type DecodedPacket, type Packet } from 'dns-packet';
import fc from '../../base/testing/fast-check.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { createResolver, reply } from './answer.ts';
import { startDnsServer, type DnsServer } from './dns-server.ts';
import { createUpstream } from './upstream.ts';
import { Zone } from './zone.ts';

const never = new AbortController().signal;
const address = '127.0.0.1';

describe('the DNS server', () => {
  let world: DnsServer;
  let server: DnsServer;
  let worldAsked = 0;
  const zone = new Zone('cluster.local', () => true);
  before(async () => {
    zone.put('web', [{ type: 'A', name: 'web.shop.svc.cluster.local', ip: '10.96.0.7' }]);
    zone.put('many', Array.from({ length: 200 }, (_, n) => ({ type: 'A', name: 'many.shop.svc.cluster.local', ip: `10.85.0.${n}` }) as const));
    zone.put('ext', [{ type: 'CNAME', name: 'ext.shop.svc.cluster.local', target: 'host.example' }, { type: 'CNAME', name: 'near.shop.svc.cluster.local', target: 'web.shop.svc.cluster.local' }]);
    zone.put('loop', [{ type: 'CNAME', name: 'loop.shop.svc.cluster.local', target: 'loop.shop.svc.cluster.local' }]);
    const toldByWorld = (query: DecodedPacket): Packet => {
      worldAsked++;
      const { name } = query.questions![0]!;
      if (name === 'host.example') return reply(query, 'NOERROR', [{ type: 'A', name, ttl: 300, data: '192.0.2.1' }], [], false);
      if (name === 'wide.example') return reply(query, 'NOERROR', Array.from({ length: 300 }, (_, n) => ({ type: 'A', name, ttl: 60, data: `192.0.2.${n % 256}` }) as const), [], false);
      return reply(query, 'NXDOMAIN');
    };
    world = await startDnsServer({ address, port: 0, resolver: { answer: toldByWorld }, clock }, never);
    server = await startDnsServer({ address, port: 0, resolver: createResolver(zone, () => true, createUpstream({ servers: [`${address}:${world.port}`], clock, random }), random), clock }, never);
  });
  after(async () => {
    await server.close();
    await world.close();
  });

  const question = (name: string, type = 'A', additionals: object[] = []) => ({ type: 'query', id: 7, flags: 1 << 8, questions: [{ name, type, class: 'IN' }], additionals }) as Packet;
  const rcodeOf = (packet: DecodedPacket) => (packet as unknown as { rcode: string }).rcode;

  async function send(message: Buffer, withinMs = 60_000): Promise<Buffer | undefined> {
    const socket = createSocket('udp4');
    try {
      socket.send(message, server.port, address);
      const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(withinMs) })) as [Buffer];
      return answer;
    } catch {
      return undefined;
    } finally {
      socket.close();
    }
  }
  const ask = async (name: string, type?: string, additionals?: object[]) => decode((await send(encode(question(name, type, additionals))))!);
  const dataOf = ({ answers }: DecodedPacket) => (answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined));

  it('answers with authority, whatever the case of the name', async () => {
    const answer = await ask('WEB.Shop.svc.cluster.local');
    assert.deepEqual([rcodeOf(answer), answer.flag_aa, dataOf(answer), answer.answers![0]!.name], ['NOERROR', true, ['10.96.0.7'], 'WEB.Shop.svc.cluster.local']);
    const nothing = await ask('web.shop.svc.cluster.local', 'AAAA');
    assert.deepEqual([rcodeOf(nothing), nothing.answers, nothing.authorities![0]!.type], ['NOERROR', [], 'SOA']);
    const nobody = await ask('nobody.shop.svc.cluster.local');
    assert.deepEqual([rcodeOf(nobody), nobody.authorities![0]!.type], ['NXDOMAIN', 'SOA']);
  });

  it('asks the world once, keeps what it says, and takes its long answers over TCP', async () => {
    const asked = worldAsked;
    for (let times = 0; times < 3; times++) assert.deepEqual(dataOf(await ask('host.example')), ['192.0.2.1']);
    assert.equal(worldAsked, asked + 1);
    const wide = await overTcp(question('wide.example'));
    assert.equal(wide.answers!.length, 300);
  });

  it('follows an alias here and in the world, and not for ever', async () => {
    assert.deepEqual(dataOf(await ask('ext.shop.svc.cluster.local')), ['host.example', '192.0.2.1']);
    assert.deepEqual(dataOf(await ask('near.shop.svc.cluster.local')), ['web.shop.svc.cluster.local', '10.96.0.7']);
    assert.equal(rcodeOf(await ask('loop.shop.svc.cluster.local')), 'SERVFAIL');
  });

  it('says that it has more than fits, and gives it over TCP', async () => {
    const bytes = (await send(encode(question('many.shop.svc.cluster.local'))))!;
    const cut = decode(bytes);
    assert.ok(bytes.length <= 512 && bytes.length > 400, `${bytes.length} bytes`);
    assert.ok(cut.flag_tc && cut.answers!.length >= 5, 'a client that never asks over TCP has some');
    const whole = await overTcp(question('many.shop.svc.cluster.local'));
    assert.equal(new Set(dataOf(whole)).size, 200);
    const wide = await send(encode(question('many.shop.svc.cluster.local', 'A', [{ type: 'OPT', name: '.', udpPayloadSize: 65_000, flags: 0, options: [] }])));
    assert.ok(wide!.length <= 1232);
  });

  it('several questions on one connection, in pieces', async () => {
    const socket = connect(server.port, address);
    const bytes = Buffer.concat([streamEncode(question('web.shop.svc.cluster.local')), streamEncode(question('nobody.shop.svc.cluster.local'))]);
    for (const byte of bytes) socket.write(Buffer.of(byte));
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const first = received.length >= 2 ? received.readUInt16BE(0) + 2 : Infinity;
      if (received.length > first + 2 && received.length >= first + 2 + received.readUInt16BE(first)) break;
    }
    const first = streamDecode(received);
    assert.deepEqual(dataOf(first as DecodedPacket), ['10.96.0.7']);
    assert.equal(rcodeOf(streamDecode(received.subarray(received.readUInt16BE(0) + 2)) as DecodedPacket), 'NXDOMAIN');
  });

  it('what is no question does it no harm', async () => {
    const junk = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.tuple(fc.nat(60), fc.nat(255)).map(([at, byte]) => {
      const message = encode(question('web.shop.svc.cluster.local'));
      message[at % message.length] = byte;
      return new Uint8Array(message);
    }));
    const socket = createSocket('udp4');
    for (const bytes of fc.sample(junk, { numRuns: 2000, seed: 7 })) socket.send(bytes, server.port, address);
    await new Promise((resolve) => socket.send(Buffer.alloc(1), server.port, address, resolve));
    socket.close();
    // The flood may have filled the socket, and a datagram that does not fit is lost: a client asks again.
    let alive: Buffer | undefined;
    for (let tries = 0; tries < 120 && !alive; tries++) alive = await send(encode(question('web.shop.svc.cluster.local')), 500);
    assert.deepEqual(dataOf(decode(alive!)), ['10.96.0.7']);
    assert.equal(await send(encode({ ...question('web.shop.svc.cluster.local'), type: 'response' }), 200), undefined, 'a response is not answered');
    assert.equal(rcodeOf(decode((await send(Buffer.concat([encode(question('a.b')).subarray(0, 12), Buffer.alloc(3, 0xff)])))!)), 'FORMERR');
  });

  async function overTcp(packet: Packet): Promise<DecodedPacket> {
    const socket = connect(server.port, address);
    socket.write(streamEncode(packet));
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      if (received.length >= 2 && received.length >= received.readUInt16BE(0) + 2) break;
    }
    return streamDecode(received) as DecodedPacket;
  }
});
