// The sockets of the cluster's DNS: UDP and TCP on one address.
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
/** Questions for the world under way at once; one more is refused, so that a flood does not grow memory. */
const mostPending = 4096;

/** Listens on `port`, or where that is taken on one that is free for both. */
export async function startDnsServer(options: { readonly address: string; readonly port: number; readonly resolver: Resolver; readonly clock: Clock }, signal: AbortSignal): Promise<DnsServer> {
  const { address, resolver, clock } = options;
  const life = new AbortController();
  const { udp, tcp, port } = await bothOn(address, options.port, signal);
  const connections = new Set<Socket>();
  let pending = 0;

  udp.on('message', (message, from) => void take(message, from));
  udp.on('error', () => {});
  tcp.on('connection', (socket) => {
    if (connections.size >= mostConnections) return void socket.destroy();
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    converse(socket);
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
    const response = answerTo(message);
    if (response === undefined) return;
    // What the zone knows is answered in this turn.
    const ready = response instanceof Promise ? await response : response;
    const room = Math.min(widestUdp, Math.max(plainUdp, payloadSizeOf(message)));
    const encoded = encodedWithin(ready, room);
    if (encoded && !life.signal.aborted) udp.send(encoded, from.port, from.address);
  }

  /** Undefined: no question, and no answer. */
  function answerTo(message: Buffer): Packet | Promise<Packet> | undefined {
    let query: DecodedPacket;
    try {
      query = decode(message);
    } catch {
      // The header alone may be readable; a response is never answered, lest two servers talk for ever.
      if (message.length < 12 || message[2]! & 0x80) return undefined;
      return reply({ id: message.readUInt16BE(0), questions: [], flags: 0, additionals: [] }, 'FORMERR');
    }
    if (query.type !== 'query') return undefined;
    const answer = resolver.answer(query, life.signal);
    if (!(answer instanceof Promise)) return answer;
    if (pending >= mostPending) return reply(query, 'REFUSED');
    pending++;
    return answer.finally(() => pending--);
  }

  /** Questions one after the other, each behind its length. */
  function converse(socket: Socket): void {
    let received = Buffer.alloc(0);
    let idle = clock.schedule(longestIdleMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => idle[Symbol.dispose]());
    socket.on('data', (chunk: Buffer) => {
      idle[Symbol.dispose]();
      idle = clock.schedule(longestIdleMs, () => socket.destroy());
      received = Buffer.concat([received, chunk]);
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
        const response = await answerTo(message);
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

/** Undefined: the question held a name that can be read and not be written. */
function encodedWithin(response: Packet, room: number): Buffer | undefined {
  try {
    const encoded = encode(response);
    return encoded.length > room ? encode(truncated(response)) : encoded;
  } catch {
    return undefined;
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
