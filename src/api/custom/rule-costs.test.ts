// The costs that upstream's own tests expect (apiextensions-apiserver, pkg/apiserver/schema/cel, TestCostEstimation), to the unit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import { compileAndEstimate, CostBudget } from '../cel/program.ts';
import { Report } from '../kinds/validation/report.ts';
import { celValueOf } from './cel-schema.ts';
import { sizeAtIn, sizesOf } from './cel-sizes.ts';
import { checkRules } from './check-rules.ts';
import type { JsonSchema } from './json-schema.ts';
import { ruleVariables } from './rules.ts';

type Bounded = (most?: number) => JsonSchema;

const formatted = ['duration', 'date', 'date-time', 'byte'];
const one = (type: string): JsonSchema => (type === 'int-or-string' ? { 'x-kubernetes-int-or-string': true } : formatted.includes(type) ? { type: 'string', format: type } : { type });
const set = <K extends string>(key: K, most: number | undefined): { [k in K]?: number } => (most === undefined ? {} : { [key]: most } as { [k in K]?: number });
const list = (items: JsonSchema): Bounded => (most) => ({ type: 'array', items, ...set('maxItems', most) });
const map = (values: JsonSchema): Bounded => (most) => ({ type: 'object', additionalProperties: values, ...set('maxProperties', most) });
const text: Bounded = (most) => ({ type: 'string', ...set('maxLength', most) });
const bytes: Bounded = (most) => ({ type: 'string', format: 'byte', ...set('maxLength', most) });
const pair: JsonSchema = { type: 'object', required: ['required'], properties: { required: { type: 'string' }, optional: { type: 'string' } } };
const texts: Bounded = (most) => ({ type: 'array', items: text(most), ...set('maxItems', most) });
const words: Bounded = (most) => ({ type: 'string', enum: ['A', 'B', 'C', 'LongValue'], ...set('maxLength', most) });
const nested: Bounded = (most) => ({ type: 'array', items: { type: 'object', additionalProperties: pair, ...set('maxProperties', most) }, ...set('maxItems', most) });

const costOf = (schema: JsonSchema, rule: string): number => compileAndEstimate(rule, ruleVariables(schema, false, { rule }), sizeAtIn(sizesOf(schema, false)!)).cost;

