import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { silentLog } from '../../base/log.ts';
import type { Pod } from '../../api/types.ts';
import { RuntimeError, type ContainerState, type Runtime } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import { PodTimelines } from '../timeline/timelines.ts';
import { container, pod, state } from '../testing/pods.ts';
import { endContainers } from './end-containers.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import { endProcesses, removeCgroups, type EndingWorld } from './end-pod.ts';
import { Grace } from './grace.ts';

const never = new AbortController().signal;

/**
 * A world of processes that end a given time after their signal (Infinity: only by SIGKILL), and of hooks that take a
 * given time. What happens is noted with the second in which it happens.
 */
function world(processes: Record<string, number>, hooks: Record<string, number> = {}) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const note = (what: string) => log.push(`${clock.monotonicMs() / 1000} ${what}`);
  const ended = new Map<string, PromiseWithResolvers<void>>();
  const kills = new Map<string, Disposable>();
  const runtime = {
    stopContainer(id: string, graceMs: number) {
      const name = id.slice(0, -2);
      let end = ended.get(id);
      if (!end) {
        ended.set(id, (end = Promise.withResolvers()));
        note(`TERM ${name}`);
        if (processes[name] !== Infinity) clock.schedule(processes[name]! * 1000, () => (note(`ended ${name}`), end!.resolve()));
      }
      kills.get(id)?.[Symbol.dispose]();
      kills.set(id, clock.schedule(graceMs, () => processes[name] === Infinity && (note(`KILL ${name}`), end!.resolve())));
      return end.promise;
    },
    async exec(id: string, _command: readonly string[], _streams: object, signal: AbortSignal) {
      const name = id.slice(0, -2);
      note(`hook ${name}`);
      await clock.sleep(hooks[name]! * 1000, signal);
      return 0;
    },
  } as unknown as Runtime;
  const fake = { clock, runtime, log: silentLog, events: { event() {} }, timelines: new PodTimelines(clock), hostIPs: [] } as unknown as NodeWorld;
  return { clock, log, fake };
}

const preStop = { lifecycle: { preStop: { exec: { command: ['x'] } } } };

async function end(of: Pod, names: readonly string[], graceSeconds: number, { clock, log, fake }: ReturnType<typeof world>, meanwhile?: (grace: Grace) => Promise<void>) {
  const grace = new Grace(clock, graceSeconds * 1000);
  const running: ContainerState[] = names.map((name) => state(name));
  const done = endContainers(fake, { pod: of, running, podIP: '', grace }, never);
  await meanwhile?.(grace);
  await clock.advance(120_000);
  await done;
  return log;
}

test('all get their signal at once, and SIGKILL when the grace is over', async () => {
  const of = pod({ containers: [container('a'), container('b')] });
  assert.deepEqual(await end(of, ['a', 'b'], 30, world({ a: 2, b: Infinity })), ['0 TERM a', '0 TERM b', '2 ended a', '30 KILL b']);
});

test('preStop first, out of the same grace', async () => {
  const of = pod({ containers: [container('a', preStop), container('b')] });
  assert.deepEqual(await end(of, ['a', 'b'], 30, world({ a: Infinity, b: 1 }, { a: 10 })), ['0 hook a', '0 TERM b', '1 ended b', '10 TERM a', '30 KILL a']);
});

test('a hook that takes all the time is abandoned; two seconds more, once', async () => {
  const of = pod({ containers: [container('a', preStop)] });
  assert.deepEqual(await end(of, ['a'], 5, world({ a: Infinity }, { a: 100 })), ['0 hook a', '5 TERM a', '7 KILL a']);
});

test('one second is the least between the signal and SIGKILL', async () => {
  assert.deepEqual(await end(pod({ containers: [container('a')] }), ['a'], 0, world({ a: Infinity })), ['0 TERM a', '1 KILL a']);
});

