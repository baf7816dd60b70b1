// The sockets of the cluster's DNS: UDP and TCP on one address. What a client can make it hold is bounded, for each client and for all;
// at a bound the question is refused or the connection closed, and a datagram that does not fit is lost: the client asks again.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { decode, encode, type DecodedPacket, type Packet } from 'dns-packet';
import type { Clock } from '../../base/clock.ts';
import { reply, truncated, widestUdp, type Resolver } from './answer.ts';

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

const plainUdp = 512;
const longestIdleMs = 10_000;
const mostConnections = 1000;
const mostConnectionsOfOne = 100;
/** Questions for the world under way at once; one more is refused. Of one client fewer, so that the others are not kept from theirs. */
const mostPending = 4096;
const mostPendingOfOne = 200;
/** Of one connection, still to be answered: it is not read further before. A little more than the longest message. */
const mostUnreadBytes = 128 * 1024;
/** Answers that the kernel does not take yet; more are thrown away. */
const mostUnsentBytes = 4 * 1024 * 1024;

/** Listens on `port`, or where that is taken on one that is free for both. */
export async function startDnsServer(options: { readonly address: string; readonly port: number; readonly resolver: Resolver; readonly clock: Clock }, signal: AbortSignal): Promise<DnsServer> {
  const { address, resolver, clock } = options;
  const life = new AbortController();
  const { udp, tcp, port } = await bothOn(address, options.port, signal);
  const connections = new Set<Socket>();
  const connectionsOf = new Count();
  const pendingOf = new Count();

  udp.on('message', (message, from) => void take(message, from));
  udp.on('error', () => {});
  tcp.on('connection', (socket) => {
    const client = socket.remoteAddress ?? '';
    if (connections.size >= mostConnections || connectionsOf.of(client) >= mostConnectionsOfOne) return void socket.destroy();
    connections.add(socket);
    connectionsOf.add(client);
    socket.on('close', () => {
      connections.delete(socket);
      connectionsOf.remove(client);
    });
    converse(socket, client);
  });

  return {
    address,
    port,
    async close() {
      life.abort();
      for (const socket of connections) socket.destroy();
      await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), new Promise<void>((resolve) => tcp.close(() => resolve()))]);
    },
  };

  async function take(message: Buffer, from: RemoteInfo): Promise<void> {
    const response = answerTo(message, from.address);
    if (response === undefined) return;
    // What the zone knows is answered in this turn.
    const ready = response instanceof Promise ? await response : response;
    const room = Math.min(widestUdp, Math.max(plainUdp, payloadSizeOf(message)));
    const encoded = encodedWithin(ready, room);
    if (encoded && !life.signal.aborted && udp.getSendQueueSize() < mostUnsentBytes) udp.send(encoded, from.port, from.address);
  }

  /** Undefined: no question, and no answer. */
  function answerTo(message: Buffer, client: string): Packet | Promise<Packet> | undefined {
    const wrong = wrongHeader(message);
    if (wrong) return wrong === 'nothing' ? undefined : reply({ id: message.readUInt16BE(0), questions: [], flags: 0, additionals: [] }, wrong);
    let query: DecodedPacket;
    try {
      query = decode(message);
    } catch {
      return reply({ id: message.readUInt16BE(0), questions: [], flags: 0, additionals: [] }, 'FORMERR');
    }
    const answer = resolver.answer(query, () => pendingOf.total < mostPending && pendingOf.of(client) < mostPendingOfOne, life.signal);
    if (!(answer instanceof Promise)) return answer;
    pendingOf.add(client);
    return answer.finally(() => pendingOf.remove(client));
  }

  /** Questions one after the other, each behind its length. */
  function converse(socket: Socket, client: string): void {
    let received = Buffer.alloc(0);
    let idle = clock.schedule(longestIdleMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => idle[Symbol.dispose]());
    socket.on('data', (chunk: Buffer) => {
      idle[Symbol.dispose]();
      idle = clock.schedule(longestIdleMs, () => socket.destroy());
      received = Buffer.concat([received, chunk]);
      if (received.length > mostUnreadBytes) socket.pause();
      void drain();
    });
    let draining = false;
    async function drain(): Promise<void> {
      if (draining) return;
      draining = true;
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const length = received.readUInt16BE(0);
        const message = received.subarray(2, 2 + length);
        received = received.subarray(2 + length);
        const response = await answerTo(message, client);
        if (received.length <= mostUnreadBytes) socket.resume();
        const encoded = response && encodedWithin(response, Infinity);
        if (!encoded || socket.destroyed) return void socket.destroy();
        const length16 = Buffer.alloc(2);
        length16.writeUInt16BE(encoded.length);
        if (!socket.write(Buffer.concat([length16, encoded]))) await new Promise<void>((resolve) => socket.once('drain', resolve).once('close', () => resolve()));
      }
      draining = false;
    }
  }
}

/** How many each has, of those that have any. */
class Count {
  readonly #counts = new Map<string, number>();
  total = 0;

  of(one: string): number {
    return this.#counts.get(one) ?? 0;
  }

  add(one: string): void {
    this.total++;
    this.#counts.set(one, this.of(one) + 1);
  }

  remove(one: string): void {
    this.total--;
    if (this.of(one) > 1) this.#counts.set(one, this.of(one) - 1);
    else this.#counts.delete(one);
  }
}

/**
 * What is no question is seen by its first twelve bytes: to read a message that claims thousands of records would take longer than
 * to send it. A response is never answered, lest two servers talk for ever.
 */
function wrongHeader(message: Buffer): 'nothing' | 'NOTIMP' | 'FORMERR' | undefined {
  if (message.length < 12 || message[2]! & 0x80) return 'nothing';
  if (message[2]! & 0x78) return 'NOTIMP';
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  return questions !== 1 || answers! + authorities! > 0 || additionals! > mostAdditionals ? 'FORMERR' : undefined;
}

/** OPT, and a signature. */
const mostAdditionals = 2;

/** Undefined: the question held a name that can be read and not be written. */
function encodedWithin(response: Packet, room: number): Buffer | undefined {
  try {
    const encoded = encode(response);
    return encoded.length > room ? cutTo(room, response, encoded.length) : encoded;
  } catch {
    return undefined;
  }
}

/** Some resolvers never ask over TCP (musl before 1.2.4), so as much is kept as fits. */
function cutTo(room: number, response: Packet, length: number): Buffer {
  const { answers = [] } = response;
  for (let kept = Math.floor((answers.length * room) / length); ; kept--) {
    const encoded = encode(truncated(response, Math.max(0, kept)));
    if (encoded.length <= room || kept <= 0) return encoded;
  }
}

/** The payload size in the question's OPT record, without decoding it once more; plain where there is none. */
function payloadSizeOf(message: Buffer): number {
  // An OPT record follows the question: root name (0), type 41, then its class is the size.
  for (let at = message.length - 11; at >= 12; at--) if (message[at] === 0 && message[at + 1] === 0 && message[at + 2] === 41) return message.readUInt16BE(at + 3);
  return plainUdp;
}

async function bothOn(address: string, port: number, signal: AbortSignal): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    const tcp = createServer();
    const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    try {
      await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(tries === 1 ? port : 0, address, () => resolve()));
      const taken = (tcp.address() as AddressInfo).port;
      await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(taken, address, () => resolve()));
      return { udp, tcp, port: taken };
    } catch (error) {
      tcp.close();
      try {
        udp.close();
      } catch {
        // It was not bound.
      }
      if (tries === 10) throw error;
    }
  }
}
