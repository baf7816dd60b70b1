import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, type ApiError } from '../error.ts';
import { pods } from '../kinds/index.ts';
import { applyPatch, validatePatchedFields } from './apply-patch.ts';

const pod = Object.freeze({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { x: '1' } }, spec: { containers: [{ name: 'c', image: 'i' }] } });

test('every type of patch reaches the same label', () => {
  const patched = [
    applyPatch(pods, 'json', pod, [{ op: 'add', path: '/metadata/labels/y', value: '2' }], {}),
    applyPatch(pods, 'merge', pod, { metadata: { labels: { y: '2' } } }, {}),
    applyPatch(pods, 'strategic', pod, { metadata: { labels: { y: '2' } } }, {}),
  ];
  for (const draft of patched) assert.deepEqual(draft, { ...pod, metadata: { name: 'a', labels: { x: '1', y: '2' } } });
});

test('an unknown field is pruned, and told or refused as asked', () => {
  const patch = { spec: { foo: 1 } };
  const validate = (validation: 'Ignore' | 'Warn' | 'Strict') => {
    const draft = applyPatch(pods, 'merge', pod, patch, {});
    const warnings = validatePatchedFields(pods, draft, patch, validation);
    assert.deepEqual(draft, pod);
    return warnings;
  };
  assert.deepEqual(validate('Ignore'), []);
  assert.deepEqual(validate('Warn'), ['unknown field "spec.foo"']);
  assert.throws(
    () => validate('Strict'),
    (error: ApiError) => isReason(error, 'Invalid') && error.message === ' "" is invalid: patch: Invalid value: "{\\"spec\\":{\\"foo\\":1}}": strict decoding error: unknown field "spec.foo"',
  );
});

test('a patch that makes no object of the kind is refused', () => {
  const fails = (type: 'json' | 'merge', patch: unknown, message: RegExp) =>
    assert.throws(
      () => validatePatchedFields(pods, applyPatch(pods, type, pod, patch, {}), patch, 'Warn'),
      (error: ApiError) => message.test(error.message),
    );
  fails('merge', { spec: 'x' }, /cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec/);
  fails('merge', [1], /Invalid JSON Patch/);
  fails('json', [{ op: 'replace', path: '', value: 7 }], /cannot unmarshal number into Go value of type v1.Pod/);
});
