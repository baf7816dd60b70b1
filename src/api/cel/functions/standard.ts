// The standard functions: sizes, conversions, times, optionals.
import { parseTime } from '../../../base/clock.ts';
import type { FunctionTable } from '../functions.ts';
import { Duration, equal, EvaluationError, kindOf, none, Optional, showDuration, showTimestamp, Timestamp, TypeName, uint } from '../values.ts';

const letters = (text: string): bigint => BigInt([...text].length);
const count = (of: readonly unknown[] | ReadonlyMap<unknown, unknown>): bigint => BigInt(Array.isArray(of) ? of.length : (of as ReadonlyMap<unknown, unknown>).size);

export const standardFunctions: FunctionTable = {
  'size(string): int': ([text]) => letters(text),
  'size(bytes): int': ([bytes]) => BigInt(bytes.length),
  'size(list<A>): int': ([list]) => count(list),
  'size(map<A, B>): int': ([map]) => count(map),
  'string.size(): int': ([text]) => letters(text),
  'bytes.size(): int': ([bytes]) => BigInt(bytes.length),
  'list<A>.size(): int': ([list]) => count(list),
  'map<A, B>.size(): int': ([map]) => count(map),

  'int(int): int': ([value]) => value,
  'int(uint): int': ([{ value }]) => inRange(value),
  'int(double): int': ([value]) => {
    if (!Number.isFinite(value)) throw new EvaluationError('integer overflow');
    return inRange(BigInt(Math.trunc(value)));
  },
  'int(string): int': ([text]) => {
    if (!/^[+-]?\d+$/.test(text)) throw new EvaluationError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    return inRange(BigInt(text.replace(/^\+/, '')));
  },
  'int(timestamp): int': ([{ ms }]) => BigInt(Math.floor(ms / 1000)),
  'int(duration): int': ([{ ns }]) => ns / 1_000_000_000n,
  'uint(int): uint': ([value]) => uint(value),
  'uint(uint): uint': ([value]) => value,
  'uint(double): uint': ([value]) => uint(BigInt(Math.trunc(value))),
  'uint(string): uint': ([text]) => {
    if (!/^\d+$/.test(text)) throw new EvaluationError(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    return uint(BigInt(text));
  },
  'double(double): double': ([value]) => value,
  'double(int): double': ([value]) => Number(value),
  'double(uint): double': ([{ value }]) => Number(value),
  'double(string): double': ([text]) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isNaN(value) && text !== 'NaN') throw new EvaluationError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
    return value;
  },
  'bool(bool): bool': ([value]) => value,
  'bool(string): bool': ([text]) => {
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
    throw new EvaluationError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  },
  'string(string): string': ([text]) => text,
  'string(bool): string': ([value]) => String(value),
  'string(int): string': ([value]) => String(value),
  'string(uint): string': ([{ value }]) => String(value),
  'string(double): string': ([value]) => (value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)),
  'string(bytes): string': ([bytes]) => Buffer.from(bytes).toString(),
  'string(timestamp): string': ([time]) => showTimestamp(time),
  'string(duration): string': ([duration]) => showDuration(duration),
  'bytes(bytes): bytes': ([bytes]) => bytes,
  'bytes(string): bytes': ([text]) => new Uint8Array(Buffer.from(text)),
  'dyn(A): dyn': ([value]) => value,
  'type(A): type': ([value]) => new TypeName(typeNames[kindOf(value)] ?? kindOf(value)),

  'timestamp(string): timestamp': ([text]) => new Timestamp(parseTimestamp(text)),
  'timestamp(timestamp): timestamp': ([time]) => time,
  'timestamp(int): timestamp': ([seconds]) => new Timestamp(Number(seconds) * 1000),
  'duration(string): duration': ([text]) => new Duration(parseDuration(text)),
  'duration(duration): duration': ([duration]) => duration,
  'duration.getHours(): int': ([{ ns }]) => ns / 3_600_000_000_000n,
  'duration.getMinutes(): int': ([{ ns }]) => ns / 60_000_000_000n,
  'duration.getSeconds(): int': ([{ ns }]) => ns / 1_000_000_000n,
  'duration.getMilliseconds(): int': ([{ ns }]) => ns / 1_000_000n,
  ...timePart('getFullYear', ({ year }) => year),
  ...timePart('getMonth', ({ month }) => month - 1),
  ...timePart('getDate', ({ day }) => day),
  ...timePart('getDayOfMonth', ({ day }) => day - 1),
  ...timePart('getDayOfWeek', ({ days }) => (((days + 4) % 7) + 7) % 7),
  ...timePart('getDayOfYear', ({ days, year }) => days - daysTo(year)),
  ...timePart('getHours', ({ seconds }) => Math.floor(seconds / 3600)),
  ...timePart('getMinutes', ({ seconds }) => Math.floor(seconds / 60) % 60),
  ...timePart('getSeconds', ({ seconds }) => seconds % 60),
  ...timePart('getMilliseconds', ({ milliseconds }) => milliseconds),

  'optional.of(A): optional<A>': ([value]) => new Optional(true, value),
  'optional.none(): optional<A>': () => none,
  'optional.ofNonZeroValue(A): optional<A>': ([value]) => (isZero(value) ? none : new Optional(true, value)),
  'optional<A>.hasValue(): bool': ([{ hasValue }]) => hasValue,
  'optional<A>.value(): A': ([optional]) => {
    if (!optional.hasValue) throw new EvaluationError('optional.none() dereference');
    return optional.value;
  },
  'optional<A>.or(optional<A>): optional<A>': ([optional, other]) => (optional.hasValue ? optional : other),
  'optional.unwrap(list<optional<A>>): list<A>': ([list]) => unwrapped(list),
  'list<optional<A>>.unwrapOpt(): list<A>': ([list]) => unwrapped(list),
  'list<A>.first(): optional<A>': ([list]) => (list.length > 0 ? new Optional(true, list[0]) : none),
  'list<A>.last(): optional<A>': ([list]) => (list.length > 0 ? new Optional(true, list.at(-1)) : none),
  'optional<A>.orValue(A): A': ([optional, other]) => (optional.hasValue ? optional.value : other),
};

