// Objects of Kubernetes in protobuf: `k8s\0`, then runtime.Unknown with the object's kind and its bytes.
import { fieldFacts, messageName } from './facts.ts';
import { Message, type ValueType } from './message.ts';
import { Reader, WireError } from './reader.ts';
import { scalars, shownValue } from './values.ts';
import { Writer } from './writer.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** Of an object that could not be read, but whose kind could. */
export class BadObject extends Error {
  override readonly name = 'BadObject';
  readonly kind: string;
  readonly version: string;

  constructor(apiVersion: string, kind: string, cause: Error) {
    super(cause.message, { cause });
    this.kind = kind;
    this.version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  }
}

const types = new Map<string, ValueType>();

function typeOf(name: string): ValueType {
  if (Object.hasOwn(scalars, name)) return scalars[name]!;
  let type = types.get(name);
  if (type) return type;
  const facts = fieldFacts(name);
  type = shownValue(name, facts, typeOf, decode);
  if (!type && !facts) throw new Error(`nothing is known of ${name}`);
  type ??= new Message(name, facts!, typeOf);
  types.set(name, type);
  return type;
}

/** How objects of a kind are written; undefined: not in protobuf. */
export function messageOf(apiVersion: string, kind: string): ValueType | undefined {
  const name = messageName(apiVersion, kind);
  return name === undefined ? undefined : typeOf(name);
}

const magic = Buffer.from('k8s\0');
const writer = new Writer();

const typeMeta = new Message('', { apiVersion: [1, 'string'], kind: [2, 'string'] }, typeOf, true);
const typeMetaTag = (1 << 3) | 2;
const rawTag = (2 << 3) | 2;
/** Of runtime.Unknown: an empty encoding and an empty type of the content, which Go always writes. */
const tail = Buffer.from([(3 << 3) | 2, 0, (4 << 3) | 2, 0]);

/** An object's own bytes, without an envelope. */
export function encodeMessage(type: ValueType, object: object): Buffer {
  return written(() => type.write(writer, object));
}

/** An object's bytes in their envelope. */
export function inEnvelope(apiVersion: string, kind: string, message: Buffer): Buffer {
  return written(() => writeEnvelope(apiVersion, kind, message));
}

/** An event of a watch, after the length by which the stream is cut into events. */
export function encodeFrame(type: string, apiVersion: string, kind: string, message: Buffer): Buffer {
  return written(() => {
    // WatchEvent has the object as a RawExtension, whose one field is the bytes.
    writeEnvelope(apiVersion, kind, message);
    writer.header((1 << 3) | 2, 0);
    writer.header((2 << 3) | 2, 0);
    writeText(1, type);
    const { mark: length } = writer;
    for (let shift = 0; shift < 32; shift += 8) writer.byte((length >>> shift) & 255);
  });
}

/** What comes before a list's items and after them; they are `itemBytes` long with the header of each. */
export function listAround(apiVersion: string, kind: string, metadata: object, itemBytes: number): { readonly head: Buffer; readonly tail: Buffer } {
  const own = encodeMessage(messageOf(apiVersion, kind)!, { metadata });
  const head = written(() => {
    writer.bytes(own);
    writer.varint(own.length + itemBytes);
    writer.varint(rawTag);
    writeHead(apiVersion, kind);
  });
  return { head, tail };
}

/** What comes before an item of so many bytes. */
export function itemHeader(number: number, length: number): Buffer {
  return written(() => {
    writer.varint(length);
    writer.varint((number << 3) | 2);
  });
}

/** The object in an envelope. Throws WireError, or BadObject once its kind is known. */
export function decodeObject(bytes: Buffer): object {
  return decode(bytes, 0);
}

function decode(bytes: Buffer, depth: number): object {
  if (bytes.length < 4 || !bytes.subarray(0, 4).equals(magic)) throw new WireError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const { apiVersion, kind, raw } = readUnknown(bytes);
  if (kind === '') throw new WireError("Object 'Kind' is missing in the envelope");
  if (apiVersion === '') throw new WireError("Object 'apiVersion' is missing in the envelope");
  const type = messageOf(apiVersion, kind);
  if (!type) throw new WireError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  try {
    return { apiVersion, kind, ...(type.read(new Reader(raw), raw.length, depth + 1) as object) };
  } catch (error) {
    throw new BadObject(apiVersion, kind, error as Error);
  }
}

function readUnknown(bytes: Buffer): { readonly apiVersion: string; readonly kind: string; readonly raw: Buffer } {
  const reader = new Reader(bytes);
  reader.at = magic.length;
  const end = bytes.length;
  const found = { apiVersion: '', kind: '', raw: bytes.subarray(end) };
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === typeMetaTag) typeMeta.read(reader, reader.length(end), 0, found);
    else if (tag === rawTag) found.raw = reader.slice(reader.length(end));
    else reader.skip(tag & 7, end);
  }
  return found;
}

function writeEnvelope(apiVersion: string, kind: string, message: Buffer): void {
  writer.bytes(tail);
  const mark = writer.mark;
  writer.bytes(message);
  writer.header(rawTag, mark);
  writeHead(apiVersion, kind);
}

function writeHead(apiVersion: string, kind: string): void {
  const mark = writer.mark;
  typeMeta.write(writer, { apiVersion, kind });
  writer.header(typeMetaTag, mark);
  writer.bytes(magic);
}

function writeText(number: number, text: string): void {
  const mark = writer.mark;
  writer.string(text);
  writer.header((number << 3) | 2, mark);
}

function written(write: () => void): Buffer {
  try {
    write();
    return writer.take();
  } catch (error) {
    writer.reset();
    throw error;
  }
}
