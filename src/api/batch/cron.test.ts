import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime, parseTime } from '../../base/clock.ts';
import { lastTime, nextTime, parseSchedule } from './cron.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';

function nextFew(schedule: string, after: string, count: number, timeZone = 'UTC'): string[] {
  const times: string[] = [];
  for (let atMs: number | undefined = parseTime(after); times.length < count; ) {
    atMs = nextTime(parseSchedule(schedule), atMs, timeZone);
    if (atMs === undefined) break;
    times.push(formatTime(atMs));
  }
  return times;
}

test('schedules', () => {
  assert.deepEqual(nextFew('*/20 * * * *', '2026-01-01T00:10:30Z', 3), ['2026-01-01T00:20:00Z', '2026-01-01T00:40:00Z', '2026-01-01T01:00:00Z']);
  assert.deepEqual(nextFew('30 8-9 * * mon-tue', '2026-01-01T00:00:00Z', 3), ['2026-01-05T08:30:00Z', '2026-01-05T09:30:00Z', '2026-01-06T08:30:00Z']);
  assert.deepEqual(nextFew('0 0 13 * 5', '2026-01-01T00:00:00Z', 3), ['2026-01-02T00:00:00Z', '2026-01-09T00:00:00Z', '2026-01-13T00:00:00Z']);
  assert.deepEqual(nextFew('@yearly', '2026-01-01T00:00:00Z', 2), ['2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z']);
  assert.deepEqual(nextFew('0 0 29 2 *', '2026-01-01T00:00:00Z', 1), ['2028-02-29T00:00:00Z']);
  assert.deepEqual(nextFew('0 0 30 2 *', '2026-01-01T00:00:00Z', 1), []);
  assert.deepEqual(nextFew('@every 90m', '2026-01-01T00:00:00Z', 2), ['2026-01-01T01:30:00Z', '2026-01-01T03:00:00Z']);
});

test('a time that spring skips does not come; one that autumn repeats comes twice', () => {
  assert.deepEqual(nextFew('30 2 * * *', '2026-03-28T00:00:00Z', 2, 'Europe/Berlin'), ['2026-03-28T01:30:00Z', '2026-03-30T00:30:00Z']);
  assert.deepEqual(nextFew('30 2 * * *', '2026-10-24T12:00:00Z', 3, 'Europe/Berlin'), ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']);
  assert.deepEqual(nextFew('0 9 * * *', '2026-03-28T12:00:00Z', 2, 'Europe/Berlin'), ['2026-03-29T07:00:00Z', '2026-03-30T07:00:00Z']);
});

test('what is not understood is said in upstream\'s words', () => {
  assert.throws(() => parseSchedule('* * * *'), /^Error: expected exactly 5 fields, found 4: \[\* \* \* \*\]$/);
  assert.throws(() => parseSchedule('60 * * * *'), /^Error: end of range \(60\) above maximum \(59\): 60$/);
  assert.throws(() => parseSchedule('@often'), /unrecognized descriptor: @often/);
  assert.throws(() => parseSchedule('x * * * *'), /failed to parse int from x/);
});

test('the last time that was missed, however many were', () => {
  const [from, until] = [parseTime('2025-01-01T00:00:00Z'), parseTime('2026-01-01T00:00:30Z')];
  assert.deepEqual(lastTime(parseSchedule('* * * * *'), from, until, 'UTC'), { atMs: parseTime('2026-01-01T00:00:00Z'), count: 101 });
  assert.deepEqual(lastTime(parseSchedule('0 0 1 * *'), from, until, 'UTC'), { atMs: parseTime('2026-01-01T00:00:00Z'), count: 12 });
  assert.equal(lastTime(parseSchedule('0 12 * * *'), parseTime('2026-01-01T00:00:00Z'), until, 'UTC'), undefined);
});

test('sets of indexes', () => {
  assert.equal(formatIndexes([5, 0, 2, 3, 4, 7, 8]), '0,2-5,7,8');
  assert.deepEqual(parseIndexes('0,2-4', 5), [0, 2, 3, 4]);
  assert.throws(() => parseIndexes('3,1', 5), /non-increasing order, previous: 3, current: 1/);
  assert.throws(() => parseIndexes('5', 5), /too large index: "5"/);
});
