import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExecStarts } from './exec-starts.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function calls(starts: ExecStarts, count: number, container = 'c') {
  const begun: number[] = [];
  const ends = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const done = ends.map((end, index) => starts.run(container, () => (begun.push(index), end.promise)));
  return { begun, end: (index: number) => ends[index]!.resolve(), done };
}

test('four start at a time; the next when one has started or ended', async () => {
  const starts = new ExecStarts();
  using _events = starts.follow();
  const { begun, end, done } = calls(starts, 7);
  const other = calls(starts, 1, 'other');
  await turn();
  assert.deepEqual([begun, other.begun], [[0, 1, 2, 3], [0]]);
  starts.started('c');
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  end(0);
  await turn();
  assert.equal(begun.length, 5, 'the first has left already, by its start');
  end(1);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
  for (let index = 0; index < 7; index++) end(index);
  await Promise.all(done);
  assert.equal(begun.length, 7);
});

test('without events, and when they break, nobody waits', async () => {
  const starts = new ExecStarts();
  const unfollowed = calls(starts, 6);
  await turn();
  assert.equal(unfollowed.begun.length, 6);
  const events = starts.follow();
  const { begun } = calls(starts, 6);
  await turn();
  assert.equal(begun.length, 4);
  events[Symbol.dispose]();
  await turn();
  assert.equal(begun.length, 6);
  starts.started('c');
  starts.started('never seen');
});
