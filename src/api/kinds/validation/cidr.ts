// Ranges of addresses as fields of the API: pure.
import { formatIp, formatIpRange, holds, parseIp, parseIpRange, type IpRange } from '../../../base/ip.ts';

/** `10.0.0.0/8`, `2001:db8::/32`; undefined when it is none. An IPv4 range written as an IPv6 one is the former. */
export function parseCidr(text: string): IpRange | undefined {
  const range = text.includes('/') ? parseIpRange(text) : undefined;
  if (range?.family === 'IPv6' && range.first >> 32n === 0xffffn && range.bits >= 96) return { family: 'IPv4', first: range.first & 0xffff_ffffn, bits: range.bits - 96 };
  return range;
}

export function isWithin(part: IpRange, whole: IpRange): boolean {
  return part.bits >= whole.bits && holds(whole, { family: part.family, value: part.first });
}

/** What a client is told of a range that is accepted and may not mean what it seems to. */
export function cidrWarnings(field: string, text: string): string[] {
  const [range, ip] = [parseCidr(text), parseIp(text.split('/')[0]!)];
  if (!range || !ip || ip.family !== range.family || ip.value === range.first) return [];
  const alone = `${formatIp(ip)}/${ip.family === 'IPv4' ? 32 : 128}`;
  return [`${field}: CIDR value ${JSON.stringify(text)} is ambiguous in this context (should be ${JSON.stringify(formatIpRange(range))} or ${JSON.stringify(alone)}?)`];
}
