import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from '../../../base/testing/fast-check.ts';
import protobuf from 'protobufjs/light.js';
import { dataFile } from '../../../base/package-files.ts';
import { schemaOf } from './protobuf.ts';

const descriptor = JSON.parse(readFileSync(dataFile('cri-v1.json'), 'utf8'));
const theirs = protobuf.Root.fromJSON(descriptor);
const ours = schemaOf(descriptor);

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const map = fc.dictionary(text.filter((key) => key !== '__proto__'), text, { maxKeys: 5, noNullPrototype: true });
const int64 = fc.maxSafeInteger();
const container = fc.record({
  pod_sandbox_id: text,
  config: fc.record({
    metadata: fc.record({ name: text, attempt: fc.nat(2 ** 31) }),
    command: fc.array(text),
    envs: fc.array(fc.record({ key: text, value: text.map((value) => Buffer.from(value)) })),
    mounts: fc.array(fc.record({ host_path: text, readonly: fc.boolean(), propagation: fc.constantFrom('PROPAGATION_PRIVATE', 'PROPAGATION_BIDIRECTIONAL') })),
    labels: map,
    tty: fc.boolean(),
    linux: fc.record({
      resources: fc.record({ cpu_quota: int64, memory_limit_in_bytes: fc.maxSafeNat(), oom_score_adj: fc.integer({ min: -1000, max: 1000 }), unified: map }),
      security_context: fc.record({ run_as_user: fc.option(fc.record({ value: fc.maxSafeNat() }), { nil: undefined }), supplemental_groups: fc.array(int64) }, { requiredKeys: ['supplemental_groups'] }),
    }),
  }),
});

test('writes what protobufjs reads, and reads what protobufjs writes', () => {
  const type = theirs.lookupType('runtime.v1.CreateContainerRequest');
  const codec = ours.message('runtime.v1.CreateContainerRequest');
  fc.assert(fc.property(container, (message) => {
    const bytes = codec.encode(message);
    const seen = type.toObject(type.decode(bytes), { longs: Number, enums: String, defaults: true, arrays: true, objects: true, bytes: Buffer });
    const again = codec.decode(Buffer.from(type.encode(type.fromObject(message)).finish()));
    assert.equal(seen.config.linux.resources.cpu_quota, message.config.linux.resources.cpu_quota);
    assert.deepEqual(pick(again), pick(seen));
    assert.deepEqual(pick(codec.decode(bytes)), pick(seen));
  }), { numRuns: 300 });
});

test('hostile bytes end in an error or a message, never in a loop or a crash', () => {
  const codec = ours.message('runtime.v1.ListContainersResponse');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      codec.decode(Buffer.from(bytes));
    } catch (error) {
      assert.ok(error instanceof RangeError || error instanceof TypeError);
    }
  }), { numRuns: 2000 });
});

test('a map key that names the prototype is a key', () => {
  const codec = ours.message('runtime.v1.PodSandbox');
  const labels = JSON.parse('{"__proto__":"x"}');
  assert.deepEqual(Object.keys(codec.decode(codec.encode({ labels })).labels), ['__proto__']);
});

test('times in nanoseconds keep their milliseconds', () => {
  const codec = ours.message('runtime.v1.Container');
  const type = theirs.lookupType('runtime.v1.Container');
  const bytes = Buffer.from(type.encode(type.fromObject({ created_at: '1795446000123456789' })).finish());
  assert.equal(Math.floor(codec.decode(bytes).created_at / 1e6), 1795446000123);
});

function pick(message: Record<string, any>): unknown {
  const { metadata, command, envs, labels, tty, linux, mounts } = message.config;
  return JSON.parse(JSON.stringify({ metadata, command, envs, labels, tty, linux, mounts }, (_, value) => value ?? undefined));
}
