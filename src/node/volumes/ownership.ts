// fsGroup: a volume's files belong to the Pod's group, and the group may do what the owner may.
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';

/** `readOnly`: the group gets to read, not to write. */
export async function giveToGroup(path: string, pod: Pod, readOnly: boolean): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined || fsGroup === null) return;
  if (fsGroupChangePolicy === 'OnRootMismatch') {
    const root = await lstat(path);
    if (root.gid === fsGroup && (root.mode & 0o2070) === 0o2070) return;
  }
  await give(path, fsGroup, readOnly ? 0o440 : 0o660);
}

async function give(path: string, group: number, bits: number): Promise<void> {
  const entry = await lstat(path);
  await lchown(path, entry.uid, group);
  if (entry.isSymbolicLink()) return;
  await chmod(path, (entry.mode & 0o7777) | bits | (entry.isDirectory() ? 0o2110 : 0));
  if (entry.isDirectory()) for (const name of await readdir(path)) await give(join(path, name), group, bits);
}
