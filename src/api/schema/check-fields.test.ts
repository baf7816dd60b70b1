import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, type ApiError } from '../error.ts';
import { checkFields } from './check-fields.ts';
import { duplicateFields } from './duplicate-fields.ts';
import { validateFields } from './field-validation.ts';

const pod = { kind: 'Pod', version: 'v1', schemaName: 'io.k8s.api.core.v1.Pod' };

test('a whole Pod passes unchanged', () => {
  const draft = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' }, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '500m' } }, livenessProbe: { httpGet: { port: 'http' } } }],
      volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
    },
  };
  const before = structuredClone(draft);
  assert.deepEqual(checkFields(pod.schemaName, draft), { unknown: [], typeErrors: [] });
  assert.deepEqual(draft, before);
});

test('unknown fields are named by their paths and pruned', () => {
  const draft = { metadata: { name: 'a', bar: 1 }, spec: { containers: [{ name: 'c' }, { name: 'd', foo: { x: 1 } }] }, extra: true };
  assert.deepEqual(checkFields(pod.schemaName, draft).unknown, ['metadata.bar', 'spec.containers[1].foo', 'extra']);
  assert.deepEqual(draft, { metadata: { name: 'a' }, spec: { containers: [{ name: 'c' }, { name: 'd' }] } });
});

test('nulls go as Go drops them, and become zero values in lists and maps', () => {
  const draft = { metadata: { creationTimestamp: null, labels: { a: null }, finalizers: [null] }, spec: { containers: [null], nodeName: null }, status: null };
  assert.deepEqual(checkFields(pod.schemaName, draft), { unknown: [], typeErrors: [] });
  assert.deepEqual(draft, { metadata: { labels: { a: '' }, finalizers: [''] }, spec: { containers: [{}] } });
});

test('wrong types are reported in Go’s words', () => {
  const errorOf = (draft: object) => checkFields(pod.schemaName, draft).typeErrors;
  assert.deepEqual(errorOf({ spec: { containers: [{ ports: 'x' }] } }), ['json: cannot unmarshal string into Go struct field Container.spec.containers.ports of type []v1.ContainerPort']);
  assert.deepEqual(errorOf({ spec: { containers: [{ env: [{ name: 'A', value: 1 }] }] } }), ['json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string']);
  assert.deepEqual(errorOf({ metadata: { labels: { a: 1 } } }), ['json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string']);
  assert.deepEqual(errorOf({ spec: { activeDeadlineSeconds: 1.5 } }), ['json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64']);
  assert.deepEqual(errorOf({ spec: [] }), ['json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec']);
  assert.deepEqual(errorOf({ metadata: { creationTimestamp: 'noon' } }), ['parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"']);
  assert.deepEqual(checkFields('io.k8s.api.core.v1.Secret', { data: { a: '!' } }).typeErrors, ['illegal base64 data at input byte 0']);
});

test('scalars take their canonical form', () => {
  const draft = { metadata: { deletionTimestamp: '2026-01-01T02:00:00.5+02:00' }, spec: { containers: [{ resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }] } };
  checkFields(pod.schemaName, draft);
  assert.deepEqual(draft, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] } });
});

test('a field named __proto__ or constructor harms nothing', () => {
  const draft = JSON.parse('{"__proto__":{"a":1},"constructor":1,"metadata":{"labels":{"__proto__":"x"}},"spec":{"__proto__":{"b":1}}}');
  assert.deepEqual(checkFields(pod.schemaName, draft).unknown, ['__proto__', 'constructor', 'spec.__proto__']);
  assert.equal(({} as Record<string, unknown>)['a'], undefined);
  assert.equal(JSON.stringify(draft), '{"metadata":{"labels":{"__proto__":"x"}},"spec":{}}');
});

test('the three levels of field validation', () => {
  const draft = () => ({ spec: { foo: 1 } });
  assert.deepEqual(validateFields(pod, draft(), 'Ignore', ['x']), []);
  assert.deepEqual(validateFields(pod, draft(), 'Warn', ['metadata.name']), ['duplicate field "metadata.name"', 'unknown field "spec.foo"']);
  assert.throws(
    () => validateFields(pod, draft(), 'Strict'),
    (error: ApiError) => isReason(error, 'BadRequest') && error.message === 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"',
  );
});

test('duplicate fields are found by path', () => {
  const find = (text: string) => duplicateFields(text, JSON.parse(text));
  assert.deepEqual(find('{"a":{"b":":\\"{","c":[{"x":1},{"x":1}]},"":1}'), []);
  assert.deepEqual(find('{"a":1,"b":[{"x":1,"y":"}","x":2}],"a":{"b":1, "b" :2},"":1,"":2}'), ['b[0].x', 'a', 'a.b', '']);
  assert.deepEqual(find('{"a\\\\":1,"a\\\\":2,"\\u0061":1,"a":3}'), ['a\\', 'a']);
});
