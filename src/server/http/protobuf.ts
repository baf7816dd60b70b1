// Bodies in Kubernetes' protobuf encoding, which Go clients use for the built-in kinds, as the JSON objects they stand for.
//
// The numbers of fields come from data/kubernetes-wire-1.36.json. Go always writes fields that are no pointers, so an empty
// string or a zero there means that the field was left out; see `isLeftOut`. Loaded with the first such body.
import { existsSync, readFileSync } from 'node:fs';
import { formatMicroTime, formatTime } from '../../base/clock.ts';
import { structOf } from '../../api/schema/schema.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** The object in an envelope `k8s\0` + runtime.Unknown. Throws an Error that says what is wrong with it. */
export function decodeProtobuf(bytes: Buffer): unknown {
  if (bytes.length < 4 || bytes.toString('latin1', 0, 4) !== 'k8s\0') throw new Error('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const envelope = decodeMessage(bytes.subarray(4), messageOf('k8s.io.apimachinery.pkg.runtime.Unknown')!) as { typeMeta?: { apiVersion?: string; kind?: string }; raw?: string };
  const { apiVersion = '', kind = '' } = envelope.typeMeta ?? {};
  const message = messageFor(apiVersion, kind);
  if (!message) throw new Error(`no kind "${kind}" is registered for version "${apiVersion}"`);
  return { apiVersion, kind, ...(decodeMessage(Buffer.from(envelope.raw ?? '', 'base64'), message) as object) };
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly isRepeated: boolean;
  /** For a map: the type of its keys. */
  readonly keyType: string | undefined;
  /** JSON has the message's fields in the place of the message itself. */
  readonly isInline: boolean;
}

interface Message {
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
}

type Tree = { nested?: Record<string, Tree>; fields?: Record<string, { type: string; id: number; rule?: string; keyType?: string }> };

const messages = new Map<string, Message>();
let wire: Tree | undefined;

function messageFor(apiVersion: string, kind: string): Message | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? 'core' : apiVersion.slice(0, slash).split('.')[0]!;
  const version = apiVersion.slice(slash + 1);
  return messageOf(`k8s.io.api.${group}.${version}.${kind}`) ?? messageOf(`k8s.io.apimachinery.pkg.apis.meta.v1.${kind}`);
}

function messageOf(name: string): Message | undefined {
  const known = messages.get(name);
  if (known) return known;
  const found = lookUp(name);
  if (!found) return undefined;
  const properties = structOf(`io.k8s.${name.slice('k8s.io.'.length)}`)?.properties;
  const fields = new Map<number, Field>();
  for (const [field, { type, id, rule, keyType }] of Object.entries(found.fields ?? {})) {
    const full = resolve(type, name);
    const isInline = full !== undefined && keyType === undefined && rule !== 'repeated' && properties !== undefined && !Object.hasOwn(properties, field);
    fields.set(id, { name: field, type: full ?? type, isRepeated: rule === 'repeated', keyType, isInline });
  }
  const message = { name, fields };
  messages.set(name, message);
  return message;
}

function lookUp(name: string): Tree | undefined {
  let at: Tree | undefined = (wire ??= readWire());
  for (const part of name.split('.')) at = at?.nested && Object.hasOwn(at.nested, part) ? at.nested[part] : undefined;
  return at?.fields ? at : undefined;
}

/** data/ lies at the package's root, which is further up from the sources than from the bundle. */
function readWire(): Tree {
  const candidates = ['../../../data/', '../data/'].map((folder) => new URL(`${folder}kubernetes-wire-1.36.json`, import.meta.url));
  const found = candidates.find((url) => existsSync(url));
  if (!found) throw new Error('data/kubernetes-wire-1.36.json is missing from the installation');
  return JSON.parse(readFileSync(found, 'utf8')) as Tree;
}

/** The full name of a message that `from` calls by a shorter one; undefined for scalars. */
function resolve(type: string, from: string): string | undefined {
  if (type.startsWith('.')) return type.slice(1);
  const scope = from.split('.');
  while (scope.length > 0) {
    scope.pop();
    const candidate = [...scope, type].join('.');
    if (lookUp(candidate)) return candidate;
  }
  return undefined;
}

/** How deep messages may lie in each other: more than any real object, less than the stack. */
const deepest = 100;

function decodeMessage(bytes: Buffer, { name, fields }: Message, depth = 0): unknown {
  if (depth > deepest) throw new Error('messages are nested too deeply');
  const special = specials[name];
  const object: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const field = fields.get(tag >>> 3);
    if (!field) {
      reader.skip(tag & 7);
      continue;
    }
    if (field.keyType !== undefined) {
      const [key, value] = entry(reader.bytes(), field, depth);
      put((object[field.name] ??= {}) as object, key, value);
      continue;
    }
    const value = one(reader, tag & 7, field, depth);
    if (field.isInline) Object.assign(object, value);
    else if (field.isRepeated) ((object[field.name] ??= []) as unknown[]).push(value);
    else if (special || !isLeftOut(field, value)) object[field.name] = value;
  }
  return special ? special(object, bytes.length) : object;
}

