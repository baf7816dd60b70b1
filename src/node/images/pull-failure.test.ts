import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from './go-duration.ts';
import { pullFailure } from './pull-failure.ts';

test('what CRI names is told by its name, and all else is ErrImagePull', () => {
  assert.deepEqual(pullFailure('r.io/x', 'RegistryUnavailable: no route'), { reason: 'RegistryUnavailable', message: 'image pull failed for r.io/x because the registry is unavailable: no route' });
  assert.deepEqual(pullFailure('r.io/x', 'SignatureValidationFailed'), { reason: 'SignatureValidationFailed', message: 'image pull failed for r.io/x because the signature validation failed' });
  assert.deepEqual(pullFailure('r.io/x', 'rpc error: code = NotFound desc = x'), { reason: 'ErrImagePull', message: 'rpc error: code = NotFound desc = x' });
});

test('durations as Go writes them', () => {
  for (const [ms, text] of [[0, '0s'], [0.4, '0s'], [152.7, '152ms'], [1000, '1s'], [1200, '1.2s'], [62_345, '1m2.345s'], [3_600_000, '1h0m0s'], [3_661_001, '1h1m1.001s']] as const) assert.equal(goDuration(ms), text);
});
