// A message as a table of its fields, compiled when it is first met: from the JSON object to its bytes and back.
//
// Go writes every field that is no pointer, whatever is in it. So a zero there stands for a field that was left out, unless
// JSON always has it; in a pointer it is a value. What is there in JSON is always written, which Go reads as the same.
import type { FieldFact } from './facts.ts';
import { WireError, type Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export type WireType = 0 | 1 | 2;

/** How values of one type are written and read. */
export interface ValueType {
  readonly wire: WireType;
  /** The content: without tag and length. */
  write(writer: Writer, value: unknown): void;
  /** `end`: of the value, where it has a length, and else of the message around it. `before`: what an earlier field of the same number gave. */
  read(reader: Reader, end: number, depth: number, before?: unknown): unknown;
}

interface Field {
  readonly name: string;
  readonly number: number;
  readonly tag: number;
  readonly shape: 'one' | 'inline' | 'repeated' | 'map';
  readonly type: ValueType;
  /** A zero is a value. */
  readonly keepsZero: boolean;
}

type Values = Record<string, unknown>;

/** How deep messages may lie in each other: more than any real object, less than the stack. */
const deepest = 100;

export class Message implements ValueType {
  readonly wire = 2;
  readonly name: string;
  readonly #facts: Readonly<Record<string, FieldFact>>;
  readonly #typeOf: (name: string) => ValueType;
  readonly #isRaw: boolean;
  #compiled: readonly Field[] | undefined;
  #byNumber: readonly (Field | undefined)[] = [];

  /** `isRaw`: each field for itself, and zeros are values; for what JSON writes as one value. */
  constructor(name: string, facts: Readonly<Record<string, FieldFact>>, typeOf: (name: string) => ValueType, isRaw = false) {
    this.name = name;
    this.#facts = facts;
    this.#typeOf = typeOf;
    this.#isRaw = isRaw;
  }

  write(writer: Writer, value: unknown): void {
    const object = value as Values;
    // The highest number first: the writer goes backwards.
    for (const field of this.#fields()) {
      const content = field.shape === 'inline' ? object : object[field.name];
      if (content === undefined || content === null) continue;
      const { type, tag } = field;
      if (field.shape === 'repeated') {
        const items = content as readonly unknown[];
        for (let index = items.length; index-- > 0; ) writeField(writer, tag, type, items[index]);
      } else if (field.shape === 'map') {
        const entries = content as Values;
        const keys = Object.keys(entries);
        if (keys.length > 1) keys.sort();
        for (let index = keys.length; index-- > 0; ) {
          const mark = writer.mark;
          const value = entries[keys[index]!];
          if (value !== undefined && value !== null) writeField(writer, entryValueTag | type.wire, type, value);
          writeString(writer, entryKeyTag, keys[index]!);
          writer.header(tag, mark);
        }
      } else {
        writeField(writer, tag, type, content);
      }
    }
  }

  read(reader: Reader, end: number, depth: number, before?: unknown): Values {
    if (depth > deepest) throw new WireError('exceeded max depth');
    this.#fields();
    const object = (before ?? {}) as Values;
    while (reader.at < end) {
      const tag = reader.tag(end);
      const field = this.#byNumber[tag >>> 3];
      if (field) this.#readField(object, field, tag & 7, reader, end, depth);
      else reader.skip(tag & 7, end);
    }
    return object;
  }

  #readField(object: Values, field: Field, wire: number, reader: Reader, end: number, depth: number): void {
    const { name, shape, type } = field;
    const expected = shape === 'map' ? 2 : type.wire;
    if (wire !== expected) {
      if (shape !== 'repeated' || wire !== 2) throw new WireError(`proto: wrong wireType = ${wire} for field ${name[0]!.toUpperCase()}${name.slice(1)}`);
      const packedEnd = reader.length(end);
      const items = (object[name] ??= []) as unknown[];
      while (reader.at < packedEnd) items.push(type.read(reader, packedEnd, depth));
      return;
    }
    const valueEnd = wire === 2 ? reader.length(end) : end;
    switch (shape) {
      case 'inline':
        type.read(reader, valueEnd, depth + 1, object);
        return;
      case 'repeated':
        ((object[name] ??= []) as unknown[]).push(type.read(reader, valueEnd, depth + 1));
        return;
      case 'map':
        readEntry((object[name] ??= {}) as Values, type, reader, valueEnd, depth);
        return;
      case 'one': {
        const value = type.read(reader, valueEnd, depth + 1, object[name]);
        if (value === undefined || (!field.keepsZero && (value === '' || value === 0 || value === false))) delete object[name];
        else object[name] = value;
      }
    }
  }

  #fields(): readonly Field[] {
    return (this.#compiled ??= this.#compile());
  }

  #compile(): readonly Field[] {
    const fields = Object.entries(this.#facts).map(([name, [number, typeName, flags = '']]): Field => {
      const single = this.#typeOf(typeName.startsWith('.') ? this.name.slice(0, this.name.lastIndexOf('.')) + typeName : typeName);
      const type = flags.includes('w') ? new ListMessage(single) : single;
      const shape = flags.includes('r') ? 'repeated' : flags.includes('m') ? 'map' : flags.includes('i') && !this.#isRaw ? 'inline' : 'one';
      const keepsZero = this.#isRaw || typeName.includes('.') || flags.includes('p') || flags.includes('a');
      return { name, number, tag: (number << 3) | (shape === 'map' ? 2 : type.wire), shape, type, keepsZero };
    });
    const byNumber: (Field | undefined)[] = [];
    for (const field of fields) byNumber[field.number] = field;
    this.#byNumber = byNumber;
    return fields.sort((a, b) => b.number - a.number);
  }
}

