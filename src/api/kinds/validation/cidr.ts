// Ranges of addresses of both families, as numbers: pure.
import { isIP } from 'node:net';

export interface Cidr {
  readonly family: 4 | 6;
  /** The address as written, of which the bits beyond the prefix may be set. */
  readonly address: bigint;
  readonly bits: number;
}

const widthOf = { 4: 32, 6: 128 } as const;

/** `10.0.0.0/8`, `2001:db8::/32`; undefined when it is none. An IPv4 address written as an IPv6 one is the former. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)\/(\d{1,3})$/.exec(text);
  const family = match ? (isIP(match[1]!) as 0 | 4 | 6) : 0;
  if (!match || family === 0) return undefined;
  const bits = Number(match[2]);
  if (bits > widthOf[family]) return undefined;
  const address = family === 4 ? fromIpv4(match[1]!) : fromIpv6(match[1]!);
  if (family === 6 && address >> 32n === 0xffffn && bits >= 96) return { family: 4, address: address & 0xffff_ffffn, bits: bits - 96 };
  return { family, address, bits };
}

/** Its first address: the bits beyond the prefix cleared. */
export function firstOf({ family, address, bits }: Cidr): bigint {
  const rest = BigInt(widthOf[family] - bits);
  return (address >> rest) << rest;
}

export function isWithin(part: Cidr, whole: Cidr): boolean {
  return part.family === whole.family && firstOf({ ...whole, address: part.address }) === firstOf(whole);
}

/** As it is usually written, without bits beyond the prefix. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.family, firstOf(cidr))}/${cidr.bits}`;
}

/** What a client is told of a range that is accepted and may not mean what it seems to. */
export function cidrWarnings(field: string, text: string): string[] {
  const cidr = parseCidr(text);
  if (!cidr || firstOf(cidr) === cidr.address) return [];
  const alone = `${formatAddress(cidr.family, cidr.address)}/${widthOf[cidr.family]}`;
  return [`${field}: CIDR value ${JSON.stringify(text)} is ambiguous in this context (should be ${JSON.stringify(formatCidr(cidr))} or ${JSON.stringify(alone)}?)`];
}

function fromIpv4(text: string): bigint {
  return text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(Number(byte)), 0n);
}

function fromIpv6(text: string): bigint {
  const dotted = /[^:]+\.[^:]+$/.exec(text)?.[0];
  const plain = dotted ? `${text.slice(0, -dotted.length)}${(fromIpv4(dotted) >> 16n).toString(16)}:${(fromIpv4(dotted) & 0xffffn).toString(16)}` : text;
  const [left = '', right] = plain.split('::');
  const words = (half: string) => half.split(':').filter(Boolean);
  const [head, tail] = [words(left), words(right ?? '')];
  const whole = right === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return whole.reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n);
}

function formatAddress(family: 4 | 6, address: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
  const words = Array.from({ length: 8 }, (_, at) => ((address >> BigInt(16 * (7 - at))) & 0xffffn).toString(16)).join(':');
  // The longest run of zeros is left out (RFC 5952).
  const runs = [...words.matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  const [run] = runs;
  return run ? `${words.slice(0, run.index).replace(/:$/, '')}::${words.slice(run.index + run[0].length).replace(/^:/, '')}` : words;
}
