// Addresses and ranges of IP.
import { isIP, isIPv4 } from 'node:net';
import type { FunctionTable } from '../functions.ts';
import { EvaluationError, Opaque } from '../values.ts';

class Ip extends Opaque {
  readonly type = 'ip';
  readonly family: 4 | 6;
  readonly bits: bigint;
  constructor(family: 4 | 6, bits: bigint) {
    super();
    this.family = family;
    this.bits = bits;
  }
  equals(other: unknown): boolean {
    return other instanceof Ip && other.family === this.family && other.bits === this.bits;
  }
}

class Cidr extends Opaque {
  readonly type = 'cidr';
  readonly ip: Ip;
  readonly prefix: number;
  constructor(ip: Ip, prefix: number) {
    super();
    this.ip = ip;
    this.prefix = prefix;
  }
  equals(other: unknown): boolean {
    return other instanceof Cidr && other.prefix === this.prefix && other.ip.equals(this.ip);
  }
}

/** Undefined: none, or one with a zone, or IPv4 in IPv6's clothes. */
function readIp(text: string): Ip | undefined {
  if (text.includes('%') || isIP(text) === 0) return undefined;
  if (isIPv4(text)) return new Ip(4, text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n));
  if (/\d+\.\d+\.\d+\.\d+$/.test(text)) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = tail === undefined ? before : [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return new Ip(6, all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n));
}

function showIp({ family, bits }: Ip): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.');
  const text = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - i * 16)) & 0xffffn).toString(16)).join(':');
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

function ipOf(text: string): Ip {
  const ip = readIp(text);
  if (!ip) throw new EvaluationError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return ip;
}

function readCidr(text: string): Cidr | undefined {
  const [address = '', bits = ''] = text.split('/');
  const ip = readIp(address);
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : 999;
  return ip && prefix <= widthOf(ip) && text.split('/').length === 2 ? new Cidr(ip, prefix) : undefined;
}

function cidrOf(text: string): Cidr {
  const cidr = readCidr(text);
  if (!cidr) throw new EvaluationError(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return cidr;
}

const widthOf = ({ family }: Ip): number => (family === 4 ? 32 : 128);

function masked({ ip, prefix }: Cidr): Ip {
  const host = BigInt(widthOf(ip) - prefix);
  return new Ip(ip.family, (ip.bits >> host) << host);
}

function holds(cidr: Cidr, ip: Ip): boolean {
  return ip.family === cidr.ip.family && masked(new Cidr(ip, cidr.prefix)).equals(masked(cidr));
}

const inRange = (ip: Ip, v4: string, v6: string) => holds(cidrOf(ip.family === 4 ? v4 : v6), ip);

export const addressFunctions: FunctionTable = {
  'isIP(string): bool': ([text]) => readIp(text) !== undefined,
  'ip(string): ip': ([text]) => ipOf(text),
  'string(ip): string': ([ip]) => showIp(ip),
  'ip.isCanonical(string): bool': ([text]) => showIp(ipOf(text)) === text,
  'ip.family(): int': ([{ family }]) => BigInt(family),
  'ip.isUnspecified(): bool': ([{ bits }]) => bits === 0n,
  'ip.isLoopback(): bool': ([ip]) => inRange(ip, '127.0.0.0/8', '::1/128'),
  'ip.isLinkLocalMulticast(): bool': ([ip]) => inRange(ip, '224.0.0.0/24', 'ff02::/16'),
  'ip.isLinkLocalUnicast(): bool': ([ip]) => inRange(ip, '169.254.0.0/16', 'fe80::/10'),
  'ip.isGlobalUnicast(): bool': ([ip]) => ip.bits !== 0n && !inRange(ip, '127.0.0.0/8', '::1/128') && !inRange(ip, '224.0.0.0/4', 'ff00::/8') && !inRange(ip, '169.254.0.0/16', 'fe80::/10') && !inRange(ip, '255.255.255.255/32', '::/128'),
  'isCIDR(string): bool': ([text]) => readCidr(text) !== undefined,
  'cidr(string): cidr': ([text]) => cidrOf(text),
  'string(cidr): string': ([cidr]) => `${showIp(cidr.ip)}/${cidr.prefix}`,
  'cidr.containsIP(ip): bool': ([cidr, ip]) => holds(cidr, ip),
  'cidr.containsIP(string): bool': ([cidr, text]) => holds(cidr, ipOf(text)),
  'cidr.containsCIDR(cidr): bool': ([cidr, other]) => other.prefix >= cidr.prefix && holds(cidr, other.ip),
  'cidr.containsCIDR(string): bool': ([cidr, text]) => {
    const other = cidrOf(text);
    return other.prefix >= cidr.prefix && holds(cidr, other.ip);
  },
  'cidr.ip(): ip': ([{ ip }]) => ip,
  'cidr.masked(): cidr': ([cidr]) => new Cidr(masked(cidr), cidr.prefix),
  'cidr.prefixLength(): int': ([{ prefix }]) => BigInt(prefix),
};
