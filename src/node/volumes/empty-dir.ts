// emptyDir: lives as long as the Pod's UID; on disk, or in memory (tmpfs).
import { chmod, mkdir } from 'node:fs/promises';
import { wholeUnits } from '../spec/quantities.ts';
import { mountTmpfs, mountsBelow } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import type { PlaceVolume } from './volume-kind.ts';

export const emptyDir: PlaceVolume = async (volume, at, { pod }, signal) => {
  const { medium, sizeLimit } = volume.emptyDir!;
  await mkdir(at, { recursive: true });
  if (medium === 'Memory' && !(await mountsBelow(at)).includes(at)) {
    const bytes = wholeUnits(sizeLimit);
    await mountTmpfs(at, bytes > 0 ? [`size=${bytes}`] : [], signal);
  } else if (medium && medium !== 'Memory') {
    throw new Error(`unknown storage medium "${medium}"`);
  }
  await chmod(at, 0o777);
  await giveToGroup(at, pod, false);
  return { path: at, readOnly: false };
};
