// IP addresses of both families as numbers, and ranges of them.
import { isIPv4, isIPv6 } from 'node:net';

export type IpFamily = 'IPv4' | 'IPv6';

export interface Ip {
  readonly family: IpFamily;
  readonly value: bigint;
}

export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly bits: number;
}

const widths: Readonly<Record<IpFamily, number>> = { IPv4: 32, IPv6: 128 };

/** Undefined: not an address. Zones (`%eth0`) are none of it. */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { family: 'IPv4', value: BigInt(text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // The last 32 bits may be written as an IPv4 address.
  const plain = text.replace(/[\d.]+$/, (tail) => {
    if (!tail.includes('.')) return tail;
    const { value } = parseIp(tail)!;
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail = ''] = plain.split('::');
  const groupsOf = (part: string) => (part ? part.split(':') : []);
  const [left, right] = [groupsOf(head), groupsOf(tail)];
  const groups = plain.includes('::') ? [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right] : left;
  return { family: 'IPv6', value: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}

/** The shortest form, in small letters (RFC 5952). */
export function formatIp({ family, value }: Ip): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const zeros = longestZeros(groups);
  if (!zeros) return groups.join(':');
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

export function familyOf(text: string): IpFamily {
  return text.includes(':') ? 'IPv6' : 'IPv4';
}

/** `10.1.2.0/24`, `fd00::/64`, or a lone address as the smallest range; undefined when it is none. Bits beyond the prefix are cleared. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', length, more] = text.split('/');
  const ip = parseIp(address);
  if (!ip || more !== undefined || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const bits = length === undefined ? widths[ip.family] : Number(length);
  if (bits > widths[ip.family]) return undefined;
  const size = sizeOf({ family: ip.family, bits });
  return { family: ip.family, first: ip.value - (ip.value % size), bits };
}

export function formatIpRange({ family, first, bits }: IpRange): string {
  return `${formatIp({ family, value: first })}/${bits}`;
}

/** How many addresses it has. */
export function sizeOf({ family, bits }: Pick<IpRange, 'family' | 'bits'>): bigint {
  return 1n << BigInt(widths[family] - bits);
}

export function holds(range: IpRange, { family, value }: Ip): boolean {
  return family === range.family && value >= range.first && value < range.first + sizeOf(range);
}

export function rangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);
}

/** The address `index` places after the range's first. */
export function ipAt({ family, first }: IpRange, index: number): string {
  return formatIp({ family, value: first + BigInt(index) });
}

/** The first of the longest runs of two or more. */
function longestZeros(groups: readonly string[]): { readonly start: number; readonly length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length >= 2 && length > (best?.length ?? 1)) best = { start, length };
    start += length;
  }
  return best;
}
