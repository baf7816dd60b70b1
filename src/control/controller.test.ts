import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { createController, type Next, type Reconcile, type Trigger } from './controller.ts';

/** A source of keys in the hand of the test. */
function source() {
  let enqueue: Parameters<Trigger['start']>[0] = () => {};
  const trigger: Trigger = {
    synced: Promise.resolve(),
    start: (to) => {
      enqueue = to;
      return { [Symbol.dispose]: () => {} };
    },
  };
  return { trigger, add: (name: string) => enqueue({ namespace: 'default', name }) };
}

async function running(reconcile: Reconcile, workers = 2) {
  const clock = new VirtualClock();
  const { trigger, add } = source();
  const stop = new AbortController();
  const ended = createController({ name: 'test', triggers: [trigger], reconcile, workers }, { clock, log: silentLog }).run(stop.signal);
  await clock.advance(0);
  return { clock, add, stop: async () => (stop.abort(), await ended) };
}

test('one key is never worked on twice at once, and is looked at again after a change meanwhile', async () => {
  let working = 0;
  let most = 0;
  let runs = 0;
  const open: (() => void)[] = [];
  const { clock, add, stop } = await running(async (): Promise<Next> => {
    most = Math.max(most, ++working);
    runs++;
    await new Promise<void>((resolve) => open.push(resolve));
    working--;
    return 'await-change';
  });
  add('a');
  await clock.advance(0);
  add('a');
  add('a');
  await clock.advance(0);
  assert.deepEqual([most, runs], [1, 1]);
  open.shift()!();
  await clock.advance(0);
  open.shift()!();
  await clock.advance(0);
  assert.deepEqual([most, runs], [1, 2]);
  await stop();
});

test('a failure is retried after 5, 10, 20 ms', async () => {
  const atMs: number[] = [];
  const { clock, add, stop } = await running(async (): Promise<Next> => {
    atMs.push(clock.monotonicMs());
    if (atMs.length < 4) throw new Error('not yet');
    return 'await-change';
  });
  add('a');
  await clock.advance(100);
  assert.deepEqual(atMs, [0, 5, 15, 35]);
  await stop();
});

test('a reconcile may ask to be called again after a time', async () => {
  let runs = 0;
  const { clock, add, stop } = await running(async (): Promise<Next> => (++runs < 3 ? { afterMs: 1_000 } : 'await-change'));
  add('a');
  await clock.advance(10_000);
  assert.equal(runs, 3);
  await stop();
});

test('no more keys than workers are worked on at once', async () => {
  let working = 0;
  let most = 0;
  const { clock, add, stop } = await running(async (): Promise<Next> => {
    most = Math.max(most, ++working);
    await clock.sleep(10, new AbortController().signal);
    working--;
    return 'await-change';
  });
  for (const key of ['a', 'b', 'c', 'd', 'e']) add(key);
  await clock.advance(100);
  assert.deepEqual([most, working], [2, 0]);
  await stop();
});
