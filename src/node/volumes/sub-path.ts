// subPath: a place inside a volume, found without ever following a link out of it. A container may change the volume
// while we look, so the place is opened step by step without following links, and what is open is bind-mounted.
import { constants } from 'node:fs';
import { chmod, mkdir, open, realpath, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { bindMount, mountsBelow, unmount } from './mounts.ts';

/** Linux' O_PATH, which Node.js does not name. */
const O_PATH = 0o10000000;

/** Mounts `subPath` of the volume at `target` on the node; makes a directory where nothing is. What is mounted there from before is kept if it is still the same. */
export async function mountSubPath(volume: string, subPath: string, target: string, signal: AbortSignal): Promise<void> {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) throw new Error(`subPath ${JSON.stringify(subPath)} must not be absolute or contain ".."`);
  const handle = await openSubPath(volume, subPath);
  try {
    if ((await mountsBelow(target)).includes(target)) {
      // After a swap of a ConfigMap's files, or when the container put another directory there.
      if (await isSame(handle, target)) return;
      await unmount(target, signal);
    }
    const source = `/proc/${process.pid}/fd/${handle.fd}`;
    const isDirectory = (await stat(source)).isDirectory();
    await mkdir(isDirectory ? target : dirname(target), { recursive: true });
    if (!isDirectory) await writeFile(target, '', { flag: 'a' });
    await bindMount(source, target, signal);
  } finally {
    await handle.close();
  }
}

/** The place, opened; it is inside the volume whatever happens to the path meanwhile. The caller closes it. */
export async function openSubPath(volume: string, subPath: string): Promise<FileHandle> {
  const root = await realpath(volume);
  const place = await resolveInside(root, subPath);
  return openInside(root, relative(root, place));
}

/** The real place of the subPath, whose missing end is made as directories; throws when links lead out of the volume. */
async function resolveInside(root: string, subPath: string): Promise<string> {
  let place = root;
  const { mode } = await stat(root);
  for (const part of subPath.split('/').filter((one) => one !== '' && one !== '.')) {
    const next = join(place, part);
    place = await realpath(next).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await makeInside(root, place, part, mode & 0o7777);
      return next;
    });
    if (place !== root && !place.startsWith(`${root}/`)) throw new Error(`subpath ${JSON.stringify(subPath)} not within volume path ${JSON.stringify(root)}`);
  }
  return place;
}

/** With the mode of the volume's root, whatever our umask. */
async function makeInside(root: string, above: string, name: string, mode: number): Promise<void> {
  const directory = await openInside(root, relative(root, above));
  try {
    await mkdir(`/proc/self/fd/${directory.fd}/${name}`, { mode });
    const made = await openBelow(directory, name, join(above, name));
    await chmod(`/proc/self/fd/${made.fd}`, mode).finally(() => made.close());
  } finally {
    await directory.close();
  }
}

async function openInside(root: string, path: string): Promise<FileHandle> {
  let handle = await open(root, O_PATH | constants.O_NOFOLLOW);
  for (const part of path.split('/').filter(Boolean)) {
    const above = handle;
    try {
      handle = await openBelow(above, part, join(root, path));
    } finally {
      await above.close();
    }
  }
  return handle;
}

async function openBelow(above: FileHandle, name: string, shown: string): Promise<FileHandle> {
  const handle = await open(`/proc/self/fd/${above.fd}/${name}`, O_PATH | constants.O_NOFOLLOW);
  // O_PATH opens a link itself: something has put one here since we looked.
  if (!(await handle.stat()).isSymbolicLink()) return handle;
  await handle.close();
  throw new Error(`unexpected symlink found ${shown}`);
}

async function isSame(handle: FileHandle, target: string): Promise<boolean> {
  const [wanted, there] = await Promise.all([handle.stat(), stat(target).catch(() => undefined)]);
  return wanted.dev === there?.dev && wanted.ino === there.ino;
}
