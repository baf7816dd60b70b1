import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, type ApiError } from '../error.ts';
import { pods } from '../kinds/index.ts';
import type { Pod } from '../types.ts';
import { applyPatch } from './apply-patch.ts';

const pod = Object.freeze({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { x: '1' } }, spec: { containers: [{ name: 'c', image: 'i' }] }, status: {} }) as unknown as Pod;

test('every type of patch reaches the same label', () => {
  const json = applyPatch(pods, 'json', pod, [{ op: 'add', path: '/metadata/labels/y', value: '2' }], 'Strict');
  const merge = applyPatch(pods, 'merge', pod, { metadata: { labels: { y: '2' } } }, 'Strict');
  const strategic = applyPatch(pods, 'strategic', pod, { metadata: { labels: { y: '2' } } }, 'Strict');
  for (const { object, warnings } of [json, merge, strategic]) {
    assert.deepEqual(object.metadata.labels, { x: '1', y: '2' });
    assert.deepEqual(warnings, []);
  }
});

test('an unknown field is pruned, and told or refused as asked', () => {
  const patch = { spec: { foo: 1 } };
  assert.deepEqual(applyPatch(pods, 'merge', pod, patch, 'Ignore'), { object: pod, warnings: [] });
  assert.deepEqual(applyPatch(pods, 'strategic', pod, patch, 'Warn'), { object: pod, warnings: ['unknown field "spec.foo"'] });
  assert.throws(
    () => applyPatch(pods, 'merge', pod, patch, 'Strict'),
    (error: ApiError) => isReason(error, 'Invalid') && error.message === ' "" is invalid: patch: Invalid value: "{\\"spec\\":{\\"foo\\":1}}": strict decoding error: unknown field "spec.foo"',
  );
});

test('a patch that makes no object of the kind is refused', () => {
  const fails = (type: 'json' | 'merge', patch: unknown, message: RegExp) => assert.throws(() => applyPatch(pods, type, pod, patch, 'Warn'), (error: ApiError) => message.test(error.message));
  fails('merge', { spec: 'x' }, /cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec/);
  fails('merge', [1], /Invalid JSON Patch/);
  fails('json', [{ op: 'replace', path: '', value: 7 }], /cannot unmarshal number into Go value of type v1.Pod/);
});
