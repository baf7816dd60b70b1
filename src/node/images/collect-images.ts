// Removes images when their disk fills up, looking every five minutes as the kubelet does. The look is also what learns
// when images were last used.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { bytesToFree, imagesInUse, removable, tooOld, usesAfterLook, type Candidate, type DiskReading, type ImageGcPolicy, type ImageUse } from './image-gc.ts';
import type { PullRecords } from './pull-records.ts';

export interface ImageCollectorDeps {
  readonly nodeName: string;
  readonly runtime: Pick<Runtime, 'listImages' | 'observeAll' | 'removeImage' | 'imageFilesystem'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly uses: ImageUses;
  /** The images of the volumes of all Pods that are here. */
  readonly volumeImages: () => readonly string[];
  readonly records: PullRecords;
  readonly policy: ImageGcPolicy;
  readonly disk?: () => Promise<DiskReading>;
}

/** When images were last used: containers that start tell it, and so does each look. */
export class ImageUses {
  byId: ReadonlyMap<string, ImageUse> = new Map();

  used(id: string, nowMs: number): void {
    const before = this.byId.get(id);
    (this.byId as Map<string, ImageUse>).set(id, { firstSeenMs: before?.firstSeenMs ?? nowMs, lastUsedMs: nowMs });
  }
}

const everyMs = 300_000;
/** A node that starts has other things to do. */
const firstAfterMs = 30_000;

export class ImageCollector {
  readonly #deps: ImageCollectorDeps;
  #beganMs: number | undefined;

  constructor(deps: ImageCollectorDeps) {
    this.#deps = deps;
  }

  /** Until the signal ends. Only a failure that repeats is told as an event: the first may be a runtime that just starts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, events, nodeName } = this.#deps;
    await clock.sleep(firstAfterMs, signal).catch(() => {});
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.collect(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        log.warn('image garbage collection failed', { error: describe(error) });
        if (++failures > 1) events.event(nodeObject(nodeName), 'Warning', 'ImageGCFailed', (error as Error).message);
      }
      await clock.sleep(everyMs, signal).catch(() => {});
    }
  }

  /** One look, and what follows from it. Throws when not enough could be freed. */
  async collect(signal: AbortSignal): Promise<void> {
    const { events, nodeName, policy, clock } = this.#deps;
    const candidates = await this.#look(signal);
    await this.#remove(tooOld(candidates, this.#beganMs!, clock.wallMs(), policy), Infinity, signal);

    const disk = await this.#disk(signal);
    if (disk.capacityBytes <= 0) {
      const message = `invalid capacity ${disk.capacityBytes} on image filesystem`;
      events.event(nodeObject(nodeName), 'Warning', 'InvalidDiskCapacity', message);
      throw new Error(message);
    }
    const wanted = bytesToFree(disk, policy);
    if (wanted === 0) return;
    const freed = await this.#remove(await this.#look(signal), wanted, signal);
    if (freed >= wanted) return;
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    events.event(nodeObject(nodeName), 'Warning', 'FreeDiskSpaceFailed', message);
    throw new Error(message);
  }

  /** Removes all that is unused, however much room there is; gives the bytes. For a node that is short of disk. */
  async removeUnused(signal: AbortSignal): Promise<number> {
    return this.#remove(await this.#look(signal), Infinity, signal);
  }

  async #look(signal: AbortSignal): Promise<Candidate[]> {
    const { runtime, clock, uses, records, policy, volumeImages } = this.#deps;
    const recorded = records.imageIds();
    const [images, pods] = await Promise.all([runtime.listImages(signal), runtime.observeAll(signal)]);
    const users = [...[...pods.values()].flatMap((seen) => seen.containers), ...volumeImages().map((image) => ({ image, imageRef: image }))];
    const nowMs = clock.wallMs();
    // What is there at the first look has been here for longer than we know.
    uses.byId = usesAfterLook(uses.byId, images, imagesInUse(images, users), this.#beganMs === undefined ? 0 : nowMs, nowMs);
    this.#beganMs ??= nowMs;
    const present = new Set(images.map(({ id }) => id));
    records.forget(recorded.filter((id) => !present.has(id)));
    return removable(images, users, uses.byId, nowMs, policy);
  }

  async #remove(candidates: readonly Candidate[], wanted: number, signal: AbortSignal): Promise<number> {
    const { runtime, log } = this.#deps;
    const failures: string[] = [];
    let freed = 0;
    for (const { image } of candidates) {
      if (freed >= wanted) break;
      try {
        await runtime.removeImage(image.id, signal);
        freed += image.sizeBytes;
        log.info('removed an unused image', { id: image.id, names: [...image.tags, ...image.digests].join(','), bytes: image.sizeBytes });
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push((error as Error).message);
      }
    }
    if (failures.length > 0 && freed < wanted && wanted !== Infinity) throw new Error(`wanted to free ${wanted} bytes, but freed ${freed} bytes space with errors in image deletion: [${failures.join(', ')}]`);
    return freed;
  }

  async #disk(signal: AbortSignal): Promise<DiskReading> {
    if (this.#deps.disk) return this.#deps.disk();
    const { blocks, bavail, bsize } = await statfs(await this.#deps.runtime.imageFilesystem(signal));
    return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize };
  }
}

function nodeObject(name: string) {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } };
}
