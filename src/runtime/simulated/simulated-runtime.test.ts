import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { runtimeContract } from '../testing/contract.ts';
import type { Acts, World } from '../testing/contract-pods.ts';
import { containerSpec, sandboxSpec } from '../testing/specs.ts';
import { SimulatedMachine } from './machine.ts';
import { parseScript, scriptOfImage, type ScriptError } from './script.ts';
import { createSimulatedRuntime } from './simulated-runtime.ts';

const never = new AbortController().signal;
const says = (text: string) => ({ annotations: { 'simulated.peapod.dev/main': text, 'simulated.peapod.dev/fails': text, 'simulated.peapod.dev/late': text } });
const acts: Acts = {
  runs: {},
  ends: (exitCode, afterMs = 0) => says(`run=${afterMs}ms,exit=${exitCode}`),
  isNotThere: says('start=fail'),
  takesAllMemory: says('memory=1Mi,grow=64Mi/s'),
  heeds: says('log=ready,end-exit=7'),
  heedless: says('log=ready,ignore-term'),
};

describe('the simulated runtime', () => {
  const machine = new SimulatedMachine({ name: 'm', clock: systemClock, podRange: '10.0.0.0/24', present: ['localhost/busybox'], handlers: ['runc'], images: { '127.0.0.1:1/nothing': 'pull=fail' } });
  const runtime = createSimulatedRuntime(machine);
  const world: World = {
    runtime, acts, afresh: async () => createSimulatedRuntime(machine), image: 'localhost/busybox', logs: process.env['TMPDIR'] ?? '/tmp', cgroupParent: '/none',
    logOf: (uid) => machine.observe(uid).containers.map(({ id }) => runtime.log(id)).join(''),
  };
  runtimeContract('keeps the contract', () => world, { containers: 'simulated' });
});

/** One container on a machine whose time is a number. */
async function one(script: string, image = 'web:1') {
  const clock = new VirtualClock();
  const machine = new SimulatedMachine({ name: 'm', clock, podRange: '10.0.0.0/24' });
  const runtime = createSimulatedRuntime(machine);
  const pod = { namespace: 'default', name: 'p', uid: 'u' };
  const sandbox = await runtime.startSandbox(sandboxSpec(pod, { logDirectory: '/l', cgroupParent: '/c', annotations: script ? { 'simulated.peapod.dev/main': script } : {} }), never);
  let attempt = 0;
  const start = async (more: object = {}) => {
    const id = await runtime.createContainer(sandbox, containerSpec(pod, 'main', { imageId: 'i', image, attempt: attempt++, ...more }), never);
    await runtime.startContainer(id, never);
    return id;
  };
  const state = (id: string) => {
    const { state, exitCode, reason, startedAtMs, finishedAtMs } = machine.container(id)!.state;
    return [state, exitCode, reason, finishedAtMs ? finishedAtMs - startedAtMs : 0];
  };
  return { clock, machine, runtime, start, state };
}

test('runs for its time and ends with its code; only so many times', async () => {
  const { clock, start, state } = await one('run=5s,exit=3,times=1');
  const first = await start();
  await clock.advance(4_999);
  assert.deepEqual(state(first), ['running', 0, '', 0]);
  await clock.advance(1);
  assert.deepEqual(state(first), ['exited', 3, 'Error', 5_000]);
  const second = await start();
  await clock.advance(3_600_000);
  assert.equal(state(second)[0], 'running');
});

test('grows in memory until its limit, and no further', async () => {
  const { clock, runtime, start, state } = await one('memory=10Mi,grow=1Mi/s');
  const id = await start({ resources: { memoryLimitBytes: 40 * 2 ** 20 } });
  await clock.advance(20_000);
  assert.equal((await runtime.containerStats(never))[0]!.memoryWorkingSetBytes, 30 * 2 ** 20);
  await clock.advance(20_000);
  assert.deepEqual(state(id), ['exited', 137, 'OOMKilled', 30_000]);
});

