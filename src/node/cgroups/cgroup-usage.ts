// What a Pod as a whole uses, its sandbox too: read from its cgroup when someone asks.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { classes, folderOf, treesBelow, type Tree } from './cgroups.ts';

export interface CgroupUsage {
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  /** Without what the kernel may drop at any time. */
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  /** Processes and threads. */
  readonly processes: number;
  /** One of its processes; undefined when there is none. */
  readonly pid: number | undefined;
}

/** Undefined: the Pod has no cgroup. */
export type ReadCgroupUsage = (podUid: string) => CgroupUsage | undefined;

export function createCgroupUsage(root: string, parent: string): ReadCgroupUsage {
  const trees = treesBelow(root);
  const with_ = (controller: string) => trees.find((tree) => tree.has(controller));
  const [cpu, memory, pids] = [with_('cpuacct') ?? with_('cpu'), with_('memory'), with_('pids')];
  return (podUid) => {
    if (!cpu || !memory) return undefined;
    for (const qos of classes) {
      const path = join(parent, folderOf(qos), `pod${podUid}`);
      try {
        const memoryBytes = numberIn(memory, path, 'memory.usage_in_bytes', 'memory.current');
        const details = table(memory, path, 'memory.stat');
        const idle = details.get('total_inactive_file') ?? details.get('inactive_file') ?? 0;
        return {
          cpuNanoseconds: cpu.version === 1 ? numberIn(cpu, path, 'cpuacct.usage', '') : (table(cpu, path, 'cpu.stat').get('usage_usec') ?? 0) * 1000,
          memoryBytes,
          memoryWorkingSetBytes: Math.max(0, memoryBytes - idle),
          memoryRssBytes: details.get('total_rss') ?? details.get('anon') ?? 0,
          processes: pids ? numberIn(pids, path, 'pids.current', 'pids.current') : 0,
          pid: firstPid(join(memory.path, path)),
        };
      } catch {
        // It is of another class, or has just gone.
      }
    }
    return undefined;
  };
}

function numberIn({ path: root, version }: Tree, path: string, v1: string, v2: string): number {
  return Number(readFileSync(join(root, path, version === 1 ? v1 : v2), 'utf8'));
}

function table({ path: root }: Tree, path: string, file: string): ReadonlyMap<string, number> {
  return new Map(readFileSync(join(root, path, file), 'utf8').trim().split('\n').map((line) => line.split(' ')).map(([key = '', value]) => [key, Number(value)]));
}

function firstPid(directory: string): number | undefined {
  for (const { name } of readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const pid = Number(readFileSync(join(directory, name, 'cgroup.procs'), 'utf8').split('\n')[0]);
    if (pid > 0) return pid;
  }
  return undefined;
}
