// Which images to remove when their disk fills up: of those that no container uses, the longest unused first, until the
// disk is at its low mark. Pure. Thresholds and ages are the kubelet's.
import type { ImageInfo } from '../../runtime/runtime.ts';
import { normalizeImageName } from '../../runtime/image-name.ts';

export interface ImageGcPolicy {
  /** At or above it, images are removed. */
  readonly highThresholdPercent: number;
  /** Down to it. */
  readonly lowThresholdPercent: number;
  /** An image that has been here, or unused, for less is kept: it may be for a container that is about to start. */
  readonly minimumAgeMs: number;
  /** An image unused for longer is removed however much room there is; 0: none is. */
  readonly maximumAgeMs: number;
}

export const defaultImageGcPolicy: ImageGcPolicy = { highThresholdPercent: 85, lowThresholdPercent: 80, minimumAgeMs: 120_000, maximumAgeMs: 0 };

export interface DiskReading {
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

export interface ImageUse {
  readonly firstSeenMs: number;
  /** 0: never seen in use. */
  readonly lastUsedMs: number;
}

/** A container, or a volume, by the image that it uses: as it was asked for, and as the runtime has it. */
export interface ImageUser {
  readonly image: string;
  readonly imageRef: string;
}

/** How much is to be freed; 0: nothing. */
export function bytesToFree({ capacityBytes, availableBytes }: DiskReading, { highThresholdPercent, lowThresholdPercent }: ImageGcPolicy): number {
  const available = Math.min(availableBytes, capacityBytes);
  const usedPercent = 100 - Math.floor((available * 100) / capacityBytes);
  return usedPercent >= highThresholdPercent ? Math.max(0, Math.floor((capacityBytes * (100 - lowThresholdPercent)) / 100) - available) : 0;
}

export interface Candidate {
  readonly image: ImageInfo;
  readonly use: ImageUse;
}

/**
 * What may be removed now, the longest unused first. Never: what containers and volumes use, what is pinned, and what this machine
 * alone has (`localhost/…`), since no registry could give it back.
 */
export function removable(images: readonly ImageInfo[], users: readonly ImageUser[], uses: ReadonlyMap<string, ImageUse>, nowMs: number, { minimumAgeMs }: ImageGcPolicy): Candidate[] {
  const inUse = imagesInUse(images, users);
  return images
    .filter((image) => !inUse.has(image.id) && !image.pinned && ![...image.tags, ...image.digests].some((name) => name.startsWith('localhost/')))
    .map((image) => ({ image, use: uses.get(image.id) ?? { firstSeenMs: nowMs, lastUsedMs: 0 } }))
    .filter(({ use }) => nowMs - Math.max(use.firstSeenMs, use.lastUsedMs) >= minimumAgeMs)
    .sort((a, b) => a.use.lastUsedMs - b.use.lastUsedMs || a.use.firstSeenMs - b.use.firstSeenMs);
}

/** Those unused for longer than the policy allows. What was used before `beganMs`, when we first looked, is not known. */
export function tooOld(candidates: readonly Candidate[], beganMs: number, nowMs: number, { maximumAgeMs }: ImageGcPolicy): Candidate[] {
  return maximumAgeMs === 0 ? [] : candidates.filter(({ use }) => nowMs - Math.max(use.lastUsedMs, use.firstSeenMs, beganMs) > maximumAgeMs);
}

/** By id. Their users name their image by id, digest or tag, as their runtime has it. */
export function imagesInUse(images: readonly ImageInfo[], users: readonly ImageUser[]): Set<string> {
  const named = new Set(users.flatMap(({ image, imageRef }) => [image, imageRef, fullName(image)]));
  return new Set(images.filter(({ id, tags, digests }) => [id, ...tags, ...digests].some((name) => named.has(name))).map(({ id }) => id));
}

function fullName(image: string): string {
  try {
    return normalizeImageName(image);
  } catch {
    return image;
  }
}

/** Uses as they are after a look at what there is: new images are first seen now, those in use are used now, those gone are forgotten. */
export function usesAfterLook(uses: ReadonlyMap<string, ImageUse>, images: readonly ImageInfo[], inUse: ReadonlySet<string>, firstSeenMs: number, nowMs: number): Map<string, ImageUse> {
  return new Map(images.map(({ id }) => {
    const before = uses.get(id) ?? { firstSeenMs, lastUsedMs: 0 };
    return [id, inUse.has(id) ? { ...before, lastUsedMs: nowMs } : before];
  }));
}
