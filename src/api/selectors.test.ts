import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods } from './kinds/pod.ts';
import { configMaps } from './kinds/config-map.ts';
import { fieldMatcher, labelSelectorOf, parseLabelSelector } from './selectors.ts';
import type { ConfigMap, Pod } from './types.ts';

const labels = { app: 'web', tier: 'front', size: '7', empty: '' };

const selections: readonly (readonly [query: string, matches: boolean])[] = [
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app=api', false],
  ['app!=api', true],
  ['app != web', false],
  ['missing!=x', true],
  ['app in (web,api)', true],
  ['app in (api)', false],
  ['app notin (api)', true],
  ['missing notin (x)', true],
  ['app', true],
  ['missing', false],
  ['!missing', true],
  ['! app', false],
  ['size>3', true],
  ['size>7', false],
  ['size<10', true],
  ['app>3', false],
  ['empty=', true],
  ['empty', true],
  ['empty in (,x)', true],
  ['app=web,tier=front', true],
  ['app=web,tier=back', false],
  ['app in (web),!missing,size<8', true],
  ['example.com/x!=y', true],
];

test('label queries select what they say', () => {
  for (const [query, matches] of selections) assert.equal(parseLabelSelector(query).matches(labels), matches, query);
  assert.equal(parseLabelSelector('app').matches(undefined), false);
});

const refusedQueries: readonly (readonly [query: string, message: string])[] = [
  ['a=b=c', "found '=', expected: ',' or 'end of string'"],
  ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['a in', "unable to parse requirement: found '' expected: '('"],
  ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['a in ()', "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"],
  ['=x', "found '=', expected: !, identifier, or 'end of string'"],
  ['a,', "found '', expected: identifier after ','"],
  ['a>b', "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"],
];

test('a query that cannot be read is a bad request, in the words of Kubernetes', () => {
  for (const [query, message] of refusedQueries) {
    assert.throws(() => parseLabelSelector(query), { code: 400, reason: 'BadRequest', message }, query);
  }
  assert.throws(() => parseLabelSelector('-a=b'), /^ApiError: unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/);
});

test('a query is written back as it is understood, by key', () => {
  assert.equal(parseLabelSelector('b!=1, a in (y,x) ,!c,d').toString(), 'a in (x,y),b!=1,!c,d');
});

test('selectors of objects', () => {
  assert.equal(labelSelectorOf(undefined).matches(labels), false);
  assert.equal(labelSelectorOf({}).matches(labels), true);
  assert.equal(labelSelectorOf({ app: 'web' }).matches(labels), true);
  assert.equal(labelSelectorOf({ matchLabels: { app: 'api' } }).matches(labels), false);
  assert.equal(labelSelectorOf({ matchExpressions: [{ key: 'app', operator: 'Exists' }, { key: 'tier', operator: 'NotIn', values: ['back'] }] }).matches(labels), true);
  assert.equal(labelSelectorOf({ matchExpressions: [{ key: 'app', operator: 'Like' }] }).matches(labels), false);
  assert.equal(labelSelectorOf({ matchLabels: 'odd' }).matches({ matchLabels: 'odd' }), true);
  assert.equal(labelSelectorOf({ matchLabels: { b: '1', a: '2' } }).toString(), 'a=2,b=1');
});

const pod = { metadata: { name: 'web', namespace: 'shop' }, spec: { nodeName: 'n1', containers: [] }, status: { phase: 'Running' } } as unknown as Pod;

test('field selectors', () => {
  const matches = (text: string) => fieldMatcher(pods, text).matches(pod);
  assert.equal(matches('spec.nodeName=n1'), true);
  assert.equal(matches('spec.nodeName==n1,status.phase!=Failed'), true);
  assert.equal(matches('metadata.name=web,metadata.namespace=shop'), true);
  assert.equal(matches('status.phase=Failed'), false);
  assert.equal(matches('spec.hostNetwork=false'), true);
  assert.equal(fieldMatcher(pods, 'spec.nodeName=n1').exact('spec.nodeName'), 'n1');
  assert.equal(fieldMatcher(pods, 'spec.nodeName!=n1').exact('spec.nodeName'), undefined);
  assert.equal(fieldMatcher(pods, '').isEmpty, true);
});

test('field selectors that cannot be used', () => {
  assert.throws(() => fieldMatcher(pods, 'spec.image=x'), { code: 400, message: 'field label not supported: spec.image' });
  assert.throws(() => fieldMatcher<ConfigMap>(configMaps, 'data.x=y'), { code: 400, message: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"' });
  assert.throws(() => fieldMatcher(pods, 'a=b,rubbish'), { code: 400, message: "invalid selector: 'a=b,rubbish'; can't understand 'rubbish'" });
});