const typeNames: Readonly<Record<string, string>> = { null: 'null_type', timestamp: 'google.protobuf.Timestamp', duration: 'google.protobuf.Duration', optional: 'optional_type' };

function unwrapped(list: readonly Optional[]): readonly unknown[] {
  return list.filter(({ hasValue }) => hasValue).map(({ value }) => value);
}

function inRange(value: bigint): bigint {
  if (value > 9223372036854775807n || value < -9223372036854775808n) throw new EvaluationError('integer overflow');
  return value;
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  return value === null || value === false || value === '' || equal(value, 0n);
}

/** RFC 3339, as milliseconds. */
export function parseTimestamp(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? parseTime(text) : NaN;
  if (Number.isNaN(ms)) throw new EvaluationError(`invalid timestamp ${JSON.stringify(text)}`);
  return ms;
}

const unitNs: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, 'µs': 1e3, ns: 1 };

/** Go's notation: `1h30m`. */
export function parseDuration(text: string): bigint {
  if (!/^[-+]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) throw new EvaluationError(`time: invalid duration ${JSON.stringify(text)}`);
  let ns = 0n;
  for (const [, amount = '0', unit = 'ns'] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) ns += BigInt(Math.round(Number(amount) * unitNs[unit]!));
  return text.startsWith('-') ? -ns : ns;
}

interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Since 1970-01-01. */
  readonly days: number;
  /** Of the day. */
  readonly seconds: number;
  readonly milliseconds: number;
}

function timePart(name: string, read: (moment: Moment) => number): FunctionTable {
  return {
    [`timestamp.${name}(): int`]: ([{ ms }]) => BigInt(read(momentOf(ms))),
    [`timestamp.${name}(string): int`]: ([{ ms }, zone]) => BigInt(read(momentOf(ms + offsetMs(zone, ms)))),
  };
}

function momentOf(ms: number): Moment {
  const days = Math.floor(ms / 86_400_000);
  const ofDay = ms - days * 86_400_000;
  const [year, month, day] = showTimestamp(new Timestamp(days * 86_400_000)).slice(0, 10).split('-').map(Number) as [number, number, number];
  return { year, month, day, days, seconds: Math.floor(ofDay / 1000), milliseconds: ofDay % 1000 };
}

function daysTo(year: number): number {
  return Math.floor(parseTime(`${String(year).padStart(4, '0')}-01-01T00:00:00Z`) / 86_400_000);
}

/** Of a zone's name or of `+02:00`. */
function offsetMs(zone: string, ms: number): number {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(ms);
    const offset = /GMT([+-])(\d\d):(\d\d)/.exec(parts.find(({ type }) => type === 'timeZoneName')!.value);
    return offset ? (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000 : 0;
  } catch {
    throw new EvaluationError(`unknown time zone ${zone}`);
  }
}
