import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../base/virtual-clock.ts';
import { SchedulingQueue } from './queue.ts';
import { samplePod } from './samples.ts';

const make = () => {
  const clock = new VirtualClock();
  const queue = new SchedulingQueue(clock, () => {});
  return { clock, queue, next: () => queue.pop()?.needs.pod.metadata.name };
};

test('higher priority first, then who came first', () => {
  const { queue, next } = make();
  queue.put(samplePod('a'));
  queue.put(samplePod('b', { spec: { priority: 10 } }));
  queue.put(samplePod('c'));
  assert.deepEqual([next(), next(), next(), next()], ['b', 'a', 'c', undefined]);
});

test('who fits nowhere waits for a change that can help, and for its back-off', async () => {
  const { clock, queue, next } = make();
  queue.put(samplePod('a'));
  queue.park(queue.pop()!, (change) => change === 'pod-left');
  queue.wake('node-labels');
  assert.equal(next(), undefined);
  queue.wake('pod-left');
  assert.equal(next(), undefined);
  await clock.advance(1_000);
  assert.equal(next(), 'a');
});

test('after the back-off a change that can help is felt at once', async () => {
  const { clock, queue, next } = make();
  queue.put(samplePod('a'));
  queue.park(queue.pop()!, (change) => change === 'node-added');
  await clock.advance(60_000);
  assert.equal(next(), undefined);
  queue.wake('node-added');
  assert.equal(next(), 'a');
});

test('a change of status alone is no reason to try again', () => {
  const { queue, next } = make();
  queue.put(samplePod('a'));
  queue.park(queue.pop()!, (change) => change === 'node-added');
  queue.put({ ...samplePod('a'), status: { phase: 'Pending' } });
  assert.equal(next(), undefined);
});

test('gated Pods wait until their gates are gone', () => {
  const { queue, next } = make();
  const gated = samplePod('a', { spec: { schedulingGates: [{ name: 'wait' }] } });
  queue.put(gated);
  assert.equal(next(), undefined);
  queue.put({ ...samplePod('a'), metadata: { ...gated.metadata, generation: 2 } });
  assert.equal(next(), 'a');
});

test('a Pod that was removed while it was decided does not come back', async () => {
  const { clock, queue, next } = make();
  queue.put(samplePod('a'));
  const waiting = queue.pop()!;
  queue.remove(waiting.needs.uid);
  queue.retry(waiting);
  await clock.advance(60_000);
  assert.equal(next(), undefined);
});

test('what no change helps is tried again after five minutes', async () => {
  const { clock, queue, next } = make();
  queue.put(samplePod('a'));
  queue.park(queue.pop()!, () => false);
  await clock.advance(60_000);
  queue.put(samplePod('b'));
  queue.park(queue.pop()!, () => false);
  await clock.advance(239_999);
  assert.equal(next(), undefined);
  await clock.advance(1);
  assert.equal(next(), 'a');
  assert.equal(next(), undefined);
  await clock.advance(60_000);
  assert.equal(next(), 'b');
});

test('the back-off doubles from one second to ten', async () => {
  const { clock, queue } = make();
  queue.put(samplePod('a'));
  let waiting = queue.pop()!;
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    queue.park(waiting, () => true);
    queue.wake('pod-left');
    await clock.advance(seconds * 1_000 - 1);
    assert.equal(queue.pop(), undefined, `before ${seconds} s`);
    await clock.advance(1);
    waiting = queue.pop()!;
    assert.equal(waiting?.needs.pod.metadata.name, 'a', `after ${seconds} s`);
  }
});
