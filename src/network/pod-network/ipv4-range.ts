// IPv4 ranges as numbers: pure.

export interface Ipv4Range {
  /** The first address, as an unsigned 32-bit number. */
  readonly first: number;
  readonly bits: number;
}

/** `10.1.2.0/24`, or a lone address as /32; undefined when it is none. Bits beyond the prefix are cleared. */
export function parseRange(text: string): Ipv4Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1, 5).map(Number);
  const bits = match[5] === undefined ? 32 : Number(match[5]);
  if (bytes.some((byte) => byte > 255) || bits > 32) return undefined;
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return { first: address - (address % sizeOf(bits)), bits };
}

export function formatRange({ first, bits }: Ipv4Range): string {
  return `${formatAddress(first)}/${bits}`;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** The address `index` places after the range's first. */
export function addressAt(range: Ipv4Range, index: number): string {
  return formatAddress(range.first + index);
}

export function overlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first < b.first + sizeOf(b.bits) && b.first < a.first + sizeOf(a.bits);
}

function sizeOf(bits: number): number {
  return 2 ** (32 - bits);
}
