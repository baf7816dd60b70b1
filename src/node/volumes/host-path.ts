// hostPath: a file or directory of the node, checked or made as its type says.
import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PlaceVolume } from './volume-kind.ts';

export const hostPath: PlaceVolume = async (volume) => {
  const { path, type } = volume.hostPath!;
  await checkHostPath(path, type);
  return { path, readOnly: false };
};

/** Checks the place, or makes it, as the type says. Throws when it is something else. */
export async function checkHostPath(path: string, type = ''): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  const problem = await check(path, type, found);
  if (problem) throw new Error(`hostPath type check failed: ${path} ${problem}`);
}

async function check(path: string, type: string, found: Stats | undefined): Promise<string | undefined> {
  switch (type) {
    case '':
      // As upstream: the runtime makes a directory where there is nothing.
      if (!found) await mkdir(path, { recursive: true, mode: 0o755 });
      return undefined;
    case 'DirectoryOrCreate':
      if (!found) await mkdir(path, { recursive: true, mode: 0o755 });
      return found && !found.isDirectory() ? 'is not a directory' : undefined;
    case 'Directory':
      return found?.isDirectory() ? undefined : 'is not a directory';
    case 'FileOrCreate':
      if (!found) {
        await mkdir(dirname(path), { recursive: true, mode: 0o755 });
        await (await open(path, 'a', 0o644)).close();
      }
      return found && !found.isFile() ? 'is not a file' : undefined;
    case 'File':
      return found?.isFile() ? undefined : 'is not a file';
    case 'Socket':
      return found?.isSocket() ? undefined : 'is not a socket file';
    case 'CharDevice':
      return found?.isCharacterDevice() ? undefined : 'is not a character device';
    case 'BlockDevice':
      return found?.isBlockDevice() ? undefined : 'is not a block device';
    default:
      return `is of unknown type ${JSON.stringify(type)}`;
  }
}
