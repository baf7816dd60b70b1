import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { formatTime } from '../../base/clock.ts';
import { definition, structOf, type FieldType } from '../schema/schema.ts';
import { kinds } from '../kinds/index.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { BadObject, decodeObject, encodeFrame, encodeMessage, inEnvelope, messageOf } from './envelope.ts';
import { WireError } from './reader.ts';

const builtIn = kinds.filter(({ schemaName }) => schemaName.startsWith('io.k8s.'));
const apiVersionOf = ({ group, version }: { group: string; version: string }) => (group ? `${group}/${version}` : version);

/** Objects of a definition, in which each field is there by chance and no list, map or scalar is empty. */
const arbitraries = new Map<string, fc.Arbitrary<unknown>>();
const word = fc.string({ minLength: 1, maxLength: 50, unit: fc.constantFrom('a', 'Z', '0', '-', '.', '/', ' ', 'ä', '€', '😀') });
const key = fc.stringMatching(/^[a-z._/-]{1,20}$/);
const whole = (bits: number) => fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }).filter((n) => n !== 0));
const times = fc.integer({ min: -62_135_500_000, max: 253_402_000_000 }).map((seconds) => formatTime(seconds * 1000));
const jsonObject = fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown), { maxKeys: 3, noNullPrototype: true });

function arbitraryOf(name: string, depth: number): fc.Arbitrary<unknown> {
  const known = arbitraries.get(`${name} ${depth}`);
  if (known) return known;
  const found = definition(name);
  const made = !found || 'properties' in found ? objectsOf(name, depth) : scalarOf(name, found.scalar);
  arbitraries.set(`${name} ${depth}`, made);
  return made;
}

function scalarOf(name: string, scalar: string): fc.Arbitrary<unknown> {
  switch (scalar) {
    case 'Time': return times;
    case 'MicroTime': return fc.tuple(times, fc.integer({ min: 0, max: 999_999 })).map(([time, micros]) => `${time.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`);
    case 'Duration': return fc.integer({ min: 1, max: 10 ** 15 }).map(formatDuration);
    case 'Quantity': return fc.constantFrom('1', '100m', '1Gi', '0', '1500');
    case 'IntOrString': return fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.constantFrom('http', '25%', ''));
    default: return name.endsWith('FieldsV1') ? jsonObject : jsonObject;
  }
}

/** Without what protobuf tells only of the whole, in the envelope. */
function fieldsOf(name: string): [string, FieldType][] {
  const { properties, gvk } = structOf(name)!;
  return Object.entries(properties).filter(([field]) => !gvk || (field !== 'kind' && field !== 'apiVersion'));
}

function objectsOf(name: string, depth: number): fc.Arbitrary<unknown> {
  const fields = depth < 7 ? fieldsOf(name) : [];
  // In large definitions each field is seldom there, so that the whole stays small.
  const chance = fields.length > 0 ? Math.min(0.6, (depth < 2 ? 4 : 2.5) / fields.length) : 0;
  const maybe = fields.map(([field, type]) => {
    const sparse = fc.double({ min: 0, max: 1, noNaN: true }).chain((roll): fc.Arbitrary<unknown> => (roll < chance ? valueOf(type, depth + 1, field) : fc.constant(undefined)));
    return [field, sparse] as const;
  });
  return fc.record(Object.fromEntries(maybe)).map((object) => Object.fromEntries(Object.entries(object as object).filter(([, value]) => value !== undefined)));
}

/** JSON that is a schema or something simpler: the schema of the API says no more than that it may be anything. */
const schemaLike = fc.constantFrom<unknown>({ type: 'string' }, { properties: { a: { type: 'integer', maximum: 3.5 } } });

