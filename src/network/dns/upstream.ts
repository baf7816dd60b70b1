// Asks the DNS servers of the machine what is not the cluster's, and keeps what they say as long as they allow.
//
//   asked ─▶ kept? ─ yes ─▶ answer
//              └─ no ─▶ asked already? joins ─▶ the servers in turn over UDP ─ truncated ─▶ TCP ─▶ kept, answer
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { decode, encode, streamEncode, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { AskElsewhere, Rcode } from './answer.ts';

export interface UpstreamOptions {
  /** `192.0.2.53`, or with a port `127.0.0.1:5353`; in the order in which they are tried. */
  readonly servers: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

type Told = Pick<Packet, 'answers' | 'authorities'> & { readonly rcode: Rcode };

const patienceMs = 2000;
const mostKept = 10_000;
const longestKeptSeconds = 3600;
/** Without a hint how long there is nothing. */
const negativeSeconds = 30;

/** Beyond `mostKept` answers the oldest is forgotten; beyond `mostAsked` questions under way a new one is refused. */
const mostAsked = 1000;

export function createUpstream({ servers, clock, random }: UpstreamOptions): AskElsewhere {
  const kept = new Map<string, { readonly told: Told; readonly keptAtMs: number; readonly untilMs: number }>();
  const asked = new Map<string, Promise<Told>>();

  return async (question, signal) => {
    const key = `${question.name.toLowerCase()} ${question.type}`;
    const known = kept.get(key);
    if (known && known.untilMs > clock.monotonicMs()) return aged(known.told, (clock.monotonicMs() - known.keptAtMs) / 1000);
    const underWay = asked.get(key);
    if (underWay) return underWay;
    if (asked.size >= mostAsked) throw new Error('too many questions are under way');
    const asking = askAll(question, signal).then((told) => (keep(key, told), told)).finally(() => asked.delete(key));
    asked.set(key, asking);
    return asking;
  };

  function keep(key: string, told: Told): void {
    const seconds = lifetime(told);
    if (seconds <= 0) return;
    const nowMs = clock.monotonicMs();
    kept.delete(key);
    kept.set(key, { told, keptAtMs: nowMs, untilMs: nowMs + seconds * 1000 });
    if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
  }

  async function askAll(question: Question, signal: AbortSignal): Promise<Told> {
    let last: unknown = new Error('there is no DNS server to ask');
    for (const server of servers) {
      try {
        const told = toldBy(await askOne(server, question, signal));
        if (told.rcode !== 'SERVFAIL' && told.rcode !== 'REFUSED') return told;
        last = new Error(`${server} answers ${told.rcode}`);
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
      }
    }
    throw last;
  }

  async function askOne(server: string, question: Question, signal: AbortSignal): Promise<DecodedPacket> {
    const id = Math.floor(random.next() * 65_536);
    const query: Packet = { type: 'query', id, flags: 1 << 8, questions: [question] };
    const matches = (answer: DecodedPacket) => answer.id === id && answer.questions?.[0]?.name.toLowerCase() === question.name.toLowerCase() && answer.questions[0].type === question.type;
    const overUdp = await overDatagram(address(server), query, matches, signal);
    return overUdp.flag_tc ? overStream(address(server), query, signal) : overUdp;
  }

  function overDatagram({ host, port }: Address, query: Packet, matches: (answer: DecodedPacket) => boolean, signal: AbortSignal): Promise<DecodedPacket> {
    return new Promise((resolve, reject) => {
      // A port of its own for each question: an answer is hard to forge (RFC 5452).
      const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      const timer = clock.schedule(patienceMs, () => end(() => reject(new Error(`${host} does not answer`))));
      const onAbort = () => end(() => reject(signal.reason));
      const end = (then: () => void) => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        socket.removeAllListeners('message').close();
        then();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('error', (error) => end(() => reject(error)));
      socket.on('message', (message) => {
        const answer = decoded(message);
        if (answer && matches(answer)) end(() => resolve(answer));
      });
      socket.connect(port, host, () => socket.send(encode(query)));
    });
  }

  function overStream({ host, port }: Address, query: Packet, signal: AbortSignal): Promise<DecodedPacket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      const timer = clock.schedule(patienceMs, () => socket.destroy(new Error(`${host} does not answer`)));
      const onAbort = () => socket.destroy(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      let received = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        const answer = decoded(received.subarray(2));
        if (answer?.id === query.id) resolve(answer!);
        socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        reject(new Error(`${host} hung up`));
      });
      socket.end(streamEncode(query));
    });
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function address(server: string): Address {
  const withPort = /^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):(\d+)$/i.exec(server);
  return withPort ? { host: withPort[1]!.replace(/[[\]]/g, ''), port: Number(withPort[2]) } : { host: server, port: 53 };
}

function decoded(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

function toldBy(answer: DecodedPacket): Told {
  const { answers = [], authorities = [] } = answer;
  return { rcode: (answer as { rcode?: string }).rcode as Rcode, answers, authorities };
}

/** Seconds that it may be kept: the shortest of its records; for nothing what its SOA says (RFC 2308). */
function lifetime({ rcode, answers = [], authorities = [] }: Told): number {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return 0;
  if (answers.length > 0) return Math.min(longestKeptSeconds, ...answers.map((answer) => ('ttl' in answer ? (answer.ttl ?? 0) : 0)));
  const authority = authorities.find(({ type }) => type === 'SOA');
  if (authority?.type !== 'SOA') return negativeSeconds;
  return Math.min(negativeSeconds, authority.ttl ?? negativeSeconds, authority.data.minimum ?? negativeSeconds);
}

function aged({ rcode, answers = [], authorities = [] }: Told, seconds: number): Told {
  const age = <T extends object>(record: T): T => ('ttl' in record ? { ...record, ttl: Math.max(1, Math.floor((record.ttl as number) - seconds)) } : record);
  return { rcode, answers: answers.map(age), authorities: authorities.map(age) };
}
