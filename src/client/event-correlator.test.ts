import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventCorrelator, type Record } from './event-correlator.ts';

const web = { kind: 'Pod', namespace: 'default', name: 'web', uid: '1' };
const say = (correlator: EventCorrelator, message: string, nowMs: number, about = web) =>
  correlator.observe({ about, type: 'Warning', reason: 'BackOff', message }, nowMs);

test('the same event again is counted on the first one', () => {
  const correlator = new EventCorrelator();
  const first = say(correlator, 'restarting', 1_000);
  const again = say(correlator, 'restarting', 5_000);
  assert.equal(again, first);
  assert.deepEqual([again?.count, again?.firstMs, again?.lastMs], [2, 1_000, 5_000]);
});

test('names are the object and a time in hexadecimal, and differ', () => {
  const correlator = new EventCorrelator();
  const names = ['a', 'b'].map((message) => say(correlator, message, 1_767_225_600_000)?.name);
  assert.match(names[0]!, /^web\.[0-9a-f]{16}$/);
  assert.notEqual(names[0], names[1]);
});

test('from the tenth different message on they are combined', () => {
  const correlator = new EventCorrelator();
  const records = Array.from({ length: 12 }, (_, index) => say(correlator, `message ${index}`, 1_000));
  assert.equal(records[8]?.message, 'message 8');
  assert.equal(records[11]?.message, '(combined from similar events): message 11');
  assert.equal(records[9], records[11]);
});

test('an object that floods is silenced after 25, and heard again later', () => {
  const correlator = new EventCorrelator();
  const heard = (nowMs: number) => (say(correlator, 'x', nowMs) as Record | undefined) !== undefined;
  for (let index = 0; index < 25; index++) assert.ok(heard(0));
  assert.ok(!heard(0));
  assert.ok(say(correlator, 'x', 0, { ...web, uid: '2' }));
  assert.ok(heard(300_000));
  assert.ok(!heard(300_001));
});
