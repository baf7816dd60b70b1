import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '../../api/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { container, pod } from '../testing/pods.ts';
import { startProbes } from './container-probes.ts';

const exec = { command: ['check'] };

/** A container whose check succeeds from `wellAtMs` on, watched for `forMs`: what changed when, and what was told. */
async function watch(spec: Partial<Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Probe>>, wellAtMs: number, forMs: number) {
  const clock = new VirtualClock();
  let asked = 0;
  const runtime = { exec: async () => (asked++, clock.monotonicMs() >= wellAtMs ? 0 : 1) } as unknown as Runtime;
  const one = pod({ containers: [container('app', spec)] });
  const told: string[] = [];
  const changes: string[] = [];
  const events = { event: (_about: unknown, _type: string, _reason: string, message: string) => void told.push(`${clock.monotonicMs()} ${message.slice(0, message.indexOf(':'))}`), flush: async () => {} };
  const target = { runtime, clock, pod: one, container: containersOf(one).app[0]!, containerId: 'c', podIP: '10.0.0.9' };
  const probes = startProbes(target, clock.wallMs(), { started: false, ready: false }, events, () => {
    const { startup, liveness, readiness } = probes.verdicts;
    changes.push(`${clock.monotonicMs()} ${[startup, liveness, readiness].map((verdict) => verdict[0]).join('')}`);
  });
  await clock.advance(forMs);
  probes.stop();
  return { changes, told, asked };
}

test('a container that is well after 20 ms is ready after 25', async () => {
  assert.deepEqual(await watch({ readinessProbe: { exec, periodSeconds: 10 } }, 20, 5000), { changes: ['25 sss'], told: ['0 Readiness probe failed'], asked: 2 });
});

test('early failures are neither told nor counted: failureThreshold keeps its time', async () => {
  const { changes, told, asked } = await watch({ startupProbe: { exec, periodSeconds: 1, failureThreshold: 3 } }, Infinity, 5000);
  assert.deepEqual(changes, ['2000 fss']);
  assert.deepEqual(told, ['0 Startup probe failed', '1000 Startup probe failed', '2000 Startup probe failed']);
  assert.equal(asked, 9);
});

test('readiness is asked early after the startup probe, liveness never', async () => {
  const { changes, told } = await watch({ startupProbe: { exec, periodSeconds: 10 }, readinessProbe: { exec, periodSeconds: 10 }, livenessProbe: { exec, periodSeconds: 10 } }, 150, 9000);
  assert.deepEqual(changes, ['175 ssf', '175 sss']);
  assert.deepEqual(told, ['0 Startup probe failed']);
  const dying = await watch({ livenessProbe: { exec, periodSeconds: 1, failureThreshold: 2 } }, Infinity, 5000);
  assert.deepEqual(dying, { changes: ['1000 sfs'], told: ['0 Liveness probe failed', '1000 Liveness probe failed'], asked: 2 });
});

test('an initial delay holds the early askings back too', async () => {
  assert.deepEqual((await watch({ readinessProbe: { exec, initialDelaySeconds: 3, periodSeconds: 10 } }, 20, 9000)).changes, ['3000 sss']);
});

test('a success threshold is reached by whole periods', async () => {
  assert.deepEqual((await watch({ readinessProbe: { exec, periodSeconds: 2, successThreshold: 2 } }, 50, 9000)).changes, ['2075 sss']);
});

test('what could not be asked is told and counts for nothing; threshold after threshold', async () => {
  const clock = new VirtualClock();
  const outcomes = ['down', 0, 1, 0, 1, 1];
  const runtime = { exec: async () => {
    const next = outcomes.shift() ?? 0;
    if (next === 'down') throw new Error('no such container');
    return next;
  } } as unknown as Runtime;
  const one = pod({ containers: [container('app', { livenessProbe: { exec, periodSeconds: 5, failureThreshold: 2 } })] });
  const told: string[] = [];
  const events = { event: (_about: unknown, _type: string, reason: string, message: string) => void told.push(`${clock.monotonicMs()} ${reason} ${message}`), flush: async () => {} };
  const target = { runtime, clock, pod: one, container: containersOf(one).app[0]!, containerId: 'c', podIP: '10.0.0.9' };
  const changes: number[] = [];
  const probes = startProbes(target, clock.wallMs(), { started: false, ready: false }, events, () => void changes.push(clock.monotonicMs()));
  await clock.advance(60_000);
  probes.stop();
  assert.deepEqual(changes, [25_000]);
  assert.deepEqual(told, ['0 Unhealthy Liveness probe errored and resulted in unknown state: no such container', '10000 Unhealthy Liveness probe failed: ', '20000 Unhealthy Liveness probe failed: ', '25000 Unhealthy Liveness probe failed: ']);
});
