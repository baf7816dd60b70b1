import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { Pods } from '../pods.ts';
import type { Sample, Sampler } from '../stats/sampler.ts';
import { exited, pod, seen, state } from '../testing/pods.ts';
import type { PodWorker } from '../worker/pod-worker.ts';
import { Evictor } from './evictor.ts';
import type { LocalUse } from './local-use.ts';
import { parseEvictionPolicy } from './policy.ts';
import { NodePressure } from './pressure.ts';
import type { Reading, Signal } from './signals.ts';

/** A node with a disk of 1000 bytes; what frees some is told. */
function nodeWith({ freedByImages = 0, apart = false, use = {} as Record<string, number> }) {
  const clock = new VirtualClock();
  const done: string[] = [];
  let available = 1000 - Object.values(use).reduce((sum, bytes) => sum + bytes, 0);
  const workers = Object.keys(use).map((name) => {
    const own = pod({}, { metadata: { name, namespace: 'default', uid: name } });
    const worker = {
      uid: name, phase: 'syncing', pod: own, allocatedPod: own, seen: seen([], [state('app', { attempt: 2 }), exited('app', 1, 0, { id: `${name}-old`, attempt: 1 })]),
      fail({ message }: { message: string }) {
        done.push(`evict ${name}: ${message}`);
        available += use[name]!;
        worker.phase = 'terminated';
      },
    };
    return worker;
  });
  const read = (): Map<Signal, Reading> => new Map([[apart ? 'imagefs.available' : 'nodefs.available', { available, capacity: 1000 }]]);
  const pressure = new NodePressure();
  const evictor = new Evictor({
    world: {
      clock, log: silentLog, name: 'node', dirs: {}, events: { event: (_about: object, _type: string, reason: string) => void done.push(reason) }, runtime: { removeContainer: async (id: string) => void done.push(`remove ${id}`) },
      files: { localUse: async () => new Map<string, LocalUse>(Object.entries(use).map(([name, bytes]) => [name, { volumes: new Map([['v', bytes]]), logs: new Map() }])) },
    } as unknown as NodeWorld,
    pods: { get all() { return workers.values(); }, worker: (uid: string) => workers.find((one) => one.uid === uid) as unknown as PodWorker } as unknown as Pods,
    policy: parseEvictionPolicy({ evictionHard: 'nodefs.available<100,imagefs.available<100' }),
    pressure,
    sampler: { fresh: async () => ({ containers: new Map(), pods: new Map() }) as unknown as Sample } as unknown as Sampler,
    readings: { read: async () => read(), hasImageDisk: async () => apart },
    removeUnusedImages: async () => {
      done.push('remove images');
      available += freedByImages;
      return freedByImages;
    },
  });
  return { done, pressure, async run(forMs: number) {
    const stop = new AbortController();
    const running = evictor.run(stop.signal);
    await clock.advance(forMs);
    stop.abort();
    await clock.advance(1);
    await running;
  } };
}

test('what nobody needs goes first; where that is enough, no Pod does', async () => {
  const { done, pressure, run } = nodeWith({ freedByImages: 500, use: { big: 600, small: 350 } });
  await run(5000);
  assert.deepEqual(done, ['EvictionThresholdMet', 'remove big-old', 'remove small-old', 'remove images']);
  assert.deepEqual([...pressure.conditions], ['DiskPressure'], 'for as long as the transition period');
});

test('else the Pod goes that has most on the disk, and then no other', async () => {
  const { done, run } = nodeWith({ use: { small: 350, big: 600 } });
  await run(60_000);
  assert.deepEqual(done.filter((one) => one.startsWith('ev')), ['evict big: The node was low on resource: ephemeral-storage. Threshold quantity: 100, available: 50. ']);
  assert.deepEqual(done.filter((one) => one === 'Evicted').length, 1);
});