test('sidecars end last, the last one first', async () => {
  const side = (name: string) => container(name, { restartPolicy: 'Always' });
  const of = pod({ initContainers: [side('one'), side('two')], containers: [container('a')] });
  assert.deepEqual(await end(of, ['a', 'one', 'two'], 30, world({ a: 3, one: 1, two: 2 })), ['0 TERM a', '3 ended a', '3 TERM two', '5 ended two', '5 TERM one', '6 ended one']);
});

test('sidecars share the grace: what is left of it, at least a second each', async () => {
  const of = pod({ initContainers: [container('one', { restartPolicy: 'Always' })], containers: [container('a')] });
  assert.deepEqual(await end(of, ['a', 'one'], 10, world({ a: Infinity, one: Infinity })), ['0 TERM a', '10 KILL a', '10 TERM one', '11 KILL one']);
});

test('a second delete shortens the signal and the hook', async () => {
  const of = pod({ containers: [container('a'), container('b', preStop)] });
  const log = await end(of, ['a', 'b'], 60, world({ a: Infinity, b: 1 }, { b: 100 }), async (grace) => {
    grace.shorten(4000);
    grace.shorten(50_000);
  });
  assert.deepEqual(log, ['0 hook b', '0 TERM a', '4 TERM b', '4 KILL a', '5 ended b']);
});

test('a runtime that is lost has forgotten what it was told: all of it again, with the whole grace', async () => {
  for (const [lostAtS, expected] of [
    [5, ['0 hook a', '0 TERM b', '5 lost', '5.2 hook a', '5.2 TERM b', '15.2 TERM a', '65.2 KILL b', '65.2 KILL a']],
    [20, ['0 hook a', '0 TERM b', '10 TERM a', '20 lost', '20.2 hook a', '20.2 TERM b', '30.2 TERM a', '80.2 KILL b', '80.2 KILL a']],
  ] as const) {
    const { clock, log, fake } = world({ a: Infinity, b: Infinity }, { a: 10 });
    let life = new AbortController();
    const lose = () => (log.push(`${lostAtS} lost`), life.abort(new RuntimeError('unavailable', 'the connection was lost')), (life = new AbortController()));
    const ended = new Set<string>();
    const asked = fake.runtime;
    // Each life of the runtime has processes that know nothing of a signal yet, and timers that end with it.
    const lives = { clock: fake.clock, runtime: {
      exec: (id: string, command: string[], streams: object, signal: AbortSignal) => asked.exec(id, command, streams as never, AbortSignal.any([signal, life.signal])),
      async stopContainer(id: string, graceMs: number) {
        const { signal } = life;
        log.push(`${clock.monotonicMs() / 1000} TERM ${id.slice(0, -2)}`);
        await clock.sleep(graceMs, signal);
        log.push(`${clock.monotonicMs() / 1000} KILL ${id.slice(0, -2)}`);
        ended.add(id);
      },
    }, log: silentLog, events: { event() {} }, timelines: new PodTimelines(clock), hostIPs: [] } as unknown as NodeWorld;
    clock.schedule(lostAtS * 1000, lose);
    const of = pod({ containers: [container('a', preStop), container('b')] });
    const observe = async () => ({ sandboxes: [], containers: [state('a'), state('b')].filter(({ id }) => !ended.has(id)) });
    const done = endProcesses({ world: lives, pod: of, observe } as unknown as EndingWorld, new Grace(clock, 60_000), [], never);
    await clock.advance(200_000);
    await done;
    assert.deepEqual(log, expected);
  }
});

test('cgroups whose processes were killed just now are tried again, and left in the end', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const goneAt = (last: number) => ({ remove: () => ++tries >= last }) as unknown as Cgroups;
  const done = removeCgroups(goneAt(4), 'uid', clock, never);
  await clock.advance(10_000);
  await done;
  assert.equal(tries, 4);
  tries = 0;
  const given = removeCgroups(goneAt(Infinity), 'uid', clock, never);
  await clock.advance(10_000);
  await given;
  assert.ok(tries > 10 && tries < 100);
});
