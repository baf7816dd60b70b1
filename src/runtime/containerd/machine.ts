// What this machine allows a private containerd.
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError } from '../runtime.ts';

const neededPlugins = ['bridge', 'host-local', 'loopback', 'portmap'];

/** The first of `folders` that holds all CNI plugins a Pod's network needs; containerd looks in only one. */
export function findCniPlugins(folders: readonly string[]): string {
  for (const folder of folders) {
    if (neededPlugins.every((plugin) => isExecutable(join(folder, plugin)))) return folder;
  }
  throw new RuntimeError('failed', `no folder of ${folders.join(', ')} holds the CNI plugins ${neededPlugins.join(', ')}: install containernetworking-plugins`);
}

/** By trying: the score is lowered and set back. Containers that say -998 cannot be started where this is refused. */
export function canLowerOomScore(): boolean {
  const path = '/proc/self/oom_score_adj';
  try {
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, '-999');
    writeFileSync(path, before.trim());
    return true;
  } catch {
    return false;
  }
}

export function hasOverlay(): boolean {
  return /\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
}

/** When the process started, in clock ticks since boot; undefined when there is none or it is a zombie. With the pid it names a process for good. */
export function startTicks(pid: number): number | undefined {
  try {
    // The name in parentheses may hold anything, so count from behind it: state is field 3, start time field 22.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return fields[0] === 'Z' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
