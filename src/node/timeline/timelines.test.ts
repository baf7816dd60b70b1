import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { exited, seen, state } from '../testing/pods.ts';
import { eventsAsSteps } from './events-as-steps.ts';
import { PodTimelines } from './timelines.ts';

const uid = 'u';
const told = (timelines: PodTimelines) => timelines.of(uid)!.steps.map(({ type, container = 'pod', count, exitCode }) => `${container} ${type}${exitCode === undefined ? '' : ` ${exitCode}`}${count ? ` ×${count}` : ''}`);

test('starts and ends are told once, at the runtime\'s own times, also those of before', () => {
  const timelines = new PodTimelines(new VirtualClock());
  timelines.observed(uid, seen([], [state('app', { attempt: 1, startedAtMs: 500 }), exited('app', 3, 200, { startedAtMs: 100 })]));
  timelines.observed(uid, seen([], [state('app', { attempt: 1, startedAtMs: 500 }), exited('app', 3, 200, { startedAtMs: 100 })]));
  timelines.observed(uid, seen([], [exited('app', 0, 900, { attempt: 1, startedAtMs: 500 })]));
  assert.deepEqual(timelines.of(uid)!.steps.map(({ atMs, type, restart, exitCode }) => [atMs, type, restart ?? exitCode]), [[100, 'Started', 0], [200, 'Exited', 3], [500, 'Started', 1], [900, 'Exited', 0]]);
});

test('who ends when its time is over was killed; who ends before that, or for want of memory, was not', async () => {
  const clock = new VirtualClock();
  const timelines = new PodTimelines(clock);
  const beganMs = clock.wallMs();
  for (const [name, endMs, reason] of [['late', 2010, 'Error'], ['early', 1200, 'Error'], ['hungry', 2010, 'OOMKilled']] as const) {
    const one = state(name, { startedAtMs: beganMs - 1000 });
    timelines.observed(uid, seen([], [one]));
    timelines.signalled(uid, one, 'SIGTERM', 2000);
    timelines.observed(uid, seen([], [exited(name, 137, beganMs + endMs, { startedAtMs: beganMs - 1000, reason })]));
  }
  const killed = timelines.of(uid)!.steps.filter(({ type }) => type === 'Killed');
  assert.deepEqual(killed.map(({ container, atMs }) => [container, atMs - beganMs]), [['late', 2000]]);
  const again = state('twice');
  timelines.signalled(uid, again, 'SIGTERM', 30_000);
  timelines.signalled(uid, again, 'SIGTERM', 1000);
  assert.deepEqual(told(timelines).filter((one) => one.startsWith('twice')), ['twice Signalled', 'twice GraceShortened']);
});

test('what is said again is counted, until the container starts or ends', () => {
  const timelines = new PodTimelines(new VirtualClock());
  const recorder = eventsAsSteps({ event() {}, async flush() {} }, timelines);
  const about = { kind: 'Pod', metadata: { uid } };
  for (const why of ['a', 'b', 'c']) recorder.event(about, 'Warning', 'Unhealthy', `Readiness probe failed: ${why}`, 'spec.containers{app}');
  recorder.event(about, 'Normal', 'Killing', 'Stopping container app', 'spec.containers{app}');
  timelines.observed(uid, seen([], [state('app', { startedAtMs: 1 })]));
  recorder.event(about, 'Warning', 'Unhealthy', 'Readiness probe failed: d', 'spec.containers{app}');
  recorder.event(about, 'Warning', 'FailedMount', 'no such secret');
  recorder.event({ kind: 'Node', metadata: { uid } }, 'Warning', 'Other', 'of the node');
  assert.deepEqual(told(timelines).sort(), ['app ProbeFailed', 'app ProbeFailed ×3', 'app Started', 'pod Warning']);
});

test('of very many steps the first and the newest are kept; of very many Pods that are gone, the last', async () => {
  const clock = new VirtualClock();
  const timelines = new PodTimelines(clock);
  for (let n = 0; n < 1000; n++) timelines.note(uid, 'Warning', { message: String(n) }, n);
  const { steps, dropped } = timelines.of(uid)!;
  assert.deepEqual([steps.length, dropped, steps[0]!.message, steps[59]!.message, steps[60]!.message, steps.at(-1)!.message], [300, 700, '0', '59', '760', '999']);
  for (let n = 0; n < 700; n++) {
    timelines.note(`p${n}`, 'Accepted');
    timelines.gone(`p${n}`);
  }
  assert.deepEqual([timelines.of('p199'), timelines.of('p200')?.steps.length, timelines.of('p699')?.steps.length], [undefined, 1, 1]);
  assert.ok(timelines.of(uid), 'one that lives is not forgotten');
  await clock.advance(3_600_001);
  assert.equal(timelines.of('p699'), undefined);
  assert.equal(timelines.uids.length, 1);
});
