import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import { Report } from '../kinds/validation/report.ts';
import { checkRules } from './check-rules.ts';
import { checkSchema } from './check-schema.ts';
import { compileDefaults } from './defaults.ts';
import type { JsonSchema } from './json-schema.ts';
import { prune } from './prune.ts';
import { compileRules } from './rules.ts';

const schema: JsonSchema = {
  type: 'object',
  'x-kubernetes-validations': [{ rule: "self.metadata.name.startsWith('a')", message: 'must be called a…' }],
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', messageExpression: "'min ' + string(self.min) + ' is over max'", fieldPath: '.min', reason: 'FieldValueForbidden' },
        { rule: '!has(oldSelf.frozen) || self.frozen == oldSelf.frozen', message: 'frozen is immutable' },
        { rule: 'oldSelf.hasValue() || self.min == 0', optionalOldSelf: true, message: 'begins at 0' },
      ],
      properties: {
        min: { type: 'integer', default: 0 },
        max: { type: 'integer', default: 5 },
        frozen: { type: 'string' },
        when: { type: 'string', format: 'date-time' },
        'dashed-name': { type: 'string' },
        port: { 'x-kubernetes-int-or-string': true, 'x-kubernetes-validations': [{ rule: 'type(self) == string || int(self) > 0' }] },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        list: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: { type: 'object', required: ['k'], properties: { k: { type: 'string' }, v: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'only grows' }] } } } },
      },
    },
  },
};

const validate = compileRules(schema)!;
const object = (spec: object, name = 'abc') => ({ apiVersion: 'x/v1', kind: 'X', metadata: { name }, spec });
const told = (after: object, before?: object) => validate(after, before).map(({ field, message }) => `${field}: ${message}`);

test('rules refuse, each in its words and at its place', () => {
  assert.deepEqual(told(object({ min: 0, max: 1 })), []);
  assert.deepEqual(told(object({ min: 0, max: 1 }, 'b')), ['<nil>: Invalid value: "object": must be called a…']);
  assert.deepEqual(told(object({ min: 3, max: 1 })), ['spec.min: Forbidden: min 3 is over max', 'spec: Invalid value: "object": begins at 0']);
  assert.deepEqual(told(object({ max: 1 })), ['spec: Invalid value: "object": no such key: min evaluating rule: self.min <= self.max', 'spec: Invalid value: "object": no such key: min evaluating rule: begins at 0']);
  assert.deepEqual(told(object({ min: 0, max: 1, port: 0 })), ['spec.port: Invalid value: "": failed rule: type(self) == string || int(self) > 0']);
});

test('transitions compare with what was there, by keys; what was wrong before and is untouched may stay', () => {
  const before = object({ min: 0, max: 1, frozen: 'a', list: [{ k: 'x', v: 5 }, { k: 'y', v: 1 }] });
  assert.deepEqual(told(object({ min: 0, max: 2, frozen: 'b', list: [{ k: 'y', v: 2 }, { k: 'x', v: 4 }] }), before), ['spec: Invalid value: "object": frozen is immutable', 'spec.list[1].v: Invalid value: "integer": only grows']);
  const wrong = object({ min: 3, max: 1 });
  assert.deepEqual(told({ ...wrong, status: 1 }, wrong), []);
});

