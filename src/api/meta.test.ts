import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, draftOf, sameJson, templateHash, withCondition, type Condition } from './meta.ts';
import { formatAge, formatSince } from './time.ts';
import { dnsLabel, dnsSubdomain, environmentName, labelValue, portName, qualifiedName } from './names.ts';

test('a draft may be changed, what it was taken of stays', () => {
  const object = Object.freeze({ list: Object.freeze([Object.freeze({ a: 1 })]), text: 'x', none: null });
  const draft = draftOf(object) as unknown as { list: { a: number }[] };
  draft.list[0]!.a = 2;
  assert.deepEqual(object.list, [{ a: 1 }]);
  assert.deepEqual(draft.list, [{ a: 2 }]);
});

test('a key named __proto__ stays a key', () => {
  const draft = draftOf(JSON.parse('{"metadata":null,"__proto__":{"metadata":0}}'));
  assert.equal(JSON.stringify(draft), '{"metadata":null,"__proto__":{"metadata":0}}');
  assert.equal(Object.getPrototypeOf(draft), Object.prototype);
});

test('equal to the API: order, null and empty lists do not count', () => {
  assert.ok(sameJson({ a: 1, b: [] }, { b: null, a: 1 }));
  assert.ok(sameJson({ a: { b: undefined } }, { a: {} }));
  assert.ok(!sameJson({ a: {} }, {}));
  assert.ok(!sameJson({ a: 1 }, { a: 1, b: 0 }));
  assert.ok(!sameJson([1, 2], [2, 1]));
});

test("a condition's time moves only with its status", () => {
  const first: readonly Condition[] = withCondition<Condition>([], { type: 'Ready', status: 'False' }, 0);
  assert.equal(first[0]!.lastTransitionTime, '1970-01-01T00:00:00Z');
  const reworded = withCondition<Condition>(first, { type: 'Ready', status: 'False', reason: 'Waiting' }, 60_000);
  assert.deepEqual(reworded, [{ type: 'Ready', status: 'False', reason: 'Waiting', lastTransitionTime: '1970-01-01T00:00:00Z' }]);
  assert.equal(withCondition<Condition>(reworded, { type: 'Ready', status: 'False', reason: 'Waiting' }, 90_000), reworded);
  assert.equal(withCondition<Condition>(reworded, { type: 'Ready', status: 'True' }, 60_000)[0]!.lastTransitionTime, '1970-01-01T00:01:00Z');
});

test('the hash of a template knows its content, not its order', () => {
  assert.equal(templateHash({ a: 1, b: { c: [1, 2] } }), templateHash({ b: { c: [1, 2] }, a: 1 }));
  assert.notEqual(templateHash({ a: 1 }), templateHash({ a: 2 }));
  assert.notEqual(templateHash({ a: 1 }), templateHash({ a: 1 }, 1));
  assert.match(templateHash({ a: 1 }), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  assert.equal(canonicalJson({ b: undefined, a: [null, 'x'] }), '{"a":[null,"x"]}');
});

test('ages as kubectl prints them', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const ages: readonly (readonly [number, string])[] = [
    [-5 * second, '<invalid>'],
    [-1 * second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [3 * minute + 20 * second, '3m20s'],
    [10 * minute + 5 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [5 * hour + 7 * minute, '5h7m'],
    [30 * hour, '30h'],
    [2 * day, '2d'],
    [2 * day + 4 * hour, '2d4h'],
    [100 * day, '100d'],
    [730 * day, '2y'],
    [750 * day, '2y20d'],
    [3000 * day, '8y'],
  ];
  for (const [ageMs, text] of ages) assert.equal(formatAge(ageMs), text);
  assert.equal(formatSince('1970-01-01T00:00:00Z', 90_000), '90s');
  assert.equal(formatSince(undefined, 0), '<unknown>');
});

test('names', () => {
  const long = 'a'.repeat(64);
  assert.deepEqual(dnsLabel('a-1'), []);
  assert.deepEqual(dnsLabel('a.b'), ['must not contain dots']);
  assert.deepEqual(dnsLabel(long), ['must be no more than 63 characters']);
  assert.deepEqual(dnsSubdomain('a.b-c.d'), []);
  assert.equal(dnsSubdomain('A').length, 1);
  assert.deepEqual(labelValue(''), []);
  assert.deepEqual(labelValue(long), ['must be no more than 63 bytes']);
  assert.deepEqual(qualifiedName('example.com/name'), []);
  assert.equal(qualifiedName('/name')[0], 'prefix part must be non-empty');
  assert.equal(qualifiedName('a/b/c').length, 1);
  assert.deepEqual(portName('http-1'), []);
  assert.deepEqual(portName('80'), ['must contain at least one letter (a-z)']);
  assert.deepEqual(environmentName('MY.env-1'), []);
  assert.equal(environmentName('A=B').length, 1);
});