/** A list that JSON has bare and protobuf in a message of its own: verbs, the values of one key of `extra`. */
class ListMessage implements ValueType {
  readonly wire = 2;
  readonly #items: ValueType;

  constructor(items: ValueType) {
    this.#items = items;
  }

  write(writer: Writer, value: unknown): void {
    const items = value as readonly unknown[];
    for (let index = items.length; index-- > 0; ) writeField(writer, (1 << 3) | this.#items.wire, this.#items, items[index]);
  }

  read(reader: Reader, end: number, depth: number, before?: unknown): unknown {
    const items = (before ?? []) as unknown[];
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ((1 << 3) | this.#items.wire)) items.push(this.#items.read(reader, this.#items.wire === 2 ? reader.length(end) : end, depth + 1));
      else reader.skip(tag & 7, end);
    }
    return items;
  }
}

const entryKeyTag = (1 << 3) | 2;
const entryValueTag = 2 << 3;

function writeString(writer: Writer, tag: number, text: string): void {
  const mark = writer.mark;
  writer.string(text);
  writer.header(tag, mark);
}

function writeField(writer: Writer, tag: number, type: ValueType, value: unknown): void {
  if (type.wire !== 2) {
    type.write(writer, value);
    return writer.varint(tag);
  }
  const mark = writer.mark;
  type.write(writer, value);
  writer.header(tag, mark);
}

function readEntry(entries: Values, type: ValueType, reader: Reader, end: number, depth: number): void {
  let key = '';
  let value: unknown;
  let isThere = false;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === entryKeyTag) key = reader.string(reader.length(end));
    else if (tag === (entryValueTag | type.wire)) {
      value = type.read(reader, type.wire === 2 ? reader.length(end) : end, depth + 1);
      isThere = true;
    } else reader.skip(tag & 7, end);
  }
  // An entry may leave its value out: then it is the type's zero, which is what no bytes at all give.
  if (!isThere && type.wire === 2) value = type.read(reader, reader.at, depth + 1);
  value ??= null;
  if (key === '__proto__') Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
  else entries[key] = value;
}
