import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy, validatePolicy, type AuditPolicy, type Audited } from './policy.ts';

const user = { username: 'ann', groups: ['dev', 'system:authenticated'] };
const of = (verb: string, plural: string, more: Partial<NonNullable<Audited['resource']>> = {}): Audited => ({ user, verb, path: '/api/v1/x', resource: { group: '', plural, ...more } });
const path = (text: string): Audited => ({ user, verb: 'get', path: text, resource: undefined });
const levelOf = (rule: object, audited: Audited) => compilePolicy({ rules: [{ level: 'Metadata', ...rule }] })(audited)?.level;

test('the first rule that fits decides, and what fits none is not told', () => {
  const decide = compilePolicy({ rules: [{ level: 'None', users: ['ann'], verbs: ['watch'] }, { level: 'Request', userGroups: ['dev'], omitStages: ['RequestReceived'] }], omitStages: ['Panic'], omitManagedFields: true });
  assert.equal(decide(of('watch', 'pods')), undefined);
  const decided = decide(of('get', 'pods'))!;
  assert.deepEqual([decided.level, [...decided.omitStages].sort(), decided.omitManagedFields], ['Request', ['Panic', 'RequestReceived'], true]);
  assert.equal(decide({ ...of('get', 'pods'), user: { username: 'bob', groups: [] } }), undefined);
  assert.equal(decide({ ...of('get', 'pods'), user: undefined }), undefined);
});

test('a rule is about resources by group, name and subresource, about namespaces, or about paths', () => {
  const secrets = { resources: [{ group: '', resources: ['secrets'] }] };
  assert.ok(levelOf(secrets, of('get', 'secrets')));
  assert.ok(!levelOf(secrets, of('get', 'secrets', { group: 'other' })));
  assert.ok(!levelOf(secrets, of('get', 'secrets', { subresource: 'x' })));
  assert.ok(!levelOf(secrets, path('/version')));
  const exec = { resources: [{ resources: ['pods/exec'] }] };
  assert.ok(levelOf(exec, of('create', 'pods', { subresource: 'exec' })) && !levelOf(exec, of('create', 'pods')));
  assert.ok(levelOf({ resources: [{ resources: ['*/status'] }] }, of('update', 'nodes', { subresource: 'status' })));
  assert.ok(levelOf({ resources: [{ resources: ['pods/*'] }] }, of('get', 'pods', { subresource: 'log' })));
  assert.ok(levelOf({ resources: [{ resources: ['*'] }] }, of('get', 'pods', { subresource: 'log' })));
  assert.ok(levelOf({ resources: [{ group: 'apps' }] }, of('get', 'deployments', { group: 'apps' })));
  const named = { resources: [{ resources: ['configmaps'], resourceNames: ['one'] }] };
  assert.ok(levelOf(named, of('get', 'configmaps', { name: 'one' })) && !levelOf(named, of('get', 'configmaps', { name: 'two' })) && !levelOf(named, of('list', 'configmaps')));
  assert.ok(levelOf({ namespaces: ['shop'] }, of('get', 'pods', { namespace: 'shop' })) && !levelOf({ namespaces: ['shop'] }, of('get', 'pods', { namespace: 'x' })));
  assert.ok(levelOf({ namespaces: [''] }, of('get', 'nodes')) && !levelOf({ namespaces: [''] }, path('/version')));
  const urls = { nonResourceURLs: ['/healthz*', '/version'] };
  assert.ok(levelOf(urls, path('/healthz/ping')) && levelOf(urls, path('/version')) && !levelOf(urls, path('/metrics')) && !levelOf(urls, of('get', 'pods')));
});

test('what no policy can be is told with its place', () => {
  const wrong = (policy: object) => validatePolicy(policy as AuditPolicy).map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual(wrong({}), ['rules: Required value: a policy without rules would write nothing']);
  assert.deepEqual(wrong({ rules: [{ level: 'All' }, {}] }), ['rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"', 'rules[1].level: Required value']);
  assert.deepEqual(wrong({ rules: [{ level: 'None', nonResourceURLs: ['x', '/a*b'], namespaces: ['n'], omitStages: ['End'] }] }).length, 4);
  assert.deepEqual(wrong({ rules: [{ level: 'None', resources: [{ group: 'apps/v1', resourceNames: ['a'] }] }] }).length, 2);
});
