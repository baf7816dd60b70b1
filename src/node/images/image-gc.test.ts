import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { ContainerState, ImageInfo, Observation } from '../../runtime/runtime.ts';
import { ImageCollector, ImageUses } from './collect-images.ts';
import { bytesToFree, defaultImageGcPolicy as policy, imagesInUse, removable } from './image-gc.ts';
import { PullRecords } from './pull-records.ts';

const image = (id: string, more: Partial<ImageInfo> = {}): ImageInfo => ({ id, tags: [`r.io/${id}:1`], digests: [], sizeBytes: 100, pinned: false, ...more });
const container = (imageName: string, imageRef = ''): ContainerState => ({ image: imageName, imageRef }) as ContainerState;

test('nothing is freed below the high mark; from it on, down to the low one', () => {
  const disk = (availableBytes: number) => ({ capacityBytes: 1000, availableBytes });
  assert.equal(bytesToFree(disk(160), policy), 0);
  assert.equal(bytesToFree(disk(150), policy), 50);
  assert.equal(bytesToFree(disk(0), policy), 200);
  assert.equal(bytesToFree(disk(2000), policy), 0, 'more available than there is');
});

test('what containers use is known by id, digest and tag', () => {
  const images = [image('a'), image('b', { digests: ['r.io/b@sha256:1'] }), image('c'), image('d', { tags: ['docker.io/library/d:latest'] }), image('e')];
  assert.deepEqual([...imagesInUse(images, [container('a'), container('x', 'r.io/b@sha256:1'), container('r.io/c:1'), container('d')])], ['a', 'b', 'c', 'd']);
});

test('the longest unused go first; the young, the used, the pinned and this machine\'s own stay', () => {
  const nowMs = 1_000_000;
  const uses = new Map([['a', 900_000], ['b', 500_000], ['c', 0], ['used', 1], ['young', 0]].map(([id, lastUsedMs]) => [id as string, { firstSeenMs: id === 'young' ? 950_000 : 0, lastUsedMs: lastUsedMs as number }]));
  uses.set('recent', { firstSeenMs: 0, lastUsedMs: 990_000 });
  const images = [image('a', {}), image('b'), image('c'), image('used'), image('young'), image('recent'), image('new'), image('pinned', { pinned: true }), image('mine', { tags: ['localhost/mine:1'] })];
  for (const old of ['pinned', 'mine']) uses.set(old, { firstSeenMs: 0, lastUsedMs: 0 });
  uses.set('a', { firstSeenMs: 0, lastUsedMs: 800_000 });
  assert.deepEqual(removable(images, [container('used')], uses, nowMs, policy).map((one) => one.image.id), ['c', 'b', 'a']);
  assert.deepEqual(removable(images, [container('used'), { image: 'b', imageRef: 'b' }], uses, nowMs, policy).map((one) => one.image.id), ['c', 'a'], 'b is that of a volume');
});

/** Images on a disk of 1000 bytes, of which 500 are taken otherwise. */
function world(images: ImageInfo[], policyMore: object = {}) {
  const clock = new VirtualClock();
  const told: string[] = [];
  const state = { images, containers: [] as ContainerState[], stuck: new Set<string>(), listing: true };
  const directory = mkdtempSync(join(tmpdir(), 'peapod-gc-'));
  const collector = new ImageCollector({
    nodeName: 'n', clock, log: silentLog, uses: new ImageUses(), volumeImages: () => [], records: new PullRecords(directory), policy: { ...policy, ...policyMore },
    events: { event: (_about: object, _type: string, reason: string, message: string) => void told.push(`${reason}: ${message}`) } as unknown as EventRecorder,
    disk: async () => ({ capacityBytes: 1000, availableBytes: 500 - state.images.reduce((sum, one) => sum + one.sizeBytes, 0) }),
    runtime: {
      listImages: async () => {
        if (!state.listing) throw new Error('the runtime is down');
        return state.images;
      },
      observeAll: async () => new Map([['uid', { sandboxes: [], containers: state.containers } satisfies Observation]]),
      imageFilesystem: async () => '/',
      async removeImage(id) {
        if (state.stuck.has(id)) throw new Error(`${id} is stuck`);
        state.images = state.images.filter((one) => one.id !== id);
      },
    },
  });
  const stop = new AbortController();
  const running = collector.run(stop.signal);
  return {
    state, told, clock, collector,
    left: () => state.images.map(({ id }) => id),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      rmSync(directory, { recursive: true });
    },
  };
}

test('a full disk is freed down to the low mark, and not further', async () => {
  await using node = world([image('a', { sizeBytes: 150 }), image('b', { sizeBytes: 150 }), image('c', { sizeBytes: 150 })]);
  node.state.containers = [container('a')];
  await node.clock.advance(31_000);
  assert.deepEqual(node.left(), ['a', 'c'], 'the one in use stays, one of the others is enough');
  node.state.images = [...node.state.images, image('d', { sizeBytes: 150 })];
  await node.clock.advance(300_000);
  assert.deepEqual(node.left(), ['a', 'd'], 'c, unused for longer; d is young');
  assert.deepEqual(node.told, []);
});

test('what cannot be freed is told; what keeps failing too', async () => {
  await using node = world([image('a', { sizeBytes: 450 })]);
  node.state.containers = [container('a')];
  await node.clock.advance(31_000);
  const words = 'Failed to garbage collect required amount of images. Attempted to free 150 bytes, but only found 0 bytes eligible to free.';
  assert.deepEqual(node.told, [`FreeDiskSpaceFailed: ${words}`]);
  await node.clock.advance(300_000);
  assert.deepEqual(node.told.slice(1), [`FreeDiskSpaceFailed: ${words}`, `ImageGCFailed: ${words}`]);
  node.state.containers = [];
  node.state.stuck.add('a');
  await node.clock.advance(300_000);
  assert.equal(node.told.at(-1), 'ImageGCFailed: wanted to free 150 bytes, but freed 0 bytes space with errors in image deletion: [a is stuck]');
  node.state.stuck.clear();
  await node.clock.advance(300_000);
  assert.deepEqual(node.left(), []);
});

test('with a greatest age, what is unused for longer goes however much room there is', async () => {
  await using node = world([image('a', { sizeBytes: 1 }), image('b', { sizeBytes: 1 })], { maximumAgeMs: 3_600_000 });
  node.state.containers = [container('b')];
  await node.clock.advance(3_600_000);
  assert.deepEqual(node.left(), ['a', 'b'], 'since when a is unused is not known yet');
  await node.clock.advance(600_000);
  assert.deepEqual(node.left(), ['b']);
  node.state.containers = [];
  await node.clock.advance(3_000_000);
  assert.deepEqual(node.left(), ['b']);
  await node.clock.advance(1_200_000);
  assert.deepEqual(node.left(), []);
});

test('a node short of disk gets all that is unused', async () => {
  await using node = world([image('a'), image('b'), image('c')]);
  node.state.containers = [container('b')];
  assert.equal(await node.collector.removeUnused(new AbortController().signal), 200);
  assert.deepEqual(node.left(), ['b']);
});