function valueOf(type: FieldType, depth: number, field: string): fc.Arbitrary<unknown> {
  switch (type.type) {
    case 'string': return word;
    case 'boolean': return fc.constant(true);
    case 'int32': return whole(32);
    case 'int64': return whole(50);
    case 'double': return fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0);
    case 'bytes': return fc.uint8Array({ minLength: 1, maxLength: 10 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'array': return fc.array(valueOf(type.items, depth, field), { minLength: 1, maxLength: 2 });
    case 'map': return fc.dictionary(key, valueOf(type.values, depth, field), { minKeys: 1, maxKeys: 2, noNullPrototype: true });
    case 'ref': return arbitraryOf(type.name, depth);
    case 'any':
      if (field === 'status') return fc.constant({}); // of a definition's subresources
      if (field === 'additionalProperties' || field === 'additionalItems') return fc.oneof(fc.boolean(), schemaLike);
      if (field === 'items') return fc.oneof(schemaLike, fc.array(schemaLike, { minLength: 1, maxLength: 2 }));
      if (field === 'dependencies') return fc.oneof(schemaLike, fc.constant(['a', 'b']));
      return fc.jsonValue({ maxDepth: 2 }).filter((value) => value !== null).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    default: throw new Error(`nothing is made up for ${type.type}`);
  }
}

const encode = (object: { apiVersion: string; kind: string }) => inEnvelope(object.apiVersion, object.kind, encodeMessage(messageOf(object.apiVersion, object.kind)!, object));

test('every built-in kind: from JSON to protobuf and back is the same', (t) => {
  assert.ok(builtIn.length > 50);
  for (const kind of builtIn) {
    const apiVersion = apiVersionOf(kind);
    assert.ok(messageOf(apiVersion, kind.kind) && messageOf(apiVersion, kind.listKind), `${apiVersion} ${kind.kind}`);
    fc.assert(
      fc.property(arbitraryOf(kind.schemaName, 0), (fields) => {
        const object = { apiVersion, kind: kind.kind, ...(fields as object) };
        assert.deepEqual(decodeObject(encode(object)), object);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }
  t.diagnostic(`${builtIn.length} kinds, 25 objects of each`);
});

test('what a definition has, its message has: each field of all that can be reached', () => {
  // One object with every field there is, as deep as there are definitions.
  const full = (name: string, seen: readonly string[]): unknown => {
    const found = definition(name)!;
    if (!('properties' in found)) return { Time: '2026-01-01T00:00:00Z', MicroTime: '2026-01-01T00:00:00.000001Z', Duration: '1s', Quantity: '1', IntOrString: 'x', Object: { a: 1 } }[found.scalar];
    if (seen.includes(name)) return {};
    const value = (type: FieldType): unknown => {
      switch (type.type) {
        case 'string': return 'x';
        case 'bytes': return 'eA==';
        case 'boolean': return true;
        case 'array': return [value(type.items)];
        case 'map': return { x: value(type.values) };
        case 'ref': return full(type.name, [...seen, name]);
        case 'any': return name.endsWith('Subresources') ? {} : true;
        default: return 1;
      }
    };
    return Object.fromEntries(fieldsOf(name).map(([field, type]) => [field, schemaFields.has(field) && name.endsWith('JSONSchemaProps') ? [{ type: 'x' }] : field === 'dependencies' ? { x: ['y'] } : value(type)]));
  };
  const schemaFields = new Set(['items']);
  for (const kind of builtIn) {
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...(full(kind.schemaName, []) as object) };
    assert.deepEqual(decodeObject(encode(object)), object, kind.kind);
  }
});

test('another decoder, with numbers from another source, reads and writes the same', () => {
  const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(new URL('../../../data/kubernetes-wire-1.36.json', import.meta.url), 'utf8')));
  let checked = 0;
  for (const kind of builtIn) {
    const apiVersion = apiVersionOf(kind);
    const name = kind.schemaName.replace(/^io\.k8s\./, 'k8s.io.');
    const type = name.startsWith('k8s.io.api.') && apiVersion !== 'autoscaling/v2beta2' ? root.lookupType(name) : undefined;
    if (!type || kind.storedAs) continue;
    for (const fields of fc.sample(arbitraryOf(kind.schemaName, 0), { numRuns: 5, seed: 1 })) {
      const ours = encodeMessage(messageOf(apiVersion, kind.kind)!, fields as object);
      const again: Buffer = Buffer.from(type.encode(type.decode(ours)).finish());
      assert.deepEqual(decodeObject(inEnvelope(apiVersion, kind.kind, again)), { apiVersion, kind: kind.kind, ...(fields as object) });
      checked++;
    }
  }
  assert.ok(checked > 200);
});

describe('bytes that Go wrote', () => {
  // By client-go 0.36, from objects as small as they may be: every field that is no pointer is there, and zero.
  const recorded = JSON.parse(readFileSync(new URL('./recorded.json', import.meta.url), 'utf8')) as { json: { kind: string; apiVersion: string }; bytes: string }[];
  // A list without items is none.
  const withoutNulls = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withoutNulls);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0)).map(([name, item]) => [name, withoutNulls(item)]));
  };

  test('are read as the JSON that it would have sent', () => {
    assert.ok(recorded.length > 60);
    for (const { json, bytes } of recorded) assert.deepEqual(withoutNulls(decodeObject(Buffer.from(bytes, 'base64'))), withoutNulls(json), json.kind);
  });

  test('hold no field that we write otherwise', () => {
    for (const { json } of recorded) assert.deepEqual(withoutNulls(decodeObject(encode(json))), withoutNulls(json), json.kind);
  });

  test('cut short or changed anywhere: an error, or an object; soon, and nothing else', () => {
    const all = recorded.map(({ bytes }) => Buffer.from(bytes, 'base64'));
    const tryIt = (bytes: Buffer) => {
      try {
        decodeObject(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError || (error instanceof BadObject && error.cause instanceof WireError), String((error as Error).stack));
      }
    };
    for (const bytes of all) for (let length = 0; length < bytes.length; length++) tryIt(bytes.subarray(0, length));
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 }), (bytes, changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) changed[4 + (at % (changed.length - 4))] = byte;
        tryIt(changed);
      }),
      { numRuns: 5000, endOnFailure: true },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => tryIt(inEnvelope('v1', 'Pod', Buffer.from(bytes)))), { numRuns: 3000, endOnFailure: true });
  });
});