test('takes its time to end, and is killed when that is more than there is', async () => {
  const { clock, runtime, start, state } = await one('end-after=10s,end-exit=9');
  const [slow, slower] = [await start(), await start()];
  const stops = [runtime.stopContainer(slow, 30_000, never), runtime.stopContainer(slower, 4_000, never)];
  await clock.advance(30_000);
  await Promise.all(stops);
  assert.deepEqual([state(slow), state(slower)], [['exited', 9, 'Error', 10_000], ['exited', 137, 'Error', 4_000]]);
});

test('is well from its time on, and ill from its other', async () => {
  const { clock, runtime, start } = await one('ready-after=5s,ill-after=20s');
  const id = await start();
  const seen = [];
  for (const byMs of [0, 4_999, 1, 14_999, 1]) {
    await clock.advance(byMs);
    seen.push(`${runtime.health(id)} ${(await runtime.execSync(id, ['cat', '/healthy'], 1_000, never)).exitCode}`);
  }
  assert.deepEqual(seen, ['starting 1', 'starting 1', 'well 0', 'well 0', 'ill 1']);
});

test('an image says by its tag what its containers do', async () => {
  const { clock, runtime, start, state } = await one('', 'simulated.peapod.dev/job:run-1m30s_exit-4');
  const id = await start();
  await clock.advance(90_000);
  assert.deepEqual(state(id), ['exited', 4, 'Error', 90_000]);
  await assert.rejects(runtime.pullImage('simulated.peapod.dev/away:pull-fail', undefined, never), { code: 'pull-failed' });
  await assert.rejects(runtime.pullImage('simulated.peapod.dev/away:pull-often', undefined, never), { code: 'invalid-image', message: /^image "simulated\.peapod\.dev\/away:pull-often"\.pull: Invalid value: "often": must be fail, or a duration/ });
  const pulling = runtime.pullImage('simulated.peapod.dev/big:pull-20s', undefined, never);
  await clock.advance(19_999);
  assert.equal(await runtime.imageStatus('simulated.peapod.dev/big:pull-20s', never), undefined);
  await clock.advance(1);
  assert.equal((await runtime.imageStatus('simulated.peapod.dev/big:pull-20s', never))!.id, await pulling);
});

test('a log grows as time goes by', async () => {
  const { clock, runtime, start } = await one('log=tick,log-every=1s');
  const id = await start();
  await clock.advance(2_500);
  assert.deepEqual(runtime.log(id).trimEnd().split('\n').map((line) => line.slice(17)), ['00.000000000Z stdout F tick', '01.000000000Z stdout F tick', '02.000000000Z stdout F tick']);
});

test('a machine that is switched off leaves nothing', async () => {
  const { machine, runtime, start } = await one('');
  await start();
  machine.powerOff();
  assert.equal((await runtime.observeAll(never)).size, 0);
});

const nonsense: readonly (readonly [string, string])[] = [
  ['run=soon', 'a.run: Invalid value: "soon": must be a duration, such as 5s or 1m30s'],
  ['run=5s,exit=300', 'a.exit: Invalid value: "300": must be an exit code from 0 to 255'],
  ['exit=1', 'a.exit: Forbidden: may only be set with run: without it the container never ends by itself'],
  ['ignore-term,end-after=1s', 'a.ignore-term: Forbidden: may not be set together with end-after'],
  ['run=1s,run=2s', 'a.run: Duplicate value: it is there twice'],
  ['grow=1Mi', 'a.grow: Invalid value: "1Mi": must be an amount of memory in a second, such as 5Mi/s'],
  ['pull=fail', 'a.pull: Forbidden: images are pulled for no container in particular: use an image such as simulated.peapod.dev/app:pull-fail'],
  ['constructor=1', 'a: Unsupported value: "constructor"'],
];
for (const [text, message] of nonsense) {
  test(`refuses ${text}`, () => {
    assert.throws(() => parseScript(text, 'a', 'container'), (error: ScriptError) => error.message.startsWith(message));
  });
}

test('only its own registry is read', () => {
  assert.equal(scriptOfImage('docker.io/library/web:run-5s', 'image'), undefined);
  assert.equal(scriptOfImage('simulated.peapod.dev/web', 'image'), undefined);
});