test('a rule costs what it costs upstream', () => {
  const cases: readonly [schema: Bounded, rule: string, unbounded: number, most: number, bounded: number][] = [
    [list(one('number')), 'self.all(x, true)', 4718591, 10, 32],
    [list(one('string')), 'self.all(x, true)', 3145727, 20, 62],
    [list(one('boolean')), 'self.all(x, true)', 1887437, 5, 17],
    [list({ type: 'array', items: one('number') }), 'self.all(x, true)', 3145727, 100, 302],
    [list(pair), 'self.all(x, true)', 555128, 50, 152],
    [map(one('number')), 'self.all(x, true)', 1348169, 10, 32],
    [map(one('string')), 'self.all(x, true)', 1179647, 3, 11],
    [map(one('boolean')), 'self.all(x, true)', 943718, 100, 302],
    [text, "self.contains('test')", 314574, 10, 5],
    [text, "self.startsWith('test')", 2, 15, 2],
    [text, "self.endsWith('test')", 2, 30, 2],
    [text, 'size(self + "hello") > size("hello")', 314578, 4, 7],
    [list(one('number')), 'self[1] == 0.0', 2, 5000, 2],
    [list(one('string')), 'self[1] == self[1]', 314577, 8, 314577],
    [text, 'self.matches("x")', 314574, 50, 22],
    [text, '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7],
    [text, 'self.matches("")', 1, 100, 1],
    [list(one('number')), 'self[3] == 0.0', 2, 0, 2],
    [map(one('number')), 'self["x"] == 0.0', 2, 0, 2],
    [text, 'self == "x"', 2, 0, 1],
    [bytes, 'self == b"x"', 2, 0, 1],
    [list(one('number')), 'self.all(x, x == 0.0)', 6291454, 3 * 1024 * 2048, 25165826],
    [nested, 'self.all(x, x["y"].required == "z")', 7340027, 10, 72],
    [list(one('int-or-string')), 'self.all(x, true)', 4718591, 10, 32],
    [list(one('int-or-string')), 'self[0] == 5', 3, 10, 3],
    [list(one('boolean')), 'self[0] == false', 2, 25, 2],
    [list(pair), 'self[0] == null', 2, 422, 2],
    [list({ type: 'array', items: one('number') }), 'self[0][0] == -1.0', 3, 51, 3],
    [list({ type: 'object', additionalProperties: one('number') }), 'self.all(x, x.y == 25.2)', 6291452, 12, 74],
    [list({ type: 'object', additionalProperties: one('number') }), 'self[0].x > 2.0', 4, 3000, 4],
    [list(one('duration')), 'self.all(x, true)', 2359295, 5, 17],
    [list(one('duration')), 'self[0].getHours() == 2', 4, 525, 4],
    [list(one('date')), 'self.all(x, true)', 725936, 15, 47],
    [list(one('date')), 'self[2].getDayOfMonth() == 13', 4, 42, 4],
    [list(one('date-time')), 'self.all(x, true)', 428963, 25, 77],
    [map(one('int-or-string')), 'self.all(x, true)', 1348169, 15, 47],
    [map(pair), 'self.all(x, true)', 428963, 20, 62],
    [map({ type: 'object', additionalProperties: one('number') }), 'self.all(x, true)', 1179647, 10, 32],
    [map({ type: 'array', items: one('number') }), 'self.all(x, true)', 1179647, 25, 77],
    [map(one('duration')), 'self.all(x, true)', 1048577, 5, 17],
    [map(one('date')), 'self.all(x, true)', 524288, 10, 32],
    [map(one('date-time')), 'self.all(x, true)', 349526, 25, 77],
    [text, "self.find('[0-9]+') == ''", 629147, 10, 11],
    [texts, "self.join(' ') == 'aa bb'", 329853068905, 10, 43],
    [texts, 'self.isSorted() == true', 329854432052, 10, 52],
    [(most) => ({ type: 'object', properties: { str: text(most), before: text(2), after: text(4) } }), "self.str.replace(self.before, self.after) == 'does not matter'", 629154, 4, 12],
    [(most) => ({ type: 'object', properties: { str: text(most), separator: text(most) } }), 'self.str.split(self.separator) == []', 629160, 10, 22],
    [text, "self.lowerAscii() == 'lower!'", 314575, 10, 6],
    [map(one('integer')), 'oldSelf.size() == self.size()', 5, 10, 5],
    [map(one('date-time')), 'self["a"] == self["b"]', 8, 7, 8],
    [map(one('duration')), 'self["c"] == self["d"]', 8, 42, 8],
    [words, "self.contains('A')", 2, 1000, 401],
  ];
  for (const [schema, rule, unbounded, most, bounded] of cases) assert.deepEqual([costOf(schema(), rule), costOf(schema(most), rule)], [unbounded, bounded], rule);
  assert.equal(costOf(list(one('number'))(10), 'self.all(x, self.all(y, self.all(z, true)))'), 3552);
  assert.ok(costOf(list(one('number'))(), 'self.all(x, self.all(y, true))') > 100_000_000);
});

const told = (schema: object): string[] => {
  const report = new Report();
  checkRules(report, 's', schema as JsonSchema);
  return report.causes.map(({ field, message }) => `${field}: ${message}`);
};
const advice = '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
const crossing = { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': [{ rule: 'self.all(a, self.all(b, a != b || true))' }] };

test('a rule that could cost too much is refused where it is declared, and accepted when its values are bounded', () => {
  const at = 's.properties[spec].x-kubernetes-validations[0].rule';
  assert.deepEqual(told({ type: 'object', properties: { spec: crossing } }), [
    `${at}: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
    `${at}: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
  ]);
  assert.deepEqual(told({ type: 'object', properties: { spec: { ...crossing, maxItems: 10, items: { type: 'string', maxLength: 10 } } } }), []);
});

test('a rule in a list is reckoned for as many items as there may be', () => {
  const inList = (more: object) => ({ type: 'object', properties: { l: { type: 'array', ...more, items: { type: 'string', maxLength: 100, 'x-kubernetes-validations': [{ rule: "self.matches('^[a-z]+$')" }] } } } });
  assert.deepEqual(told(inList({ maxItems: 100 })), []);
  // 1 + 41 × 2 for each of 1048576 / 1: of the smallest text in a request.
  assert.deepEqual(told(inList({})), [`s.properties[l].items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of 8.7x ${advice}`]);
  assert.deepEqual(told(inList({ maxItems: 130_000 })), [`s.properties[l].items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of 1.079000x ${advice}`]);
});

test('a rule never costs less where values may be larger, and evaluates to what it was declared as', () => {
  const bounded = (most: number): JsonSchema => ({ type: 'object', properties: { names: { type: 'array', maxItems: most, items: { type: 'string', maxLength: most } }, n: { type: 'integer' }, m: { type: 'object', maxProperties: most, additionalProperties: { type: 'string', maxLength: most } } } });
  const boolean = fc.letrec<{ bool: string; text: string; list: string }>((tie) => ({
    bool: fc.oneof({ maxDepth: 3 }, fc.constantFrom('true', 'self.n > 1', 'has(self.n)', '"k" in self.m'), fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a} && ${b})`), fc.tuple(tie('list'), tie('bool')).map(([l, b]) => `${l}.all(x, x != "q" && ${b})`), fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a} == ${b}`), fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.contains(${b})`), tie('list').map((l) => `${l}.exists(y, y.startsWith("a"))`)),
    text: fc.oneof({ maxDepth: 3 }, fc.constantFrom('"abc"', 'self.m.k', '"x"'), fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`), tie('text').map((t) => `${t}.lowerAscii()`), tie('list').map((l) => `${l}.join("-")`)),
    list: fc.oneof({ maxDepth: 2 }, fc.constantFrom('self.names', '["a", "b"]'), tie('list').map((l) => `${l}.filter(z, z != "")`), tie('list').map((l) => `${l}.map(w, w + "!")`)),
  })).bool;
  const letters = fc.string({ maxLength: 5, unit: fc.constantFrom('a', 'b', 'k') });
  const value = fc.record({ names: fc.array(letters, { maxLength: 4 }), n: fc.integer({ min: 0, max: 3 }), m: letters.map((k) => ({ k })) });
  fc.assert(fc.property(boolean, value, fc.nat(50), fc.nat(50), (rule, object, few, more) => {
    const compiled = (most: number) => compileAndEstimate(rule, ruleVariables(bounded(most), false, { rule }), sizeAtIn(sizesOf(bounded(most), false)!));
    const { program, cost } = compiled(few);
    assert.ok(cost <= compiled(few + more).cost, rule);
    const self = celValueOf(object, bounded(few), false);
    assert.equal(typeof program.run((name) => (name === 'self' ? self : undefined), new CostBudget()), 'boolean');
  }), { numRuns: 300 });
});
