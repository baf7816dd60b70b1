// What is left when the orderly way failed: processes, mounts and cgroups, found in /proc and the cgroup hierarchy.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Places } from './places.ts';

const never = new AbortController().signal;

/** Kills what the shims of this containerd hold, then the shims, and removes the sockets that they leave. `ids`: only those of these sandboxes. */
export async function killShims(places: Places, clock: Clock, ids?: ReadonlySet<string>): Promise<void> {
  const sockets = shimSockets(places, ids);
  const shims = shimsOf(places).filter(({ id }) => !ids || ids.has(id));
  await kill([...shims.flatMap(({ held }) => held), ...shims.map(({ pid }) => pid)], clock);
  for (const socket of sockets) rmSync(socket, { force: true });
}

export interface Shim {
  readonly pid: number;
  /** The sandbox that it was started for. */
  readonly id: string;
  /** Processes that it holds. */
  readonly held: readonly number[];
}

/** Those of this containerd. */
export function shimsOf({ socket }: Places): readonly Shim[] {
  const all = processes();
  const after = (command: readonly string[], flag: string) => command[command.indexOf(flag) + 1] ?? '';
  return all
    .filter(({ command }) => /containerd-shim/.test(command[0] ?? '') && after(command, '-address') === socket)
    .map(({ pid, command }) => ({ pid, id: after(command, '-id'), held: all.filter(({ parent }) => parent === pid).map((child) => child.pid) }));
}

export async function killCgroups(parent: string, clock: Clock): Promise<void> {
  const pids = new Set(cgroupFolders(parent).flatMap((folder) => lines(join(folder, 'cgroup.procs')).map(Number)));
  await kill([...pids], clock);
}

const removeTries = 100;

/** The deepest first. The kernel takes a moment to let go of a cgroup whose last process has ended. */
export async function removeCgroups(parent: string, clock: Clock): Promise<void> {
  for (let tries = 0; tries < removeTries; tries++) {
    const folders = cgroupFolders(parent);
    if (folders.length === 0) return;
    for (const folder of folders) {
      try {
        rmdirSync(folder);
      } catch {
        // Busy: again in a moment.
      }
    }
    await clock.sleep(10, never);
  }
}

/** Every mount below a directory, or of those the ones that are wanted; those made last first. */
export async function unmountBelow(directory: string, wanted: (path: string) => boolean = () => true): Promise<void> {
  const mounts = lines('/proc/self/mountinfo').map((line) => unescape(line.split(' ')[4]!)).filter((path) => path.startsWith(directory + '/') && wanted(path));
  // One that is still in use leaves the tree at once and goes when its last user does.
  if (mounts.length > 0) await promisify(execFile)('umount', ['-l', ...mounts.reverse()]).catch(() => {});
}

/** Cgroup folders at and below `parent`, in every mounted hierarchy, children before parents. */
function cgroupFolders(parent: string): string[] {
  const hierarchies = lines('/proc/self/mountinfo').filter((line) => / - cgroup2? /.test(line)).map((line) => unescape(line.split(' ')[4]!));
  const below = (folder: string): string[] => {
    try {
      return [...readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => below(join(folder, entry.name))), folder];
    } catch {
      return [];
    }
  };
  return hierarchies.flatMap((root) => below(join(root, parent)));
}

const killWaitMs = 5_000;

async function kill(pids: readonly number[], clock: Clock): Promise<void> {
  const untilMs = clock.monotonicMs() + killWaitMs;
  for (let alive = pids; alive.length > 0 && clock.monotonicMs() < untilMs; ) {
    alive = alive.filter((pid) => pid > 1 && signalled(pid));
    if (alive.length > 0) await clock.sleep(5, never);
  }
}

function signalled(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return !lines(`/proc/${pid}/stat`)[0]?.includes(') Z ');
  } catch {
    return false;
  }
}

/** Containers of a sandbox share its shim, and so the socket: one that others have too is not named. */
function shimSockets({ state }: Places, only?: ReadonlySet<string>): string[] {
  const bundles = join(state, 'io.containerd.runtime.v2.task', 'k8s.io');
  const ids = ((): string[] => {
    try {
      return readdirSync(bundles);
    } catch {
      return [];
    }
  })();
  const addresses = (of: readonly string[]) => of.flatMap((id) => lines(join(bundles, id, 'address')));
  const kept = new Set(only ? addresses(ids.filter((id) => !only.has(id))) : []);
  return addresses(only ? ids.filter((id) => only.has(id)) : ids).filter((address) => !kept.has(address)).map((address) => address.replace(/^unix:\/\//, ''));
}

function processes(): { pid: number; parent: number; command: string[] }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const stat = lines(`/proc/${name}/stat`)[0];
    const command = lines(`/proc/${name}/cmdline`)[0]?.split('\0') ?? [];
    return stat === undefined ? [] : [{ pid: Number(name), parent: Number(stat.split(') ').at(-1)!.split(' ')[1]), command }];
  });
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}

/** mountinfo writes blanks and backslashes as octal escapes. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
