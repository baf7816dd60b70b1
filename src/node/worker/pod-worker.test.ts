import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { silentLog } from '../../base/log.ts';
import type { Observation } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import { pod, sandbox, seen } from '../testing/pods.ts';
import { PodTimelines } from '../timeline/timelines.ts';
import { PodWorker, type PodWorkerDeps } from './pod-worker.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a step that ends while the runtime is looked at is not done again for what the look has missed', async () => {
  const end = new AbortController();
  const looks: PromiseWithResolvers<Observation>[] = [];
  const starts: PromiseWithResolvers<string>[] = [];
  const deferred = <T>(all: PromiseWithResolvers<T>[]) => {
    all.push(Promise.withResolvers<T>());
    return all.at(-1)!.promise;
  };
  const world = {
    clock: new VirtualClock(), log: silentLog, runtimeName: 'test', hostIPs: ['192.0.2.1'], machine: {}, dns: { servers: [], domain: 'cluster.local' }, dirs: { pods: '/none', logs: '/none', seccomp: '/none' },
    node: { metadata: { name: 'n' } }, events: { event() {} }, timelines: new PodTimelines(new VirtualClock()), client: { updateStatus: () => new Promise(() => {}), patch: () => new Promise(() => {}) },
    files: { makeLogDirectory: async () => {}, dns: () => ({ servers: [], searches: [], options: [] }), prepareVolumes: () => new Promise(() => {}), terminationMessage: async () => '' },
    runtime: { observe: () => deferred(looks), startSandbox: () => deferred(starts) },
  } as unknown as NodeWorld;
  const worker = new PodWorker(pod({}), {
    world, cgroups: { prepare: () => '/p', killedForMemory: () => false }, references: { forPod: () => ({ [Symbol.dispose]() {} }) }, services: () => new Promise(() => {}), onFinished() {},
    refuseResize: () => undefined,
  } as unknown as PodWorkerDeps, end.signal);
  worker.start();
  await turn();
  looks[0]!.resolve(seen([]));
  await turn();
  assert.equal(starts.length, 1, 'the sandbox is being started');
  worker.runtimeChanged({ type: 'resync' });
  await turn();
  assert.equal(looks.length, 2);
  starts[0]!.resolve('sandbox-0');
  await turn();
  // It was asked for before the sandbox was there.
  looks[1]!.resolve(seen([]));
  await turn();
  assert.equal(starts.length, 1, 'the sandbox was started a second time');
  assert.equal(looks.length, 3, 'it is looked at again');
  looks[2]!.resolve(seen([sandbox()]));
  await turn();
  assert.equal(starts.length, 1);
  end.abort();
});
