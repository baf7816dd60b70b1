import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runHistory } from './history.ts';

test('the same seed and the same things done give the same history, to the last byte of the last write', async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 8; seed++) {
    const [first, again] = [await runHistory(seed), await runHistory(seed)];
    assert.deepEqual(again, first, `seed ${seed}`);
    hashes.add(first.hash);
  }
  assert.equal(hashes.size, 8, 'other seeds, other histories');
});
