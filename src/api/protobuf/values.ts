// Scalars, and the messages that JSON writes as one value: times, amounts, and whatever is JSON inside protobuf.
import { formatMicroTime, formatTime, parseTime } from '../../base/clock.ts';
import { metaPackage, type FieldFact } from './facts.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { Message, type ValueType, type WireType } from './message.ts';
import { WireError, type Reader } from './reader.ts';
import type { Writer } from './writer.ts';

function scalar<T>(wire: WireType, write: (writer: Writer, value: T) => void, read: (reader: Reader, end: number) => T): ValueType {
  return { wire, write: write as ValueType['write'], read };
}

export const scalars: Readonly<Record<string, ValueType>> = {
  string: scalar<string>(2, (writer, text) => writer.string(text), (reader, end) => reader.string(end)),
  bytes: scalar<string>(2, (writer, text) => writer.base64(text), (reader, end) => reader.slice(end).toString('base64')),
  bool: scalar<boolean>(0, (writer, value) => writer.byte(value ? 1 : 0), (reader, end) => reader.bool(end)),
  int32: scalar<number>(0, (writer, value) => writer.varint(value), (reader, end) => reader.int32(end)),
  int64: scalar<number>(0, (writer, value) => writer.varint(value), (reader, end) => reader.int64(end)),
  double: scalar<number>(1, (writer, value) => writer.double(value), (reader, end) => finite(reader.double(end))),
};

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new WireError(`json: unsupported value: ${value}`);
  return value;
}

type Fields = Readonly<Record<string, unknown>>;

/** A message of these fields, which JSON writes as what `show` makes of them; `length`: of its bytes. */
function shown(fields: Readonly<Record<string, FieldFact>>, hide: (value: never) => Fields, show: (fields: Fields, length: number, depth: number) => unknown, typeOf = (name: string) => scalars[name]!, name = ''): ValueType {
  const message = new Message(name, fields, typeOf, true);
  return {
    wire: 2,
    write: (writer, value) => message.write(writer, hide(value as never)),
    read(reader, end, depth) {
      const length = end - reader.at;
      return show(message.read(reader, end, depth), length, depth);
    },
  };
}

const time = { seconds: [1, 'int64'], nanos: [2, 'int32'] } as const;
/** Of the zero of Go's time, and the bounds of what JSON can say. */
const zeroSeconds = -62_135_596_800;
const leastSeconds = -62_167_219_200;
const mostSeconds = 253_402_300_799;

function secondsOf({ seconds = 0 }: Fields): number {
  if (!((seconds as number) >= leastSeconds && (seconds as number) <= mostSeconds)) throw new WireError('Time.MarshalJSON: year outside of range [0,9999]');
  return seconds as number;
}

function hideTime(text: string): Fields {
  const seconds = Math.floor(parseTime(text) / 1000);
  return seconds === zeroSeconds ? {} : { seconds, nanos: 0 };
}

function hideMicroTime(text: string): Fields {
  const hidden = hideTime(text);
  const fraction = /\.(\d{1,6})/.exec(text)?.[1];
  return fraction && 'seconds' in hidden ? { ...hidden, nanos: Number(fraction.padEnd(6, '0')) * 1000 } : hidden;
}

function showMicroTime(fields: Fields, length: number): string | undefined {
  if (length === 0) return undefined;
  const micros = Math.floor(((fields['nanos'] as number | undefined) ?? 0) / 1000);
  if (micros < 0 || micros > 999_999) throw new WireError('Time.MarshalJSON: nanoseconds outside of range');
  return `${formatMicroTime(secondsOf(fields) * 1000).slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

/** JSON as bytes. Bytes that are an envelope in their turn are read as what is in it. */
function json(fieldName: string, open: (bytes: Buffer, depth: number) => unknown): ValueType {
  const field: Readonly<Record<string, FieldFact>> = { [fieldName]: [1, 'raw'] };
  const raw: ValueType = {
    wire: 2,
    write: (writer, value) => writer.string(JSON.stringify(value)),
    read(reader, end, depth) {
      const bytes = reader.slice(end);
      if (bytes.length === 0) return undefined;
      if (bytes[0] === 0x6b && bytes.toString('latin1', 0, 4) === 'k8s\0') return open(bytes, depth);
      try {
        return JSON.parse(bytes.toString()) as unknown;
      } catch (error) {
        throw new WireError((error as Error).message);
      }
    },
  };
  return shown(field, (value: unknown) => ({ [fieldName]: value }), (fields) => fields[fieldName], () => raw);
}

/**
 * By full name; undefined: it is an ordinary message. `facts`: its fields, where it is one that has some of its own. `open` reads
 * an object in its envelope.
 */
export function shownValue(name: string, facts: Readonly<Record<string, FieldFact>> | undefined, typeOf: (name: string) => ValueType, open: (bytes: Buffer, depth: number) => unknown): ValueType | undefined {
  switch (name) {
    case `${metaPackage}.Time`:
      return shown(time, hideTime, (fields, length) => (length === 0 ? undefined : formatTime(secondsOf(fields) * 1000)));
    case `${metaPackage}.MicroTime`:
      return shown(time, hideMicroTime, showMicroTime);
    case `${metaPackage}.Duration`:
      return shown({ duration: [1, 'int64'] }, (text: string) => ({ duration: parseDuration(text) }), ({ duration = 0 }) => formatDuration(duration as number));
    case 'k8s.io.apimachinery.pkg.api.resource.Quantity':
      return shown({ string: [1, 'string'] }, (value: string | number) => ({ string: String(value) }), ({ string }) => string || '0');
    case 'k8s.io.apimachinery.pkg.util.intstr.IntOrString':
      return shown(
        { type: [1, 'int64'], intVal: [2, 'int32'], strVal: [3, 'string'] },
        (value: string | number) => (typeof value === 'number' ? { type: 0, intVal: value, strVal: '' } : { type: 1, intVal: 0, strVal: value }),
        ({ type = 0, intVal = 0, strVal = '' }) => (type === 0 ? intVal : strVal),
      );
    case `${metaPackage}.FieldsV1`:
      return json('Raw', open);
    case 'k8s.io.apimachinery.pkg.runtime.RawExtension':
      return json('raw', open);
  }
  if (!name.startsWith('k8s.io.apiextensions_apiserver.') || !facts) return undefined;
  switch (name.slice(name.lastIndexOf('.') + 1)) {
    case 'JSON':
      return json('Raw', open);
    case 'JSONSchemaPropsOrBool':
      return shown(facts, (value: unknown) => (typeof value === 'boolean' ? { Allows: value } : { Allows: true, Schema: value }), ({ Allows = false, Schema }) => Schema ?? Allows, typeOf, name);
    case 'JSONSchemaPropsOrArray':
      return shown(facts, (value: unknown) => (Array.isArray(value) ? { JSONSchemas: value } : { Schema: value }), ({ Schema, JSONSchemas }) => JSONSchemas ?? Schema, typeOf, name);
    case 'JSONSchemaPropsOrStringArray':
      return shown(facts, (value: unknown) => (Array.isArray(value) ? { Property: value } : { Schema: value }), ({ Schema, Property }) => Property ?? Schema, typeOf, name);
  }
  return undefined;
}
