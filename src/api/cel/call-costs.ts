// What a call costs at most, by how large its arguments may be, and how large its result is then. The numbers are upstream's, with
// their oddities: a definition that is accepted there must be accepted here.
import { ceiled, plus, times, unknownSize, type Size } from './sizes.ts';
import type { Type } from './types.ts';

export interface Argument {
  readonly type: Type;
  readonly size: Size;
  /** What is written out. */
  readonly literal: unknown;
  /** What a list holds. */
  readonly item: { readonly type: Type; readonly size: Size } | undefined;
}

export interface CallCost {
  readonly cost: number;
  /** Undefined: as its type says. */
  readonly size?: Size;
}

type Cost = (receiver: Argument | undefined, args: readonly Argument[]) => CallCost | undefined;

/** Going through a text. */
const traversal = 0.1;
/** A pattern has a state for about each fourth letter. */
const perPatternLetter = 0.25;
/** As upstream bounds the patterns of its named formats. */
const longestFormatPattern = 128;

export function callCost(name: string, receiver: Argument | undefined, args: readonly Argument[]): CallCost {
  return costs.get(name)?.(receiver, args) ?? { cost: 1 };
}

const through = (of: Argument | undefined, size?: Size): CallCost | undefined => of && { cost: ceiled(of.size.max, traversal), ...(size ? { size } : {}) };
const sameSize: Cost = (receiver) => through(receiver, receiver?.size);
const overList: Cost = (receiver) => {
  if (!receiver) return undefined;
  if (!receiver.item) return through(receiver);
  const { type, size } = receiver.item;
  return { cost: times(receiver.size.max, 1 + (type.kind === 'string' || type.kind === 'bytes' ? ceiled(size.max, traversal) : 0)) };
};
const compared = (each: number): Cost => (_receiver, [a, b]) => a && b && { cost: plus(ceiled(times(a.size.max, b.size.max), each), 1) };
const allocating = (size: Size, each = 1): CallCost => ({ cost: plus(ceiled(size.max, each), 1, 10), size });
const whole = (of: Argument | undefined, otherwise: number): number => (typeof of?.literal === 'bigint' && of.literal >= 0n ? Number(of.literal) : otherwise);
const sorted: Cost = (receiver) => receiver && allocating({ min: 0, max: times(receiver.size.max, receiver.size.max) }, receiver.item && ['string', 'bytes'].includes(receiver.item.type.kind) ? 2.1 : 2);
const matched: Cost = (receiver, [pattern]) => receiver && pattern && { cost: times(ceiled(plus(receiver.size.max, 1), traversal), ceiled(pattern.size.max, perPatternLetter)) };
const checked: Cost = () => ({ cost: 350_000 });
const selected: Cost = (_receiver, [text]) => text && { cost: plus(10, ceiled(text.size.max, traversal), ceiled(ceiled(text.size.max, 0.5), 50)) };

const costs: ReadonlyMap<string, Cost> = new Map<string, Cost>([
  ['check', checked],
  ['fieldSelector', selected],
  ['labelSelector', selected],
  ...['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'].map((name): [string, Cost] => [name, overList]),
  ['url', (_receiver, [text]) => through(text, text?.size)],
  ['jsonpatch.escapeKey', (_receiver, [text]) => through(text, text?.size)],
  ...['lowerAscii', 'upperAscii', 'substring', 'trim'].map((name): [string, Cost] => [name, sameSize]),
  ['replace', (receiver, [from, to]) => receiver && from && to && { cost: ceiled(receiver.size.max, 2 * traversal), size: replacedSize(receiver.size, from.size, to.size) }],
  ['split', (receiver, [, most]) => receiver && { cost: ceiled(receiver.size.max, 2 * traversal), size: { min: 0, max: whole(most, receiver.size.max) } }],
  ['join', joined],
  ['matches', matched],
  ['find', found],
  ['findAll', found],
  ['containsIP', (receiver, [other]) => receiver && other && { cost: plus(4, other.type.kind === 'string' ? ceiled(other.size.max, traversal) : 0) }],
  ['containsCIDR', (receiver, [other]) => receiver && other && { cost: plus(4, 2, 1, other.type.kind === 'string' ? ceiled(other.size.max, traversal) : 0) }],
  ['validate', (receiver, [text]) => receiver && text && { cost: ceiled(ceiled(text.size.max, traversal), longestFormatPattern * perPatternLetter) }],
  ['contains', (receiver, [part]) => receiver && part && { cost: times(ceiled(receiver.size.max, traversal), ceiled(part.size.max, traversal)) }],
  ['startsWith', (_receiver, [part]) => through(part)],
  ['endsWith', (_receiver, [part]) => through(part)],
  ['format', (receiver) => through(receiver)],
  ['strings.quote', (_receiver, [text]) => through(text, text && { min: plus(text.size.min, 2), max: plus(times(text.size.max, 2), 2) })],
  ['bytes', (_receiver, [text]) => (text?.type.kind === 'string' ? through(text, { min: text.size.min, max: times(text.size.max, 4) }) : undefined)],
  ['string', (_receiver, [bytes]) => (bytes?.type.kind === 'bytes' ? through(bytes, { min: Math.floor(bytes.size.min / 4), max: bytes.size.max }) : undefined)],
  ['sets.contains', compared(1)],
  ['sets.intersects', compared(1)],
  ['sets.equivalent', compared(2)],
  ['slice', (receiver, [from, to]) => receiver && allocating({ min: 0, max: Math.max(0, whole(to, receiver.size.max) - whole(from, 0)) })],
  ['lists.range', (_receiver, [count]) => allocating({ min: 0, max: whole(count, unknownSize.max) })],
  ['reverse', (receiver) => (receiver?.item ? allocating(receiver.size) : undefined)],
  ['flatten', (receiver, [depth]) => receiver && allocating(receiver.size, depth ? whole(depth, unknownSize.max) : 1)],
  ['distinct', (receiver) => receiver && allocating({ min: 0, max: times(receiver.size.max, receiver.size.max) }, 2)],
  ['sort', sorted],
]);

function found(receiver: Argument | undefined, args: readonly Argument[]): CallCost | undefined {
  const cost = matched(receiver, args);
  return cost && { ...cost, size: { min: 0, max: receiver!.size.max } };
}

function joined(receiver: Argument | undefined, [separator]: readonly Argument[]): CallCost | undefined {
  if (!receiver) return undefined;
  const between = Math.max(0, receiver.size.max - 1);
  const max = plus(times(receiver.size.max, receiver.item?.size.max ?? 0), separator ? times(separator.size.max, between) : 0);
  return { cost: ceiled(max, traversal), size: { min: 0, max } };
}

/** The longest and the shortest that may be left when texts of these sizes take each other's place. */
function replacedSize(text: Size, from: Size, to: Size): Size {
  const kept = { min: 0, max: 0 };
  const places = { min: 0, max: 0 };
  if (from.min === 0) [places.max, kept.max] = [plus(text.max, 1), text.max];
  else if (to.max <= from.min) kept.max = text.max;
  else places.max = Math.ceil(text.max / from.min);
  if (from.max === 0) [places.min, kept.min] = [plus(text.min, 1), text.min];
  else if (from.max <= to.min) kept.min = text.min;
  else places.min = Math.ceil(text.min / from.max);
  return { min: plus(times(places.min, to.min), kept.min), max: plus(times(places.max, to.max), kept.max) };
}
