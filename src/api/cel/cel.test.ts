import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, CostBudget, OverBudget } from './program.ts';
import { dyn, listOf, mapOf, objectOf, simple } from './types.ts';
import { Fields } from './values.ts';

const variables = new Map([
  ['self', objectOf('object', new Map([['replicas', simple('int')], ['name', simple('string')], ['tags', listOf(simple('string'))], ['labels', mapOf(simple('string'), simple('string'))]]))],
  ['any', dyn],
]);
const self = new Fields('object', new Map<string, unknown>([['replicas', 3n], ['tags', ['a', 'b']], ['labels', new Map([['k', 'v']])]]));

const run = (text: string) => compile(text, variables).run((name) => ({ self, any: new Map<string, unknown>([['n', 1n], ['d', 1.5], ['list', [1n, 2n]]]) })[name], new CostBudget());

test('what is true', () => {
  for (const text of [
    'self.replicas == 3', 'self.replicas + 1 > 3 && self.replicas <= 3', 'dyn(1) == 1.0 && any.n == 1.0', '"a" in self.tags', '"k" in self.labels', 'self.labels.k == "v"', "self.labels['k'] == 'v'",
    'has(self.replicas) && !has(self.name)', 'self.tags.all(t, t.size() == 1)', 'self.tags.exists(t, t == "b")', 'self.tags.exists_one(t, t == "b")', 'self.tags.map(t, t + "!").join(",") == "a!,b!"',
    'self.tags.filter(t, t > "a") == ["b"]', 'self.tags.all(i, t, i < 2 && t != "")', 'self.labels.all(k, v, k != v)', '[3, 1, 2].max() == 3 && [1, 2].sum() == 3 && [1, 2].isSorted()',
    '"héllo".size() == 5 && "héllo".substring(1, 3) == "él"', '"abc".matches("^[a-c]+$")', '"a-b".split("-") == ["a", "b"]', '"x%sy%d".format([dyn("a"), dyn(1)]) == "xay1"', '"hello world".find("o w") == "o w"',
    'quantity("1Gi").isGreaterThan(quantity("500Mi")) && isQuantity("1k") && !isQuantity("x")', 'url("https://example.com:8080/a?b=c").getHost() == "example.com:8080"', 'isURL("https://a/b") && !isURL("no")',
    'isIP("::1") && ip("10.0.0.1").family() == 4 && cidr("10.0.0.0/8").containsIP("10.1.2.3") && ip.isCanonical("::1")', 'semver("1.2.3").isLessThan(semver("1.10.0"))',
    'self.?name.orValue("none") == "none"', 'self.?replicas.optMap(r, r * 2).value() == 6', '[1, ?optional.none()] == [1]', 'optional.of(1).hasValue()', 'any.?missing.orValue(0) == 0', 'any[?"n"].value() == 1',
    'true || any.missing', 'any.missing == 1 || true', '!(false && any.missing)', 'self.replicas > 2 ? true : false', 'type(1) == int', 'int("12") == 12 && double(1) == 1.0 && string(1.5) == "1.5"',
    'duration("90s") == duration("1m30s") && timestamp("2024-01-01T00:00:00Z") + duration("1h") == timestamp("2024-01-01T01:00:00Z")', 'timestamp("2024-02-29T10:00:00Z").getMonth() == 1',
    'format.dns1123Label().validate("my-name") == optional.none()', 'format.dns1123Label().validate("My_Name").value()[0].startsWith("a lowercase RFC 1123 label")', 'format.named("uuid").value().validate("123e4567-e89b-12d3-a456-426614174000").hasValue() == false', '!format.named("nothing").hasValue()',
    'format.dns1035LabelPrefix().validate("abc-") == optional.none() && format.dns1035Label().validate("abc-").hasValue()', 'format.qualifiedName().validate("example.com/a").orValue([]) == []', 'format.labelValue().validate("-").value().size() == 1', 'format.uri().validate("").value() == ["parse \\"\\": empty url"]', 'format.byte().validate("%").value() == ["invalid base64"] && format.date().validate("2024-02-30").value() == ["invalid date"] && !format.datetime().validate("2024-01-01T00:00:00Z").hasValue()',
    'semver("v1.02", true).minor() == 2 && isSemver("1.0", true) && !isSemver("1.0") && !isSemver("1.0-a", true)', '{"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}', '["p", "q"].transformMapEntry(i, v, i > 0, {v: i}) == {"q": 1}', 'optional.unwrap([optional.of(1), optional.none()]) == [1] && [1, 2].first().value() == 1 && ![1].filter(x, x > 1).last().hasValue()', '[[1], [2, 3]].flatten(1) == [1, 2, 3]',
    'sets.contains([1, 2], [2])', '{"a": 1}.a == 1', '-5 / 2 == -2 && -5 % 2 == -1', 'cel.bind(x, 2, x * x == 4)', 'r"\\d" == "\\\\d"', "'''a\nb'''.size() == 3", 'self.tags[0] == "a"', '[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]', 'dyn([1]) == [1]',
  ]) assert.equal(run(text), true, text);
});

test('what cannot be, and why', () => {
  const fails = (text: string, why: RegExp) => assert.throws(() => run(text), why, text);
  fails('self.missing == 1', /ERROR: <input>:1:5: undefined field 'missing'\n \| self\.missing == 1\n \| \.\.\.\.\^/);
  fails('other', /undeclared reference to 'other' \(in container ''\)/);
  fails('self.replicas == "x"', /found no matching overload for '_==_' applied to '\(int, string\)'/);
  fails('self.name.nothing()', /undeclared reference to 'nothing'/);
  fails('self.replicas.contains("a")', /found no matching overload for 'contains' applied to 'int\.\(string\)'/);
  fails('1 +', /Syntax error: mismatched input '<EOF>'/);
  fails('any.missing', /no such key: missing/);
  fails('any.list[5]', /index out of bounds: 5/);
  fails('1 / (self.replicas - 3)', /division by zero/);
  fails('9223372036854775807 + 1', /integer overflow/);
  fails('self.name == "x"', /no such key: name/);
  fails('["a"].transformMapEntry(i, v, {"k": i}) == {} || [1, 2].transformMapEntry(i, v, {"k": i}) == {}', /insert failed: key k already exists/);
  fails('1 in [1, "a"]', /1:10: expected type 'int' but found 'string'/);
  fails('self.replicas == null', /found no matching overload for '_==_' applied to '\(int, null\)'/);
  fails('a + b', /'a'[^]*ERROR: <input>:1:5: undeclared reference to 'b'/);
  fails('quantity("1") == 1', /applied to '\(kubernetes.Quantity, int\)'/);
  fails('timestamp("yesterday") == timestamp("2024-01-01T00:00:00Z")', /1:11: invalid timestamp argument/);
  fails('('.repeat(300) + '1' + ')'.repeat(300), /recursion limit/);
});

test('an expression that costs too much is ended', () => {
  const nested = 'lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))';
  assert.throws(() => run(nested), OverBudget);
  assert.throws(() => run('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".matches("(?=x)")'), /invalid matches argument/);
});