function one(reader: Reader, wireType: number, { type }: Field, depth: number): unknown {
  switch (type) {
    case 'string':
      return reader.bytes().toString();
    case 'bytes':
      return reader.bytes().toString('base64');
    case 'bool':
      return reader.varint() !== 0;
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
      return reader.varint();
    case 'double':
      return reader.double();
    default: {
      const message = messageOf(type);
      if (!message || wireType !== 2) throw new Error(`illegal wireType ${wireType}`);
      return decodeMessage(reader.bytes(), message, depth + 1);
    }
  }
}

function entry(bytes: Buffer, field: Field, depth: number): [string, unknown] {
  const reader = new Reader(bytes);
  let key = '';
  let value: unknown = field.type === 'string' || field.type === 'bytes' ? '' : undefined;
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    if (tag >>> 3 === 1) key = reader.bytes().toString();
    else if (tag >>> 3 === 2) value = one(reader, tag & 7, field, depth);
    else reader.skip(tag & 7);
  }
  return [key, value];
}

/** Also for a key such as `__proto__`. */
function put(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether a field that is there stands for one that was left out. A zero of these is never meant as a value. */
function isLeftOut({ name }: Field, value: unknown): boolean {
  if (value === undefined) return true;
  if (value === '') return name !== 'storageClassName';
  if (value === 0) return zeroIsAbsent.has(name);
  return value === false && falseIsAbsent.has(name);
}

const zeroIsAbsent: ReadonlySet<string> = new Set([
  'hostPort', 'containerPort', 'nodePort', 'healthCheckNodePort', 'minReadySeconds', 'generation', 'observedGeneration', 'initialDelaySeconds',
  'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold', 'count', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas', 'limit',
]);
const falseIsAbsent: ReadonlySet<string> = new Set([
  'hostNetwork', 'hostPID', 'hostIPC', 'stdin', 'stdinOnce', 'tty', 'readOnly', 'unschedulable', 'publishNotReadyAddresses', 'paused', 'ignoreStoreReadWithClusterBreakingPotential',
]);

type Values = Record<string, unknown>;

/** Messages that JSON writes as one value. */
const specials: Readonly<Record<string, (value: Values, length: number) => unknown>> = {
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': (value, length) => (length === 0 ? undefined : formatTime(wallMs(value))),
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': (value, length) => {
    if (length === 0) return undefined;
    const micros = String(Math.floor(Number(value['nanos'] ?? 0) / 1000)).padStart(6, '0');
    return `${formatMicroTime(wallMs(value)).slice(0, 19)}.${micros}Z`;
  },
  'k8s.io.apimachinery.pkg.api.resource.Quantity': ({ string = '0' }) => string,
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': ({ type = 0, intVal = 0, strVal = '' }) => (type === 0 ? intVal : strVal),
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': ({ Raw = '' }) => rawJson(Raw),
  'k8s.io.apimachinery.pkg.runtime.RawExtension': ({ raw = '' }) => rawJson(raw),
};

function wallMs({ seconds = 0, nanos = 0 }: Values): number {
  return Number(seconds) * 1000 + Math.floor(Number(nanos) / 1e6);
}

function rawJson(base64: unknown): unknown {
  const text = Buffer.from(String(base64), 'base64').toString();
  return text === '' ? undefined : JSON.parse(text);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Signed: a number of ten bytes is a negative one. Beyond 2^53 it is inexact, as any number in JSON. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (index < 4) low += (byte & 0x7f) * 2 ** (7 * index);
      else high += (byte & 0x7f) * 2 ** (7 * (index - 4));
      if (byte < 0x80) return index === 9 ? Number(BigInt.asIntN(64, BigInt(low) + BigInt(high) * 2n ** 28n)) : low + high * 2 ** 28;
    }
    throw new Error('unexpected EOF');
  }

  bytes(): Buffer {
    const length = this.varint();
    const start = this.#at;
    if (length < 0 || start + length > this.#bytes.length) throw new Error('unexpected EOF');
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  double(): number {
    if (this.#at + 8 > this.#bytes.length) throw new Error('unexpected EOF');
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.double();
    else if (wireType === 2) this.bytes();
    else if (wireType === 5 && this.#at + 4 <= this.#bytes.length) this.#at += 4;
    else throw new Error(`illegal wireType ${wireType}`);
  }
}
