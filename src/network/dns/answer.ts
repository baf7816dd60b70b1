// From a DNS question to its answer: what the zone knows is decided here, purely; what is elsewhere is asked for.
import type { Answer, DecodedPacket, Packet, Question } from 'dns-packet';
import type { Random } from '../../base/random.ts';
import type { Zone, ZoneRecord } from './zone.ts';

export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';

/** Asks the world; rejects when nobody answers. */
export type AskElsewhere = (question: Question, signal: AbortSignal) => Promise<Pick<Packet, 'answers' | 'authorities'> & { readonly rcode: Rcode }>;

/** Seconds that a client may keep an answer: short, since Pods come and go. */
const ttl = 5;
/** An alias of an alias of an alias … is followed so far. */
const longestChase = 8;
const flagBits = { authoritative: 1 << 10, truncated: 1 << 9, recursionDesired: 1 << 8, recursionAvailable: 1 << 7 };
const rcodes: Readonly<Record<Rcode, number>> = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

export interface Resolver {
  /** Never rejects: what goes wrong becomes SERVFAIL. `mayAsk`: whether the world may be asked for this client; if not, it is REFUSED. */
  answer(query: DecodedPacket, mayAsk: () => boolean, signal: AbortSignal): Packet | Promise<Packet>;
}

/** `isReady`: false as long as the zone does not know all that there is; it must not deny what it has not read yet. */
export function createResolver(zone: Zone, isReady: () => boolean, askElsewhere: AskElsewhere, random: Random): Resolver {
  return {
    answer(query, mayAsk, signal) {
      const { questions = [] } = query;
      const [question] = questions;
      if (((query.flags ?? 0) >> 11) & 15) return reply(query, 'NOTIMP');
      if (!isReady()) return reply(query, 'SERVFAIL');
      if (questions.length !== 1 || !question) return reply(query, 'FORMERR');
      if (question.class !== 'IN' && (question.class as string) !== 'ANY') return reply(query, 'REFUSED');
      const name = question.name.toLowerCase().replace(/\.$/, '');
      const found = zone.find(name, question.type);
      switch (found.type) {
        case 'no-name':
          return reply(query, 'NXDOMAIN', [], [startOfAuthority(zone)]);
        case 'no-data':
          return reply(query, 'NOERROR', [], [startOfAuthority(zone)]);
        case 'records': {
          const first = found.records[0]!;
          if (first.type === 'CNAME' && question.type !== 'CNAME') return chase(query, question, first.target, [wire(first, question.name)], mayAsk, signal);
          return reply(query, 'NOERROR', shuffled(found.records.map((record) => wire(record, question.name)), random));
        }
        case 'elsewhere':
          return mayAsk() ? elsewhere(query, question, signal) : reply(query, 'REFUSED', [], [], false);
      }
    },
  };

  async function elsewhere(query: DecodedPacket, question: Question, signal: AbortSignal): Promise<Packet> {
    try {
      const { rcode, answers = [], authorities = [] } = await askElsewhere(question, signal);
      return reply(query, rcode, answers, authorities, false);
    } catch {
      return reply(query, 'SERVFAIL', [], [], false);
    }
  }

  /** To an ExternalName's own addresses, here or in the world. */
  async function chase(query: DecodedPacket, question: Question, target: string, answers: Answer[], mayAsk: () => boolean, signal: AbortSignal): Promise<Packet> {
    for (let steps = 0; steps < longestChase; steps++) {
      const found = zone.find(target, question.type);
      if (found.type === 'elsewhere') {
        const more = mayAsk() ? await askElsewhere({ ...question, name: target }, signal).catch(() => undefined) : undefined;
        // The alias is known to be true whatever becomes of its target.
        return reply(query, more?.rcode === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR', [...answers, ...(more?.answers ?? [])]);
      }
      if (found.type !== 'records') return reply(query, found.type === 'no-name' ? 'NXDOMAIN' : 'NOERROR', answers, [startOfAuthority(zone)]);
      answers = [...answers, ...found.records.map((record) => wire(record, target))];
      const first = found.records[0]!;
      if (first.type !== 'CNAME' || question.type === 'CNAME') return reply(query, 'NOERROR', answers);
      target = first.target;
    }
    return reply(query, 'SERVFAIL', answers);
  }
}

export function reply(query: Pick<DecodedPacket, 'id' | 'questions' | 'flags' | 'additionals'>, rcode: Rcode, answers: Answer[] = [], authorities: Answer[] = [], authoritative = true): Packet {
  const { id, questions = [], flags = 0, additionals = [] } = query;
  const asksWide = additionals.some(({ type }) => type === 'OPT');
  return {
    type: 'response',
    id: id!,
    flags: (authoritative ? flagBits.authoritative : 0) | (flags & flagBits.recursionDesired) | flagBits.recursionAvailable | rcodes[rcode],
    questions,
    answers,
    authorities,
    additionals: asksWide ? [{ type: 'OPT', name: '.', udpPayloadSize: widestUdp, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }] : [],
  } as Packet;
}

/** What we take and send in one datagram where the client says it can: no fragments on any usual link (DNS flag day 2020). */
export const widestUdp = 1232;

/** As `response`, with so many of its answers; the client may ask again over TCP, and one that cannot has those. */
export function truncated(response: Packet, kept: number): Packet {
  return { ...response, flags: response.flags! | flagBits.truncated, answers: response.answers!.slice(0, kept), authorities: [] };
}

function wire(record: ZoneRecord, name: string): Answer {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { type: record.type, name, ttl, data: record.ip };
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return { type: record.type, name, ttl, data: record.target };
    case 'SRV':
      return { type: 'SRV', name, ttl, data: { port: record.port, target: record.target, priority: 0, weight: 100 } };
    case 'TXT':
      return { type: 'TXT', name, ttl, data: record.text };
  }
}

/** For how long there is nothing: as short as an answer lasts. */
function startOfAuthority({ domain }: Zone): Answer {
  return { type: 'SOA', name: domain, ttl, data: { mname: `ns.dns.${domain}`, rname: `hostmaster.${domain}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: ttl } };
}

function shuffled(answers: Answer[], random: Random): Answer[] {
  for (let last = answers.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    [answers[last], answers[other]] = [answers[other]!, answers[last]!];
  }
  return answers;
}
