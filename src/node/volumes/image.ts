// image: the files of an image, read-only.
import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import type { Runtime } from '../../runtime/runtime.ts';
import { mountsBelow } from './mounts.ts';
import type { PlaceVolume } from './volume-kind.ts';

export const imageVolume: PlaceVolume = async (volume, at, { pod, image, runtime }, signal) => {
  const features = await runtime.volumes?.features(signal);
  if (!features?.images) {
    const { name, version } = await runtime.version(signal);
    throw new Error(`image volumes need containerd, CRI-O 1.31 or Docker 28: the runtime of this node is ${name} ${version}`);
  }
  const { id } = await image(volume);
  if (features.images === 'native') return { path: '', readOnly: true, imageId: id };
  if (!(await mountsBelow(at)).includes(at)) await runtime.volumes!.mountImage(id, keyOf(pod.metadata.uid, volume.name), at, signal);
  return { path: at, readOnly: true };
};

/** Lets go of what the runtime keeps for a Pod's image volumes, once they are unmounted. */
export async function releaseImages(podDir: string, podUid: string, { volumes }: Pick<Runtime, 'volumes'>, signal: AbortSignal): Promise<void> {
  const names = await readdir(join(podDir, 'volumes', 'kubernetes.io~image')).catch(() => []);
  for (const name of names) await volumes?.releaseImage(keyOf(podUid, name), signal);
}

function keyOf(podUid: string, volume: string): string {
  return `peapod-volume-${podUid}-${volume}`;
}
