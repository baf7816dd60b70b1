// fsGroup: a volume's files belong to the Pod's group, and the group may do what the owner may.
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';

/** `readOnly`: the group gets to read, not to write. */
export async function giveToGroup(path: string, pod: Pod, readOnly: boolean): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined || fsGroup === null) return;
  const bits = readOnly ? 0o440 : 0o660;
  if (fsGroupChangePolicy === 'OnRootMismatch') {
    const root = await lstat(path);
    const wanted = bits | directoryBits;
    if (root.gid === fsGroup && (root.mode & wanted) === wanted) return;
  }
  await give(path, fsGroup, bits);
}

/** Members may enter, and what is made there is the group's too. */
const directoryBits = 0o2110;

/** A directory after what is in it: as long as its root is not the group's, the work is not done. */
async function give(path: string, group: number, bits: number): Promise<void> {
  const entry = await lstat(path);
  if (entry.isDirectory()) for (const name of await readdir(path)) await give(join(path, name), group, bits);
  await lchown(path, entry.uid, group);
  if (entry.isSymbolicLink()) return;
  await chmod(path, (entry.mode & 0o7777) | bits | (entry.isDirectory() ? directoryBits : 0));
}
