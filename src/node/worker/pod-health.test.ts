import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { NodeWorld } from '../node-settings.ts';
import { pod, sandbox, seen, state } from '../testing/pods.ts';
import { PodTimelines } from '../timeline/timelines.ts';
import { PodHealth } from './pod-health.ts';

test('a container that another one\'s step sees run is not ready before its postStart is done', () => {
  const clock = new VirtualClock();
  const health = new PodHealth({ clock, timelines: new PodTimelines(clock), events: { event() {} }, runtime: {}, hostIPs: [] } as unknown as NodeWorld, () => {});
  const one = pod({ containers: [{ name: 'app', lifecycle: { postStart: { exec: { command: ['true'] } } } }] });
  const running = state('app');
  const isReady = () => {
    health.observed(one, seen([sandbox()], [running]));
    return health.ready.has(running.id);
  };
  health.startBegins('app');
  assert.equal(isReady(), false, 'it runs, and its hook has not begun');
  health.hookBegins(running.id);
  assert.equal(isReady(), false);
  health.hookEnded(running.id, false);
  health.startEnded('app');
  assert.equal(isReady(), true);
  health.stop();
});
