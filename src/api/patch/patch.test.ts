import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import { isReason, type ApiError } from '../error.ts';
import { applyJsonPatch } from './json-patch.ts';
import { sameJson } from './json.ts';
import { applyMergePatch } from './merge-patch.ts';

const failsWith = (reason: string, cause?: string | RegExp) => (error: ApiError) => {
  assert.ok(isReason(error, reason), `${error.reason}: ${error.message}`);
  if (cause) assert.match(error.details?.causes?.[0]?.message ?? error.message, typeof cause === 'string' ? new RegExp(cause.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : cause);
  return true;
};

test('merge patch: the examples of RFC 7396', () => {
  const examples: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], ['c', 'd'], ['c', 'd']],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of examples) assert.deepEqual(applyMergePatch(target, patch), result);
});

const json = fc.jsonValue({ maxDepth: 4 });
const objects = fc.dictionary(fc.string(), json);

/** The algorithm as the RFC writes it. */
function reference(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result = new Map(typeof target === 'object' && target !== null && !Array.isArray(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, reference(result.get(key), value));
  }
  return Object.fromEntries(result);
}

test('merge patch agrees with the RFC’s algorithm, is idempotent, and changes neither input', () => {
  fc.assert(
    fc.property(objects, objects, (target, patch) => {
      const before = JSON.stringify([target, patch]);
      const once = applyMergePatch(target, patch);
      assert.ok(sameJson(once, reference(target, patch)));
      assert.ok(sameJson(applyMergePatch(once, patch), once));
      assert.equal(JSON.stringify([target, patch]), before);
      assert.ok(sameJson(applyMergePatch(target, {}), target));
    }),
  );
});

test('merge patch: a key named __proto__ is a key', () => {
  const merged = applyMergePatch({ data: { a: '1' } }, JSON.parse('{"data":{"__proto__":"x"}}'));
  assert.equal(JSON.stringify(merged), '{"data":{"a":"1","__proto__":"x"}}');
});

test('JSON patch: the operations', () => {
  const document = { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2 };
  const apply = (...operations: object[]) => applyJsonPatch(document, operations);
  assert.deepEqual(apply({ op: 'add', path: '/a/b/1', value: 9 }), { ...document, a: { b: [1, 9, 2, 3] } });
  assert.deepEqual(apply({ op: 'add', path: '/a/b/-', value: 9 }), { ...document, a: { b: [1, 2, 3, 9] } });
  assert.deepEqual(apply({ op: 'add', path: '/a/c', value: null }), { ...document, a: { b: [1, 2, 3], c: null } });
  assert.deepEqual(apply({ op: 'remove', path: '/x~1y' }), { a: document.a, 'm~n': 2 });
  assert.deepEqual(apply({ op: 'replace', path: '/m~0n', value: [] }), { ...document, 'm~n': [] });
  assert.deepEqual(apply({ op: 'move', from: '/a/b/0', path: '/a/b/2' }), { ...document, a: { b: [2, 3, 1] } });
  assert.deepEqual(apply({ op: 'copy', from: '/a/b', path: '/c' }), { ...document, c: [1, 2, 3] });
  assert.deepEqual(apply({ op: 'test', path: '/a', value: { b: [1, 2, 3] } }, { op: 'test', path: '/none', value: null }), document);
  assert.deepEqual(document, { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2 });
});

test('JSON patch: what fails, fails in Kubernetes’ words', () => {
  const apply = (operation: object) => () => applyJsonPatch({ a: { b: [1] } }, [operation]);
  assert.throws(apply({ op: 'test', path: '/a/b/0', value: 2 }), failsWith('Invalid', 'testing value /a/b/0 failed: test failed'));
  assert.throws(apply({ op: 'add', path: '/x/y', value: 2 }), failsWith('Invalid', 'add operation does not apply: doc is missing path: "/x/y": missing value'));
  assert.throws(apply({ op: 'replace', path: '/a/c', value: 2 }), failsWith('Invalid', 'replace operation does not apply: doc is missing key: /a/c: missing value'));
  assert.throws(apply({ op: 'remove', path: '/a/c' }), failsWith('Invalid', "error in remove for path: '/a/c': Unable to remove nonexistent key: c: missing value"));
  for (const index of ['2', '-1', '01', 'x', '1e0', '']) assert.throws(apply({ op: 'add', path: `/a/b/${index}`, value: 2 }), failsWith('Invalid'), index);
  for (const index of ['1', '-1', '-', 'x']) assert.throws(apply({ op: 'replace', path: `/a/b/${index}`, value: 2 }), failsWith('Invalid'), index);
  for (const path of ['/__proto__/x', '/constructor/prototype/x', '/a/b/length/x', '/toString/x', 'a', '/a/b/0/x']) assert.throws(apply({ op: 'add', path, value: 1 }), failsWith('Invalid'), path);
  assert.throws(apply({ op: 'flip', path: '/a' }), failsWith('Invalid', 'Unexpected kind: flip'));
  assert.throws(apply({ op: 'add', path: '/a/c' }), failsWith('Invalid'));
  assert.throws(apply({ op: 'move', from: '/a', path: '/a/b/-' }), failsWith('Invalid'));
  assert.throws(() => applyJsonPatch({}, { op: 'add' }), failsWith('BadRequest', 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'));
});

test('JSON patch: bounds', () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
  assert.throws(() => applyJsonPatch({ a: 1 }, many), failsWith('RequestEntityTooLarge', 'The allowed maximum operations in a JSON patch is 10000, got 10001'));
  const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/k${i}` }));
  assert.throws(() => applyJsonPatch({ a: {} }, doubling), failsWith('Invalid', 'exceeding the limit 3145728'));
});

test('a result shares nothing with the document or the patch', () => {
  const document = Object.freeze({ a: Object.freeze({ b: Object.freeze([1]) }) });
  const value = Object.freeze({ d: Object.freeze([]) });
  const patched = applyJsonPatch(document, [{ op: 'add', path: '/c', value }, { op: 'add', path: '/c/d/-', value: 1 }, { op: 'add', path: '/a/b/-', value: 2 }]);
  assert.deepEqual(patched, { a: { b: [1, 2] }, c: { d: [1] } });
  const merged = applyMergePatch(document, { c: value }) as { a: { b: number[] }; c: { d: number[] } };
  merged.a.b.push(2);
  merged.c.d.push(3);
});
