// Answers and watches in Kubernetes' protobuf, which Go clients ask for where the kind is built in. Loaded with the first of them.
import type { Kind } from '../../api/kind.ts';
import { encodeFrame, encodeMessage, inEnvelope, itemHeader, listAround, messageOf, protobufType } from '../../api/protobuf/envelope.ts';
import type { ValueType } from '../../api/protobuf/message.ts';
import type { KubeObject } from '../../api/types.ts';
import { apiVersionOf } from '../registry/receive.ts';
import type { Answer, ItemList } from '../registry/registry.ts';
import type { Item } from '../watch/item.ts';
import type { Note } from '../watch/notes.ts';
import type { Wanted } from './accept.ts';
import type { Pieces } from './exchange.ts';
import { listMetadata } from './render.ts';
import { partialOf } from './table.ts';

export { protobufType };

/** How the objects of one kind are told: their group and version, their kind, and the bytes of each. */
interface Teller {
  readonly apiVersion: string;
  readonly kind: string;
  readonly listKind: string;
  readonly message: (item: Item) => Buffer;
}

/** Throws where there is no protobuf for the object: those who ask have been told so before. */
export function protobufObject(object: { apiVersion?: string; kind?: string }): Buffer {
  // The oldest documents of discovery do not say their version.
  const { apiVersion = 'v1', kind = '' } = object;
  return inEnvelope(apiVersion, kind, encodeMessage(typeFor(apiVersion, kind), object));
}

export function protobufBody(answer: Answer, wanted: Wanted): Buffer | Promise<Pieces> {
  if (answer.type === 'object') return protobufObject(answer.object);
  const teller = tellerOf(answer.kind, wanted);
  if (answer.type === 'item') return inEnvelope(teller.apiVersion, teller.kind, teller.message(answer.item));
  return listBody(answer.list, teller);
}

export interface Frames {
  /** Of all that was told at once. */
  batch(notes: readonly Note[]): Buffer;
  event(type: string, object: { apiVersion?: string; kind?: string }): Buffer;
}

const frames = new WeakMap<Kind, Frames>();

/** How a watch is written. The same one for all who watch a kind as it is, so that they share what is written. */
export function framesOf(kind: Kind, wanted: Wanted): Frames {
  const known = wanted.form === 'object' ? frames.get(kind) : undefined;
  if (known) return known;
  const { apiVersion, kind: told, message } = tellerOf(kind, wanted);
  const made: Frames = {
    batch: (notes) => Buffer.concat(notes.map(({ type, item }) => encodeFrame(type, apiVersion, told, message(item)))),
    event: (type, object) => encodeFrame(type, object.apiVersion!, object.kind!, encodeMessage(typeFor(object.apiVersion!, object.kind!), object)),
  };
  if (wanted.form === 'object') frames.set(kind, made);
  return made;
}

function typeFor(apiVersion: string, kind: string): ValueType {
  const type = messageOf(apiVersion, kind);
  if (!type) throw new Error(`${kind} in ${apiVersion} has no protobuf`);
  return type;
}

function tellerOf(kind: Kind, { form, version }: Wanted): Teller {
  if (form === 'partial') {
    const apiVersion = `meta.k8s.io/${version}`;
    const type = typeFor('meta.k8s.io/v1', 'PartialObjectMetadata');
    return { apiVersion, kind: 'PartialObjectMetadata', listKind: 'PartialObjectMetadataList', message: (item) => item.peek((object) => encodeMessage(type, partialOf(object))) };
  }
  const apiVersion = apiVersionOf(kind);
  const type = typeFor(apiVersion, kind.kind);
  const make = (object: KubeObject) => encodeMessage(type, object);
  return { apiVersion, kind: kind.kind, listKind: kind.listKind, message: (item) => item.message(make) };
}

/** So many items are encoded before others have their turn: about a millisecond. */
const itemsAtOnce = 100;
const pieceBytes = 64 * 1024;

/** A list's length stands before its items, so they are all encoded first; they are kept in pieces, and never put together. */
async function listBody(list: ItemList, { apiVersion, kind, listKind, message }: Teller): Promise<Pieces> {
  // The oldest form of partial lists has the two the other way round.
  const number = kind === 'PartialObjectMetadata' && apiVersion.endsWith('/v1beta1') ? 1 : 2;
  const pieces: Buffer[] = [];
  let piece: Buffer = Buffer.alloc(0);
  let filled = 0;
  let itemBytes = 0;
  for (const [index, item] of list.items.entries()) {
    if (index > 0 && index % itemsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
    const bytes = message(item);
    const header = itemHeader(number, bytes.length);
    if (header.length + bytes.length > piece.length - filled) {
      if (filled > 0) pieces.push(piece.subarray(0, filled));
      piece = Buffer.allocUnsafeSlow(Math.max(pieceBytes, header.length + bytes.length));
      filled = 0;
    }
    filled += header.copy(piece, filled);
    filled += bytes.copy(piece, filled);
    itemBytes += header.length + bytes.length;
  }
  if (filled > 0) pieces.push(piece.subarray(0, filled));
  const { head, tail } = listAround(apiVersion, listKind, listMetadata(list), itemBytes);
  const all = [head, ...pieces, tail];
  const length = head.length + itemBytes + tail.length;
  return { length, whole: () => Buffer.concat(all, length), pieces: () => all[Symbol.iterator]() };
}
