// Protocol buffers, as much as CRI and containerd need, straight from protobufjs' JSON descriptors: nothing is compiled
// at start, a message type is looked up when it is first used. 64-bit integers are JavaScript numbers: a time in
// nanoseconds is right to 256 ns, sizes to 8 PiB. Enums are read as names and written from names or numbers.

export interface Codec {
  encode(message: Message): Buffer;
  /** Absent scalars, lists and maps read as their zero values (lists and maps frozen), absent messages as undefined. */
  decode(bytes: Buffer): Message;
}

// oxlint-disable-next-line no-explicit-any -- what is inside depends on the descriptor; callers name its type
export type Message = any;

interface Descriptor {
  nested?: Record<string, Descriptor>;
  fields?: Record<string, { type: string; id: number; rule?: string; keyType?: string }>;
  values?: Record<string, number>;
  methods?: Record<string, { requestType: string; responseType: string; responseStream?: boolean }>;
}

export interface Method {
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

export interface Schema {
  message(name: string): Codec;
  method(service: string, name: string): Method;
}

type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'double';

type FieldKind =
  | { readonly is: 'scalar'; readonly scalar: Scalar }
  | { readonly is: 'enum'; readonly numbers: Record<string, number>; readonly names: Record<number, string> }
  | { readonly is: 'message'; readonly type: () => MessageType }
  | { readonly is: 'map'; readonly entry: MessageType };

interface Field {
  readonly name: string;
  readonly number: number;
  readonly repeated: boolean;
  readonly kind: FieldKind;
}

interface MessageType {
  /** In the order they are written: highest number first, as the writer goes backwards. */
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
  readonly empty: Message;
}

export function schemaOf(root: unknown): Schema {
  const types = new Map<Descriptor, MessageType>();
  const messageTypes = new Map<string, Codec>();
  const methods = new Map<string, Method>();

  const typeOf = (scope: Descriptor[]): MessageType => {
    const own = scope.at(-1)!;
    let type = types.get(own);
    if (!type) types.set(own, (type = compile(own, scope, typeOf)));
    return type;
  };
  const codec = (scope: Descriptor[]): Codec => {
    const type = typeOf(scope);
    return {
      encode: (message) => new Writer().finish(type, message),
      decode: (bytes) => new Reader(bytes).message(type, bytes.length),
    };
  };
  const message = (name: string) => {
    let found = messageTypes.get(name);
    if (!found) messageTypes.set(name, (found = codec(find([root as Descriptor], name))));
    return found;
  };
  return {
    message,
    method(service, name) {
      const path = `/${service}/${name}`;
      let method = methods.get(path);
      if (!method) {
        const scope = find([root as Descriptor], service);
        const described = scope.at(-1)!.methods?.[name];
        if (!described) throw new Error(`no method ${path}`);
        method = { path, request: codec(find(scope, described.requestType)), response: codec(find(scope, described.responseType)) };
        methods.set(path, method);
      }
      return method;
    },
  };
}

/** Resolves a dotted name from the innermost scope outwards; the answer ends with the type itself. */
function find(scope: Descriptor[], name: string): Descriptor[] {
  const parts = name.split('.');
  for (let depth = scope.length; depth > 0; depth--) {
    const found = scope.slice(0, depth);
    if (parts.every((part) => {
      const next = found.at(-1)!.nested?.[part];
      if (next) found.push(next);
      return next !== undefined;
    })) return found;
  }
  throw new Error(`no type ${name}`);
}

const scalars: readonly string[] = ['string', 'bytes', 'bool', 'int32', 'int64', 'uint32', 'uint64', 'double'];
const noItems: readonly never[] = Object.freeze([]);
const noEntries = Object.freeze({});

function compile(own: Descriptor, scope: Descriptor[], typeOf: (scope: Descriptor[]) => MessageType): MessageType {
  const kindOf = (typeName: string): FieldKind => {
    if (scalars.includes(typeName)) return { is: 'scalar', scalar: typeName as Scalar };
    const found = find(scope, typeName);
    const numbers = found.at(-1)!.values;
    if (!numbers) return { is: 'message', type: () => typeOf(found) };
    return { is: 'enum', numbers, names: Object.fromEntries(Object.entries(numbers).map(([name, number]) => [number, name])) };
  };
  const fields = Object.entries(own.fields ?? {}).map(([name, { type, id, rule, keyType }]): Field => {
    if (!keyType) return { name, number: id, repeated: rule === 'repeated', kind: kindOf(type) };
    const entry: Field[] = [{ name: 'value', number: 2, repeated: false, kind: kindOf(type) }, { name: 'key', number: 1, repeated: false, kind: kindOf(keyType) }];
    return { name, number: id, repeated: false, kind: { is: 'map', entry: typeWith(entry) } };
  });
  return typeWith(fields.sort((a, b) => b.number - a.number));
}

function typeWith(fields: readonly Field[]): MessageType {
  return {
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    empty: Object.fromEntries(fields.map((field) => [field.name, zeroOf(field)])),
  };
}

function zeroOf({ repeated, kind }: Field): unknown {
  if (repeated) return noItems;
  switch (kind.is) {
    case 'map': return noEntries;
    case 'message': return undefined;
    case 'enum': return kind.names[0];
    case 'scalar': return kind.scalar === 'string' ? '' : kind.scalar === 'bytes' ? Buffer.alloc(0) : kind.scalar === 'bool' ? false : 0;
  }
}

const wireVarint = 0, wire64 = 1, wireBytes = 2, wire32 = 5;

/** Writes from the end of its buffer to the front, so that a message's length is known when its header is due. */
class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  #at = 1024;

