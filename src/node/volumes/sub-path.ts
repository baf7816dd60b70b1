// subPath: a place inside a volume, found without ever following a link out of it. A container may change the volume
// while we look, so the place is opened step by step without following links, and what is open is bind-mounted.
import { constants } from 'node:fs';
import { mkdir, open, realpath, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { bindMount, mountsBelow } from './mounts.ts';

/** Linux' O_PATH, which Node.js does not name. */
const O_PATH = 0o10000000;

/** Mounts `subPath` of the volume at `target` on the node; makes a directory where nothing is. */
export async function mountSubPath(volume: string, subPath: string, target: string, signal: AbortSignal): Promise<void> {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) throw new Error(`subPath ${JSON.stringify(subPath)} must not be absolute or contain ".."`);
  if ((await mountsBelow(target)).includes(target)) return;
  const root = await realpath(volume);
  const place = await resolveInside(root, subPath);
  const handle = await openInside(root, relative(root, place));
  try {
    const source = `/proc/${process.pid}/fd/${handle.fd}`;
    const isDirectory = (await stat(source)).isDirectory();
    await mkdir(isDirectory ? target : dirname(target), { recursive: true });
    if (!isDirectory) await writeFile(target, '', { flag: 'a' });
    await bindMount(source, target, signal);
  } finally {
    await handle.close();
  }
}

/** The real place of the subPath, whose missing end is made as directories; throws when links lead out of the volume. */
async function resolveInside(root: string, subPath: string): Promise<string> {
  let place = root;
  const { mode } = await stat(root);
  for (const part of subPath.split('/').filter((one) => one !== '' && one !== '.')) {
    const next = join(place, part);
    place = await realpath(next).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      const above = await openInside(root, relative(root, place));
      try {
        await mkdir(`/proc/self/fd/${above.fd}/${part}`, { mode: mode & 0o7777 });
      } finally {
        await above.close();
      }
      return next;
    });
    if (place !== root && !place.startsWith(`${root}/`)) throw new Error(`subpath ${JSON.stringify(subPath)} not within volume path ${JSON.stringify(root)}`);
  }
  return place;
}

async function openInside(root: string, path: string): Promise<FileHandle> {
  const flags = O_PATH | constants.O_NOFOLLOW;
  let handle = await open(root, flags);
  for (const part of path.split('/').filter(Boolean)) {
    const above = handle;
    try {
      handle = await open(`/proc/self/fd/${above.fd}/${part}`, flags);
      // O_PATH opens a link itself: something has put one here since we looked.
      if ((await handle.stat()).isSymbolicLink()) {
        await handle.close();
        throw new Error(`unexpected symlink found ${join(root, path)}`);
      }
    } finally {
      await above.close();
    }
  }
  return handle;
}
