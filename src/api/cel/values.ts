// The values of CEL. int: bigint; double: number; uint, timestamps, durations and Kubernetes' own: classes of their own;
// lists: arrays; maps: Maps; objects with declared fields: Fields.
import { formatTime } from '../../base/clock.ts';

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export function uint(value: bigint): Uint {
  if (value < 0n || value > 18446744073709551615n) throw new EvaluationError('unsigned integer overflow');
  return new Uint(value);
}

export class Timestamp {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

export class Duration {
  readonly ns: bigint;
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export class Optional {
  readonly value: unknown;
  readonly hasValue: boolean;
  constructor(hasValue: boolean, value?: unknown) {
    this.hasValue = hasValue;
    this.value = value;
  }
}

export const none = new Optional(false);

/** An object whose schema says which fields there are; those that are absent are not in it. */
export class Fields {
  readonly type: string;
  readonly fields: ReadonlyMap<string, unknown>;
  constructor(type: string, fields: ReadonlyMap<string, unknown>) {
    this.type = type;
    this.fields = fields;
  }
}

/** The name of a type, as `type(x)` gives it. */
export class TypeName {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A value of Kubernetes' own types: a quantity, a URL, an address. */
export abstract class Opaque {
  abstract readonly type: string;
  abstract equals(other: unknown): boolean;
}

/** What happens when an expression is evaluated and comes to no value. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** Lists that a schema says are sets, or are keyed: they are equal whatever the order, and joined without doubles. */
const associative = new WeakMap<readonly unknown[], { readonly keys: readonly string[] | undefined }>();

export function markAssociative(list: readonly unknown[], keys: readonly string[] | undefined): void {
  associative.set(list, { keys });
}

export function associationOf(list: readonly unknown[]): { readonly keys: readonly string[] | undefined } | undefined {
  return associative.get(list);
}

export function kindOf(value: unknown): string {
  switch (typeof value) {
    case 'bigint': return 'int';
    case 'number': return 'double';
    case 'string': return 'string';
    case 'boolean': return 'bool';
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'map';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  if (value instanceof Optional) return 'optional';
  if (value instanceof Fields) return 'object';
  if (value instanceof TypeName) return 'type';
  return value instanceof Opaque ? value.type : 'dyn';
}

/** 1 and 1.0 are equal, whatever their types. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x == y; // eslint-disable-line eqeqeq -- compares bigint with number exactly
  if (Array.isArray(a) && Array.isArray(b)) return sameLists(a, b);
  if (a instanceof Map && b instanceof Map) return sameMaps(a, b);
  if (a instanceof Fields && b instanceof Fields) return sameMaps(a.fields, b.fields);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.ms === b.ms;
  if (a instanceof Duration && b instanceof Duration) return a.ns === b.ns;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof Optional && b instanceof Optional) return a.hasValue === b.hasValue && equal(a.value, b.value);
  if (a instanceof TypeName && b instanceof TypeName) return a.text === b.text;
  return a instanceof Opaque && a.equals(b);
}

function sameLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  return associationOf(a) ? a.every((item) => b.some((other) => equal(item, other))) : a.every((item, i) => equal(item, b[i]));
}

function sameMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !equal(value, b.get(key))) return false;
  return true;
}

export function numberOf(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

/** Negative, zero or positive; undefined for what has no order. */
export function compare(a: unknown, b: unknown): number | undefined {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x == y ? 0 : NaN; // eslint-disable-line eqeqeq -- as above
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.ms - b.ms;
  if (a instanceof Duration && b instanceof Duration) return a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0;
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) : undefined;
}

export function showTimestamp({ ms }: Timestamp): string {
  const fraction = ((ms % 1000) + 1000) % 1000;
  return fraction === 0 ? formatTime(ms) : `${formatTime(ms).slice(0, 19)}.${String(fraction).padStart(3, '0').replace(/0+$/, '')}Z`;
}

export function showDuration({ ns }: Duration): string {
  const sign = ns < 0n ? '-' : '';
  const size = ns < 0n ? -ns : ns;
  const fraction = String(size % 1_000_000_000n).padStart(9, '0').replace(/0+$/, '');
  return `${sign}${size / 1_000_000_000n}${fraction ? `.${fraction}` : ''}s`;
}
