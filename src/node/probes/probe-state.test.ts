import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActionResult } from '../actions/action.ts';
import { afterProbe, firstProbeDelayMs, initialState, type ProbeKind } from './probe-state.ts';

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
