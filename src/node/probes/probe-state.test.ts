import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActionResult } from '../actions/action.ts';
import { afterProbe, firstAsking, firstProbeDelayMs, initialState, nextAsking, type ProbeKind } from './probe-state.ts';

const outcomes: Readonly<Record<string, ActionResult['outcome']>> = { s: 'success', f: 'failure', u: 'unknown' };

/** The verdict after each of a row of outcomes: s(uccess), f(ailure), u(nknown). */
function verdicts(kind: ProbeKind, row: string, probe = { failureThreshold: 3, successThreshold: 1 }): string {
  let state = initialState(kind);
  return [...row].map((one) => (state = afterProbe(state, outcomes[one]!, probe)).verdict[0]).join('');
}

test('failures count only in a row', () => {
  assert.equal(verdicts('liveness', 'ffsfff'), 'sssssf');
  assert.equal(verdicts('readiness', 'ffsffff'), 'ffsssff');
  assert.equal(verdicts('startup', 'fffs'), 'uufs');
});

test('a success threshold', () => assert.equal(verdicts('readiness', 'ssfss', { failureThreshold: 1, successThreshold: 2 }), 'fsffs'));

test('an action that could not be done says nothing', () => assert.equal(verdicts('liveness', 'fufuf'), 'ssssf'));

test('the first asking', () => {
  assert.equal(firstProbeDelayMs({}, 1000, 1200), 0);
  assert.equal(firstProbeDelayMs({ initialDelaySeconds: 5 }, 1000, 3000), 3000);
});

/** When a container is asked that becomes well at `wellAtMs`, each asking taking `tookMs`; early askings in brackets. */
function askings(kind: ProbeKind, periodMs: number, wellAtMs: number, count: number, tookMs = 0): string {
  const times: string[] = [];
  for (let asking = firstAsking(kind, 0); times.length < count; ) {
    times.push(asking.type === 'early' ? `(${asking.atMs})` : `${asking.atMs}`);
    asking = nextAsking(asking, asking.atMs >= wellAtMs ? 'success' : 'failure', asking.atMs, asking.atMs + tookMs, periodMs);
  }
  return times.join(' ');
}

test('early askings until the first success', () => {
  const table: readonly [string, string][] = [
    [askings('readiness', 1000, 20, 4), '0 (25) 1025 2025'],
    [askings('readiness', 1000, 500, 8), '0 (25) (75) (175) (375) (775) 1775 2775'],
    [askings('startup', 1000, 1500, 10), '0 (25) (75) (175) (375) (775) 1000 (1800) 2800 3800'],
    [askings('readiness', 1000, Infinity, 11), '0 (25) (75) (175) (375) (775) 1000 (1800) 2000 3000 4000'],
    [askings('readiness', 10_000, Infinity, 13), '0 (25) (75) (175) (375) (775) (1575) (3175) (6375) 10000 (16400) 20000 30000'],
    [askings('readiness', 1000, 0, 3), '0 1000 2000'],
    [askings('liveness', 1000, 1500, 4), '0 1000 2000 3000'],
    // Slow askings: half of the time is left to the container. One that takes longer than the period is followed at once.
    [askings('readiness', 1000, Infinity, 5, 100), '0 (200) (400) (600) (900)'],
    [askings('readiness', 1000, Infinity, 3, 1500), '0 1500 3000'],
  ];
  for (const [seen, wanted] of table) assert.equal(seen, wanted);
});
