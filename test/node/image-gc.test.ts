// C18: a full disk on a real runtime: images that nobody uses go, all others stay. Only the disk's reading is made up.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock as clock } from '../../src/base/clock.ts';
import { silentLog as log } from '../../src/base/log.ts';
import type { EventRecorder } from '../../src/client/event-recorder.ts';
import { ImageCollector, ImageUses } from '../../src/node/images/collect-images.ts';
import { defaultImageGcPolicy } from '../../src/node/images/image-gc.ts';
import { PullRecords } from '../../src/node/images/pull-records.ts';
import { startRegistry } from '../../src/runtime/testing/registry.ts';
import { containerSpec, sandboxSpec } from '../../src/runtime/testing/specs.ts';
import { cannotRun, startTestContainerd } from '../../src/runtime/testing/test-containerd.ts';

test('C18 a full disk loses the images that nobody uses', { skip: cannotRun }, async () => {
  const signal = AbortSignal.timeout(150_000);
  const machine = await startTestContainerd();
  await using registry = await startRegistry();
  try {
    const { runtime } = machine;
    const [used, unused] = ['used', 'unused'].map((name) => (registry.push(name, '1'), `${registry.host}/${name}:1`)) as [string, string];
    const ids = await Promise.all([used, unused].map((name) => runtime.pullImage(name, undefined, signal)));
    const identity = { namespace: 'default', name: 'user', uid: 'uid-user' };
    mkdirSync(join(machine.logs, 'user'));
    const sandbox = await runtime.startSandbox(sandboxSpec(identity, { logDirectory: join(machine.logs, 'user'), cgroupParent: machine.cgroupParent }), signal);
    await runtime.createContainer(sandbox, containerSpec(identity, 'c', { imageId: ids[0]!, image: used, command: ['sleep', '1000'] }), signal);

    const told: string[] = [];
    const events = { event: (_about: object, _type: string, reason: string, message: string) => void told.push(`${reason} ${message}`) } as unknown as EventRecorder;
    const disk = { capacityBytes: 1000, availableBytes: 1000 };
    const collector = new ImageCollector({
      nodeName: 'n', runtime, clock, log, events, uses: new ImageUses(), volumeImages: () => [], records: new PullRecords(join(machine.directory, 'pulls')), policy: { ...defaultImageGcPolicy, minimumAgeMs: 0 }, disk: async () => disk,
    });
    await collector.collect(signal);
    assert.ok(await runtime.imageStatus(unused, signal), 'there is room');
    disk.availableBytes = 0;
    await collector.collect(signal);
    assert.equal(await runtime.imageStatus(unused, signal), undefined);
    for (const name of [used, 'localhost/busybox', 'localhost/pause:1']) assert.ok(await runtime.imageStatus(name, signal), name);
    assert.deepEqual(told, []);
    await assert.rejects(collector.collect(signal), /^Error: Failed to garbage collect required amount of images\. Attempted to free 200 bytes, but only found 0 bytes eligible to free\.$/);
    assert.equal(told.length, 1);
    await runtime.stopSandbox(sandbox, signal);
    await runtime.removeSandbox(sandbox, signal);
  } finally {
    await machine.end();
  }
});
