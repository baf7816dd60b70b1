// ASN.1 in its distinguished encoding (X.690), as far as certificates and requests for them need it. Pure.

export interface DerNode {
  /** The identifier byte: class, constructed or not, number. */
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

export const derTag = { integer: 0x02, bitString: 0x03, octetString: 0x04, objectId: 0x06, utf8String: 0x0c, sequence: 0x30, set: 0x31 } as const;

/** The one value that `bytes` are. Throws an Error for anything else. */
export function readDer(bytes: Buffer): DerNode {
  const node = readAt(bytes, 0);
  if (node.whole.length !== bytes.length) throw new Error('asn1: syntax error: trailing data');
  return node;
}

/** What a constructed value holds; of this kind, if one is named. */
export function childrenOf({ tag, content }: DerNode, wanted: number = tag): DerNode[] {
  if ((tag & 0x20) === 0 || tag !== wanted) throw new Error('asn1: structure error: a constructed value was expected');
  const children: DerNode[] = [];
  for (let at = 0; at < content.length; ) {
    const child = readAt(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

/** `2.5.4.3` */
export function objectIdOf({ tag, content }: DerNode): string {
  if (tag !== derTag.objectId || content.length === 0) throw new Error('asn1: structure error: an object identifier was expected');
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

/** The text of any of the string types that names come in. */
export function textOfDer({ tag, content }: DerNode): string {
  switch (tag) {
    case 0x0c: // UTF8String
    case 0x13: // PrintableString
    case 0x16: // IA5String
      return content.toString('utf8');
    case 0x14: // T61String
      return content.toString('latin1');
    case 0x1e: // BMPString
      return Buffer.from(content).swap16().toString('utf16le');
    default:
      throw new Error(`asn1: structure error: tag ${tag} is no string`);
  }
}

/** The bytes of a bit string without unused bits. */
export function bitsOf({ tag, content }: DerNode): Buffer {
  if (tag !== derTag.bitString || content[0] !== 0) throw new Error('asn1: structure error: a bit string was expected');
  return content.subarray(1);
}

function readAt(bytes: Buffer, start: number): DerNode {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw new Error('asn1: syntax error: data truncated');
  if ((tag & 0x1f) === 0x1f) throw new Error('asn1: syntax error: a tag of several bytes');
  let [length, at] = [first, start + 2];
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new Error('asn1: structure error: length too large');
    if (at + count > bytes.length) throw new Error('asn1: syntax error: data truncated');
    length = bytes.readUIntBE(at, count);
    at += count;
  }
  if (at + length > bytes.length) throw new Error('asn1: syntax error: data truncated');
  return { tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) };
}

/** One value; `parts` are joined to its content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const size = content.length < 0x100 ? 1 : content.length < 0x10000 ? 2 : 3;
  const length = Buffer.alloc(size);
  length.writeUIntBE(content.length, 0, size);
  return Buffer.concat([Buffer.of(tag, 0x80 | size), length, content]);
}

export function derObjectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((number) => {
    const groups = [number & 0x7f];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(derTag.objectId, Buffer.from(bytes));
}
