// IPv4 addresses as numbers, and ranges of them.

export interface Ipv4Range {
  /** As it was given: `10.96.0.0/16`. */
  readonly text: string;
  /** The first address that can be given out: the network's own is left. */
  readonly first: number;
  readonly size: number;
  holds(address: number): boolean;
}

export function ipv4Range(text: string): Ipv4Range {
  const [network, bits] = text.split('/');
  const base = ipv4Number(network ?? '');
  const length = Number(bits);
  if (base === undefined || !Number.isInteger(length) || length < 1 || length > 30) throw new Error(`${text} is not a range of IPv4 addresses`);
  const all = 2 ** (32 - length);
  const start = base - (base % all);
  const first = start + 1;
  const size = all - 2; // without the network's address and the broadcast address
  return { text, first, size, holds: (address) => address >= first && address < first + size };
}

/** Undefined: not an address. */
export function ipv4Number(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

export function ipv4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
