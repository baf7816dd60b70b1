import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, KeyedBackoff } from './backoff.ts';
import { VirtualClock } from './virtual-clock.ts';
import { WorkQueue } from './work-queue.ts';

const make = () => {
  const clock = new VirtualClock();
  return { clock, queue: new WorkQueue(clock, () => {}) };
};

test('a key waits at most once', () => {
  const { queue } = make();
  queue.add('a');
  queue.add('b');
  queue.add('a');
  assert.deepEqual([queue.take(), queue.take(), queue.take()], ['a', 'b', undefined]);
});

test('a key that is added while it is worked on waits again only when done', () => {
  const { queue } = make();
  queue.add('a');
  queue.take();
  queue.add('a');
  assert.equal(queue.take(), undefined);
  queue.done('a');
  assert.equal(queue.take(), 'a');
});

test('of several delays the earliest counts', async () => {
  const { clock, queue } = make();
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 80);
  await clock.advance(50);
  assert.equal(queue.take(), 'a');
  queue.done('a');
  await clock.advance(100);
  assert.equal(queue.take(), undefined);
});

test('back-off doubles to its longest, and is forgotten', () => {
  const backoff = new KeyedBackoff({ initialMs: 5, longestMs: 1_000_000 });
  assert.deepEqual([1, 2, 3, 4].map(() => backoff.fail('a')), [5, 10, 20, 40]);
  backoff.forget('a');
  assert.equal(backoff.fail('a'), 5);
  assert.equal(backoffMs(60, { initialMs: 5, longestMs: 1_000_000 }), 1_000_000);
});