describe('malformed', () => {
  const pod = (...bytes: number[]) => inEnvelope('v1', 'Pod', Buffer.from(bytes));
  const nested = (levels: number) => {
    let bytes = Buffer.alloc(0);
    for (let level = 0; level < levels; level++) bytes = Buffer.concat([field(28, bytes)]); // JSONSchemaProps.not
    return bytes;
  };
  const field = (number: number, bytes: Buffer) => Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
  const varint = (value: number): Buffer => (value < 128 ? Buffer.from([value]) : Buffer.concat([Buffer.from([(value & 127) | 128]), varint(value >>> 7)]));
  const schemaAround = (bytes: Buffer) => inEnvelope('apiextensions.k8s.io/v1', 'CustomResourceDefinition', field(2, field(7, field(4, field(1, bytes)))));

  const cases: readonly (readonly [string, () => Buffer, RegExp])[] = [
    ['no envelope', () => Buffer.from('{}'), /expected prefix \[107 56 115 0\]/],
    ['no kind', () => Buffer.from('k8s\0'), /'Kind' is missing/],
    ['an unknown kind', () => inEnvelope('v1', 'Nothing', Buffer.alloc(0)), /no kind "Nothing" is registered for version "v1"/],
    ['a length beyond the end', () => pod(0x0a, 0x7f), /unexpected EOF/],
    ['a length of 2^63', () => pod(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /negative length/],
    ['a varint without end', () => pod(...Array.from({ length: 11 }, () => 0xff)), /integer overflow/],
    ['field 0', () => pod(0x02, 0x00), /illegal tag 0/],
    ['a group', () => pod(0x7b), /illegal wireType 3/],
    ['a number where a message belongs', () => pod(0x08, 0x01), /wrong wireType = 0 for field Metadata/],
    ['a time out of range', () => pod(...field(1, field(8, Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])))), /year outside of range/],
    ['JSON that is none', () => inEnvelope('apps/v1', 'ControllerRevision', field(2, field(1, Buffer.from('{')))), /JSON/],
    ['a depth without end', () => schemaAround(nested(5000)), /exceeded max depth/],
  ];
  for (const [name, bytes, words] of cases) test(name, () => assert.throws(() => decodeObject(bytes()), words));

  test('a key that is a name of JavaScript', () => {
    const map = field(2, Buffer.concat([field(1, Buffer.from('__proto__')), field(2, Buffer.from('x'))]));
    const { data } = decodeObject(inEnvelope('v1', 'ConfigMap', map)) as { data: object };
    assert.deepEqual([Object.keys(data), Object.getPrototypeOf(data)], [['__proto__'], Object.prototype]);
  });

  test('what is not known is passed over', () => {
    assert.deepEqual(decodeObject(inEnvelope('v1', 'ConfigMap', field(1000, Buffer.from('later')))), { apiVersion: 'v1', kind: 'ConfigMap' });
  });
});

test('a zero in a pointer is a value, elsewhere it stands for nothing, unless JSON always has it', () => {
  const zeros = {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: '', generation: 0, deletionGracePeriodSeconds: 0 },
    spec: { hostNetwork: false, automountServiceAccountToken: false, nodeName: '', runtimeClassName: '', priority: 0, containers: [{ name: '', image: '', ports: [{ hostPort: 0, containerPort: 0 }] }] },
    status: { containerStatuses: [{ ready: false, restartCount: 0, started: false, containerID: '' }] },
  };
  const { metadata, spec, status } = decodeObject(encode(zeros)) as typeof zeros;
  assert.deepEqual(metadata, { deletionGracePeriodSeconds: 0 });
  assert.deepEqual(spec, { automountServiceAccountToken: false, runtimeClassName: '', priority: 0, containers: [{ name: '', ports: [{ containerPort: 0 }] }] });
  assert.deepEqual(status, { containerStatuses: [{ ready: false, restartCount: 0, started: false }] });
});

test('an event of a watch: its length, its type, and the object in an envelope', () => {
  const frame = encodeFrame('ADDED', 'v1', 'ConfigMap', encodeMessage(messageOf('v1', 'ConfigMap')!, { data: { a: 'b' } }));
  assert.equal(frame.readUInt32BE(0), frame.length - 4);
  assert.equal(frame.toString('latin1', 4, 11), '\n\x05ADDED');
  assert.deepEqual(decodeObject(frame.subarray(frame.indexOf('k8s\0'))), { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } });
});

test('durations', () => {
  const cases = { '0s': 0, '1ns': 1, '1.5µs': 1500, '2ms': 2e6, '1s': 1e9, '1m30.5s': 90.5e9, '1h0m0s': 3600e9, '-2m0s': -120e9 };
  for (const [text, nanos] of Object.entries(cases)) assert.deepEqual([formatDuration(nanos), parseDuration(text)], [text, nanos]);
});
