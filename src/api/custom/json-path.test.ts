import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasFormat } from './formats.ts';
import { fieldsOfPath, parseJsonPath } from './json-path.ts';

const object = { spec: { replicas: 3, hosts: [{ name: 'a', port: 1 }, { name: 'b', port: 2 }] }, metadata: { labels: { 'app.kubernetes.io/name': 'x' } }, status: { conditions: [{ type: 'Ready', status: 'True' }, { type: 'Other', status: 'False' }] } };

test('paths find what kubectl finds', () => {
  for (const [path, found] of [
    ['.spec.replicas', [3]], ['.spec.hosts[0].name', ['a']], ['.spec.hosts[-1].name', ['b']], ['.spec.hosts[*].port', [1, 2]], ['.status.conditions[?(@.type=="Ready")].status', ['True']], ["$.status.conditions[?(@.type=='Other')].status", ['False']],
    ['.spec.hosts[?(@.port>1)].name', ['b']], [".metadata.labels['app\\.kubernetes\\.io/name']", ['x']], ['.metadata.labels.app\\.kubernetes\\.io/name', ['x']], ['.spec.hosts[0:1].name', ['a']], ['..name', ['a', 'b']], ['.spec.none.deep', []], ['{.spec.replicas}', [3]],
  ] as const) assert.deepEqual(parseJsonPath(path)(object), found, path);
  assert.deepEqual(fieldsOfPath('.spec.replicas'), ['spec', 'replicas']);
  assert.equal(fieldsOfPath('.spec.hosts[0]'), undefined);
  for (const wrong of ['spec', '.spec[', '.spec[x]', '.a[?(b)]']) assert.throws(() => parseJsonPath(wrong), wrong);
});

test('formats', () => {
  const right: Record<string, string> = { ipv4: '10.0.0.1', ipv6: '::1', cidr: '10.0.0.0/8', uuid: '123e4567-e89b-42d3-a456-426614174000', uuid4: '123e4567-e89b-42d3-a456-426614174000', mac: '00:11:22:33:44:55', 'date-time': '2024-01-01T00:00:00.5Z', date: '2024-02-29', duration: '1h30m', byte: 'aGk=', email: 'a@b.c', hostname: 'a.example.com', uri: 'https://x/y', isbn: '978-3-16-148410-0', creditcard: '4111 1111 1111 1111', hexcolor: '#fff', rgbcolor: 'rgb(1,2,3)', ssn: '123-45-6789', bsonobjectid: '507f1f77bcf86cd799439011', unheardOf: 'anything' };
  for (const [format, text] of Object.entries(right)) assert.ok(hasFormat(format, text), format);
  for (const format of Object.keys(right)) if (format !== 'unheardOf') assert.equal(hasFormat(format, '** no **'), false, format);
  assert.equal(hasFormat('cidr', '10.0.0.0/33'), false);
  assert.equal(hasFormat('date', '2024-13-01'), false);
});