test('what is wrong with rules is told when they are declared', () => {
  const problems = (rules: object[], of: object = { type: 'object', properties: { a: { type: 'string' } } }) => {
    const report = new Report();
    checkRules(report, 's', { type: 'object', properties: { spec: { ...of, 'x-kubernetes-validations': rules } } } as JsonSchema);
    return report.causes.map(({ field, message }) => `${field}: ${message}`.replace(/^s\.properties\[spec\]\.x-kubernetes-validations\[0\]\./, ''));
  };
  assert.deepEqual(problems([{ rule: '' }]), ['rule: Required value: rule is not specified']);
  assert.match(problems([{ rule: 'self.b == 1' }])[0]!, /compilation failed: ERROR: <input>:1:5: undefined field 'b'/);
  assert.match(problems([{ rule: 'self.a' }])[0]!, /cel expression must evaluate to a bool/);
  assert.match(problems([{ rule: 'self.?a' }])[0]!, /cel expression must evaluate to a bool/);
  assert.match(problems([{ rule: 'self.b == c' }])[0]!, /undefined field 'b'\n[^]*ERROR: <input>:1:11: undeclared reference to 'c' \(in container ''\)/);
  assert.match(problems([{ rule: 'size(self.a) == "x"' }])[0]!, /ERROR: <input>:1:14: found no matching overload for '_==_' applied to '\(int, string\)'/);
  assert.match(problems([{ rule: 'duration("1 fortnight") == duration("1s")' }])[0]!, /ERROR: <input>:1:10: invalid duration argument/);
  assert.match(problems([{ rule: 'self.a in ["a", 1]' }])[0]!, /ERROR: <input>:1:17: expected type 'string' but found 'int'/);
  assert.match(problems([{ rule: 'true', optionalOldSelf: true }])[0]!, /^optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule/);
  assert.match(problems([{ rule: 'true', messageExpression: 'self.c' }])[0]!, /^messageExpression: .*messageExpression compilation failed: ERROR/);
  assert.match(problems([{ rule: 'true', messageExpression: '1' }])[0]!, /messageExpression must evaluate to a string/);
  assert.match(problems([{ rule: 'true', reason: 'Nope' }])[0]!, /^reason: Unsupported value: "Nope"/);
  assert.match(problems([{ rule: 'true', fieldPath: '.nope' }])[0]!, /fieldPath must be a valid path/);
  const report = new Report();
  checkRules(report, 's', { type: 'object', properties: { list: { type: 'array', maxItems: 9, items: { type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } } } });
  assert.match(report.causes[0]!.message, /oldSelf cannot be used on the uncorrelatable portion of the schema within s\.properties\[list\]/);
});

test('a schema that is not structural is refused, in words that say why', () => {
  const problems = (of: object) => {
    const report = new Report();
    checkSchema(report, 's', of as JsonSchema);
    return report.causes.map(({ field, message }) => `${field}: ${message}`);
  };
  assert.deepEqual(problems(schema), []);
  assert.deepEqual(problems({ properties: { a: {} } }), ['s.properties[a].type: Required value: must not be empty for specified object fields', 's.type: Required value: must not be empty at the root']);
  assert.deepEqual(problems({ type: 'object', properties: { a: { type: 'array' } } }), ['s.properties[a].items: Required value: must be specified']);
  assert.deepEqual(problems({ type: 'object', properties: { a: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } } } }), ['s.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive']);
  assert.deepEqual(problems({ type: 'object', anyOf: [{ properties: { a: { type: 'string', minLength: 1 } } }] }), ['s.anyOf[0].properties[a].type: Forbidden: must be empty to be structural', 's.properties[a]: Required value: because it is defined in s.anyOf[0].properties[a]']);
  assert.deepEqual(problems({ type: 'object', properties: { a: { type: 'integer', default: 'x' } } }), ['s.properties[a].default: Invalid value: "string": s.properties[a].default in body must be of type integer: "string"']);
  assert.deepEqual(problems({ type: 'object', properties: { a: { type: 'object', default: { b: 1 } } } }), ['s.properties[a].default: Invalid value: {"b":1}: must not have unknown fields']);
  assert.deepEqual(problems({ type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } }), ['s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified']);
  assert.match(problems({ type: 'object', properties: { a: { type: 'string', pattern: '(' } } })[0]!, /must be a valid regular expression, but isn't: error parsing regexp: missing closing \)/);
  assert.deepEqual(problems({ type: 'object', properties: { a: { type: 'string', $ref: '#/x' }, b: { type: 'array', uniqueItems: true, items: { type: 'string' } } } }), ['s.properties[a].$ref: Forbidden: $ref is not supported', 's.properties[b].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic']);
});

test('pruning and defaults do nothing the second time, whatever the object', () => {
  const fill = compileDefaults(schema);
  const anything = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), tie('object')),
    object: fc.dictionary(fc.constantFrom('spec', 'min', 'max', 'tags', 'list', 'k', 'v', 'metadata', 'name', 'port', 'other', '__proto__'), tie('value')),
  })).object;
  fc.assert(fc.property(anything, (made) => {
    const first = structuredClone(made) as object;
    prune(first, schema);
    fill(first);
    const second = structuredClone(first);
    assert.deepEqual(prune(second, schema).unknown, []);
    assert.equal(fill(second), false);
    assert.deepEqual(second, first);
  }), { numRuns: 500 });
});
