// Files that change all at once: they lie in a directory with the time in its name, `..data` points to it, and each
// name in the volume points through `..data`. Swapping `..data` is one rename, so a reader sees all old or all new.
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatTime, type Clock } from '../../base/clock.ts';

export interface PayloadFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** Relative paths without `..`. */
export type Payload = ReadonlyMap<string, PayloadFile>;

/** True when something was written. `own` is called on the new directory before anyone can see it. */
export async function writeAtomically(volume: string, payload: Payload, own: (directory: string) => Promise<void>, clock: Clock): Promise<boolean> {
  for (const path of payload.keys()) refuseEscape(path);
  await mkdir(volume, { recursive: true, mode: 0o777 });
  const current = await readlink(join(volume, '..data')).catch(() => undefined);
  if (current !== undefined && (await isSame(join(volume, current), payload))) return false;

  const stamp = formatTime(clock.wallMs()).replace(/[-:]/g, '_').replace('T', '_').replace('Z', '');
  const fresh = await mkdtemp(join(volume, `..${stamp}.`));
  await chmod(fresh, 0o755);
  for (const [path, { bytes, mode }] of payload) {
    await mkdir(dirname(join(fresh, path)), { recursive: true, mode: 0o755 });
    await writeFile(join(fresh, path), bytes);
    await chmod(join(fresh, path), mode);
  }
  await own(fresh);
  await rm(join(volume, '..data_tmp'), { force: true });
  await symlink(fresh.slice(volume.length + 1), join(volume, '..data_tmp'));
  await rename(join(volume, '..data_tmp'), join(volume, '..data'));

  const visible = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  for (const name of visible) if (!(await lstat(join(volume, name)).catch(() => undefined))) await symlink(join('..data', name), join(volume, name));
  for (const name of await readdir(volume)) if (!name.startsWith('..') && !visible.has(name)) await rm(join(volume, name), { recursive: true, force: true });
  if (current !== undefined) await rm(join(volume, current), { recursive: true, force: true });
  return true;
}

export function refuseEscape(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || parts[0]!.startsWith('..')) throw new Error(`invalid path: ${JSON.stringify(path)}`);
}

async function isSame(directory: string, payload: Payload): Promise<boolean> {
  const paths = await filesBelow(directory, '').catch(() => undefined);
  if (!paths || paths.length !== payload.size) return false;
  for (const path of paths) {
    const wanted = payload.get(path);
    if (!wanted || !Buffer.from(wanted.bytes).equals(await readFile(join(directory, path)))) return false;
  }
  return true;
}

async function filesBelow(root: string, below: string): Promise<string[]> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  const nested = await Promise.all(entries.map((entry) => (entry.isDirectory() ? filesBelow(root, join(below, entry.name)) : [join(below, entry.name)])));
  return nested.flat();
}
