// What this machine, and the part of it that Pods may have, has left; read from the kernel.
import { readFileSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import type { CgroupLimits, Cgroups } from '../cgroups/cgroups.ts';
import type { Reading, Readings, Signal } from './signals.ts';

export interface ReadingsDeps {
  /** On the file system of Pods' volumes and logs. */
  readonly nodeDirectory: string;
  /** On that of images and of what containers write beside their volumes. Rejects while the runtime does not answer. */
  readonly imageDirectory: (signal: AbortSignal) => Promise<string>;
  readonly cgroups: Pick<Cgroups, 'wholeUsage'>;
  readonly limits: CgroupLimits;
}

export interface MachineReadings {
  read(signal: AbortSignal): Promise<Readings>;
  /** Whether images have a file system of their own. */
  hasImageDisk(signal: AbortSignal): Promise<boolean>;
}

export function createMachineReadings({ nodeDirectory, imageDirectory, cgroups, limits }: ReadingsDeps): MachineReadings {
  let images: string | undefined;
  const imagePlace = async (signal: AbortSignal) => (images ??= await imageDirectory(signal).catch(() => undefined));
  return {
    async read(signal) {
      const [node, image] = await Promise.all([disk(nodeDirectory), imagePlace(signal).then((place) => (place === undefined ? undefined : disk(place)))]);
      const readings: [Signal, Reading | undefined][] = [
        ['memory.available', memory()],
        ['allocatableMemory.available', left(limits.memoryBytes, cgroups.wholeUsage().memoryBytes)],
        ['nodefs.available', node?.bytes],
        ['nodefs.inodesFree', node?.inodes],
        ['imagefs.available', image?.bytes],
        ['imagefs.inodesFree', image?.inodes],
        ['pid.available', least(processes(), left(limits.processes, cgroups.wholeUsage().processes))],
      ];
      return new Map(readings.filter((entry): entry is [Signal, Reading] => entry[1] !== undefined));
    },
    async hasImageDisk(signal) {
      const place = await imagePlace(signal);
      if (place === undefined) return false;
      const [node, image] = await Promise.all([stat(nodeDirectory), stat(place)]);
      return node.dev !== image.dev;
    },
  };
}

/** What the kernel could give without swapping. Upstream counts without the page cache that has been used twice, which is not lost. */
function memory(): Reading | undefined {
  const text = textOf('/proc/meminfo');
  const bytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024;
  const [capacity, available] = [bytes('MemTotal'), bytes('MemAvailable')];
  return Number.isNaN(capacity + available) ? undefined : { available, capacity };
}

/** Threads too: each takes a number. */
function processes(): Reading | undefined {
  const most = Math.min(...['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'].map((path) => Number(textOf(path)) || Infinity));
  const now = Number(/\d+\/(\d+)/.exec(textOf('/proc/loadavg'))?.[1] ?? Number.NaN);
  return Number.isFinite(most) && !Number.isNaN(now) ? { available: most - now, capacity: most } : undefined;
}

function left(capacity: number | undefined, used: number | undefined): Reading | undefined {
  return capacity === undefined ? undefined : { available: Math.max(0, capacity - (used ?? 0)), capacity };
}

function least(one: Reading | undefined, other: Reading | undefined): Reading | undefined {
  return one && other ? (other.available < one.available ? other : one) : (one ?? other);
}

/** A file system that does not count inodes says that it has none. */
async function disk(directory: string): Promise<{ bytes: Reading; inodes: Reading | undefined } | undefined> {
  try {
    const { blocks, bavail, bsize, files, ffree } = await statfs(directory);
    return { bytes: { available: bavail * bsize, capacity: blocks * bsize }, inodes: files > 0 ? { available: ffree, capacity: files } : undefined };
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
