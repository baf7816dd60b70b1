// Which range a new node gets: pure.

export interface NodeRanges {
  /** `10.85.0.0/18` */
  readonly clusterRange: string;
  /** How large each node's is: 24. Never larger than the cluster's. */
  readonly nodeBits: number;
  /** Given without any Node saying so: the range of the node beside the API server. */
  readonly reserved: readonly string[];
}

/** The lowest that overlaps none of `taken`; undefined: all are given. */
export function firstFree({ clusterRange, nodeBits, reserved }: NodeRanges, taken: readonly string[]): string | undefined {
  const whole = parse(clusterRange);
  const bits = Math.max(whole.bits, nodeBits);
  const size = 2 ** (32 - bits);
  const others = [...reserved, ...taken].filter((range) => range.includes('.')).map(parse);
  for (let first = whole.first; first < whole.first + 2 ** (32 - whole.bits); first += size) {
    const isTaken = others.some((other) => other.first < first + size && first < other.first + 2 ** (32 - other.bits));
    if (!isTaken) return `${[24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join('.')}/${bits}`;
  }
  return undefined;
}

function parse(text: string): { readonly first: number; readonly bits: number } {
  const [address = '', bits = '32'] = text.split('/');
  return { first: address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0), bits: Number(bits) };
}
