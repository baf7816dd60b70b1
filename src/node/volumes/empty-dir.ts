// emptyDir: lives as long as the Pod's UID; on disk, or in memory (tmpfs).
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import type { Pod } from '../../api/types.ts';
import { wholeUnits } from '../spec/quantities.ts';
import { podResources } from '../spec/resources.ts';
import { mountTmpfs, mountsBelow } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import type { PlaceVolume } from './volume-kind.ts';

/** Containers may have changed what is there already: it is left as it is. */
export const emptyDir: PlaceVolume = async (volume, at, { pod, allocatable }, signal) => {
  const { medium, sizeLimit } = volume.emptyDir!;
  if (medium === 'Memory') await inMemory(at, pod, memoryBytes(pod, sizeLimit, allocatable.memoryBytes), signal);
  else if (!medium) await onDisk(at, pod);
  else throw new Error(`unknown storage medium "${medium}"`);
  return { path: at, readOnly: false };
};

/** Made aside and then put in place: what is in place is whole, whenever the agent was cut off. */
async function onDisk(at: string, pod: Pod): Promise<void> {
  if (await stat(at).catch(() => undefined)) return;
  const fresh = `${at}~new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await chmod(fresh, 0o777);
  await giveToGroup(fresh, pod, false);
  await rename(fresh, at);
}

async function inMemory(at: string, pod: Pod, bytes: number, signal: AbortSignal): Promise<void> {
  await mkdir(at, { recursive: true });
  if ((await mountsBelow(at)).includes(at)) return;
  const { fsGroup } = pod.spec.securityContext ?? {};
  await mountTmpfs(at, [`size=${bytes}`, ...(fsGroup === undefined ? ['mode=0777'] : ['mode=2777', `gid=${fsGroup}`])], signal);
}

/** The least of its own limit, the Pod's, and what the node has: more could never be used. */
export function memoryBytes(pod: Pod, sizeLimit: string | undefined, nodeBytes: number): number {
  const limits = [wholeUnits(sizeLimit), podResources(pod).memoryLimitBytes].filter((bytes) => bytes > 0);
  return Math.min(nodeBytes, ...limits);
}