  finish(type: MessageType, message: Message): Buffer {
    this.#message(type, message);
    return this.#buffer.subarray(this.#at);
  }

  #message(type: MessageType, message: Message): void {
    for (const field of type.fields) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      if (field.kind.is === 'map') {
        const entries = Object.entries(value);
        for (let i = entries.length; i-- > 0; ) this.#nested(field.number, field.kind.entry, { key: entries[i]![0], value: entries[i]![1] });
      } else if (!field.repeated) {
        this.#value(field, field.kind, value, false);
      } else if (field.kind.is === 'message' || (field.kind.is === 'scalar' && (field.kind.scalar === 'string' || field.kind.scalar === 'bytes'))) {
        for (let i = value.length; i-- > 0; ) this.#value(field, field.kind, value[i], true);
      } else if (value.length > 0) {
        const end = this.#mark();
        for (let i = value.length; i-- > 0; ) this.#number(field.kind, value[i]);
        this.#varint(this.#mark() - end);
        this.#varint((field.number << 3) | wireBytes);
      }
    }
  }

  /** Zero values are left out unless `always`. */
  #value(field: Field, kind: Exclude<FieldKind, { is: 'map' }>, value: Message, always: boolean): void {
    if (kind.is === 'message') return this.#nested(field.number, kind.type(), value);
    if (kind.is === 'scalar' && (kind.scalar === 'string' || kind.scalar === 'bytes')) {
      if (value.length === 0 && !always) return;
      const bytes = kind.scalar === 'string' ? Buffer.from(value, 'utf8') : (value as Buffer);
      this.#room(bytes.length);
      this.#buffer.set(bytes, this.#at);
      this.#varint(bytes.length);
      return this.#varint((field.number << 3) | wireBytes);
    }
    if (!value && !always) return;
    const before = this.#mark();
    this.#number(kind, value);
    if (!always && this.#mark() - before === 1 && this.#buffer[this.#at] === 0) {
      this.#at++;
      return;
    }
    this.#varint((field.number << 3) | (kind.is === 'scalar' && kind.scalar === 'double' ? wire64 : wireVarint));
  }

  #nested(number: number, type: MessageType, value: Message): void {
    const end = this.#mark();
    this.#message(type, value);
    this.#varint(this.#mark() - end);
    this.#varint((number << 3) | wireBytes);
  }

  #number(kind: FieldKind, value: Message): void {
    if (kind.is === 'enum') {
      const number = typeof value === 'string' ? kind.numbers[value] : value;
      if (number === undefined) throw new Error(`no enum value ${value}`);
      return this.#varint(number);
    }
    if (kind.is === 'scalar' && kind.scalar === 'double') {
      this.#room(8);
      this.#buffer.writeDoubleLE(value, this.#at);
      return;
    }
    this.#varint(Number(value));
  }

  /** Bytes written so far. */
  #mark(): number {
    return this.#buffer.length - this.#at;
  }

  #room(length: number): void {
    if (this.#at < length) {
      const written = this.#mark();
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written + length));
      this.#buffer.copy(larger, larger.length - written, this.#at);
      this.#at = larger.length - written;
      this.#buffer = larger;
    }
    this.#at -= length;
  }

  #varint(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no integer that can be written`);
    if (value < 0) return this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    this.#room(length);
    let rest = value;
    for (let i = 0; i < length; i++) {
      this.#buffer[this.#at + i] = (rest % 128) | (i < length - 1 ? 128 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  /** A negative number: always ten bytes. */
  #bigVarint(value: bigint): void {
    this.#room(10);
    for (let i = 0; i < 10; i++) {
      this.#buffer[this.#at + i] = Number(value & 127n) | (i < 9 ? 128 : 0);
      value >>= 7n;
    }
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  /** The last varint in two halves. */
  #low = 0;
  #high = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  message(type: MessageType, end: number): Message {
    const message: Message = { ...type.empty };
    while (this.#at < end) {
      const tag = this.#varint32();
      const field = type.byNumber.get(tag >>> 3);
      const wire = tag & 7;
      if (!field) this.#skip(wire);
      else this.#field(message, field, wire);
      if (this.#at > end) throw new RangeError('protobuf: a field reaches beyond its message');
    }
    return message;
  }

  #field(message: Message, { name, repeated, kind }: Field, wire: number): void {
    if (kind.is === 'map') {
      const { key, value } = this.message(kind.entry, this.#length());
      if (message[name] === noEntries) message[name] = {};
      // A key like __proto__ must become a key, not a prototype.
      Object.defineProperty(message[name], key, { value, enumerable: true, configurable: true, writable: true });
      return;
    }
    if (!repeated) {
      message[name] = this.#value(kind, wire);
      return;
    }
    if (message[name] === noItems) message[name] = [];
    if (wire === wireBytes && isNumber(kind)) {
      const end = this.#length();
      while (this.#at < end) message[name].push(this.#value(kind, kind.is === 'scalar' && kind.scalar === 'double' ? wire64 : wireVarint));
    } else {
      message[name].push(this.#value(kind, wire));
    }
  }

  #value(kind: Exclude<FieldKind, { is: 'map' }>, wire: number): unknown {
    const expected = isNumber(kind) ? (kind.is === 'scalar' && kind.scalar === 'double' ? wire64 : wireVarint) : wireBytes;
    if (wire !== expected) throw new TypeError(`protobuf: wire type ${wire} where ${expected} belongs`);
    if (kind.is === 'message') return this.message(kind.type(), this.#length());
    if (kind.is === 'enum') {
      const number = this.#varint32() | 0;
      return kind.names[number] ?? number;
    }
    switch (kind.scalar) {
      case 'string': {
        const end = this.#length();
        const text = this.#bytes.toString('utf8', this.#at, end);
        this.#at = end;
        return text;
      }
      case 'bytes': {
        const end = this.#length();
        const bytes = this.#bytes.subarray(this.#at, end);
        this.#at = end;
        return bytes;
      }
      case 'double': {
        const value = this.#bytes.readDoubleLE(this.#at);
        this.#at += 8;
        return value;
      }
      case 'bool': return this.#varint32() !== 0 || this.#high !== 0;
      case 'int32': return this.#varint32() | 0;
      case 'uint32': return this.#varint32();
      case 'int64': this.#varint32(); return (this.#high | 0) * 2 ** 32 + this.#low;
      case 'uint64': this.#varint32(); return this.#high * 2 ** 32 + this.#low;
    }
  }

  /** Where the length-delimited field that begins here ends. */
  #length(): number {
    const end = this.#varint32() + this.#at;
    if (end > this.#bytes.length) throw new RangeError('protobuf: a field reaches beyond its message');
    return end;
  }

  /** Reads a varint of up to ten bytes; gives its low 32 bits, the others are in #high. */
  #varint32(): number {
    this.#low = this.#high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('protobuf: cut short');
      const bits = byte & 127;
      if (shift < 28) this.#low |= bits << shift;
      else if (shift === 28) {
        this.#low |= bits << 28;
        this.#high = bits >>> 4;
      } else this.#high |= bits << (shift - 32);
      if (byte < 128) {
        this.#high >>>= 0;
        return (this.#low >>>= 0);
      }
    }
    throw new RangeError('protobuf: a varint longer than ten bytes');
  }

  #skip(wire: number): void {
    if (wire === wireVarint) this.#varint32();
    else if (wire === wire64) this.#at += 8;
    else if (wire === wireBytes) this.#at = this.#length();
    else if (wire === wire32) this.#at += 4;
    else throw new TypeError(`protobuf: wire type ${wire}`);
  }
}

function isNumber(kind: FieldKind): boolean {
  return kind.is === 'enum' || (kind.is === 'scalar' && kind.scalar !== 'string' && kind.scalar !== 'bytes');
}
