// The cgroups that stand above a Pod's containers: the node's, one per quality of service, one per Pod with the Pod's
// limits. On cgroup v1 (and hybrid) every controller has its own tree, on v2 there is one.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';
import type { Log } from '../../base/log.ts';
import { podResources, qosClassOf, widest, type PodResources, type QosClass } from '../spec/resources.ts';
import { kernelKilledFor } from './kernel-log.ts';

export interface Cgroups {
  /** Makes the Pod's cgroup with its limits; gives its path for the runtime. Idempotent. `before`: what it was, which must still fit. */
  prepare(pod: Pod, before?: Pod): string;
  /** Ends whatever is left in the Pod's cgroups and removes them, of whichever class it was. Idempotent. False: what was ended is still about to go, and so are they. */
  remove(podUid: string): boolean;
  /** UIDs that have a cgroup here. */
  podUids(): Set<string>;
  /** Whether the kernel has killed something in this container for want of memory; asked after its end. */
  killedForMemory(podUid: string, containerId: string): boolean;
  /** What the Pod, or one container of it, uses now, in bytes; undefined where that is not known. */
  memoryUsage(podUid: string, containerId?: string): number | undefined;
  /** What all Pods together use; `memoryBytes` without what the kernel may drop at any time. Undefined where it is not known. */
  wholeUsage(): { readonly memoryBytes: number | undefined; readonly processes: number | undefined };
  /** Of the tree that holds memory; undefined: none does. */
  readonly memoryVersion: 1 | 2 | undefined;
}

export interface CgroupLimits {
  /** What all Pods together may have. */
  readonly memoryBytes?: number;
  readonly processes?: number;
  /** What each Pod may have; undefined: no limit. */
  readonly podProcesses?: number;
}

export const classes: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

export function createCgroups(root: string, parent: string, log: Log, limits: CgroupLimits = {}): Cgroups {
  const trees = treesBelow(root);
  const cpu = trees.find((tree) => tree.has('cpu'));
  const memory = trees.find((tree) => tree.has('memory'));
  const pids = trees.find((tree) => tree.has('pids'));
  /** Kills in a Pod's cgroup that were noticed before, by UID. */
  const killsNoticed = new Map<string, number>();
  const burstable = join(parent, folderOf('Burstable'));
  /** CPU shares of the Burstable Pods by UID; their class has the sum. */
  const burstableShares = new Map<string, number>();
  let ready = false;

  function prepareParents(): void {
    if (ready) return;
    for (const tree of trees) {
      makeDirectory(tree, join(tree.path, parent));
      for (const qos of classes) makeDirectory(tree, join(tree.path, parent, folderOf(qos)));
      if (tree.has('cpu')) setCpuShares(tree, join(tree.path, parent, folderOf('BestEffort')), 2);
    }
    limitWhole();
    // What an earlier agent has made.
    if (cpu) for (const name of subdirectories(join(cpu.path, burstable))) burstableShares.set(name.slice(3), cpuSharesIn(cpu, join(cpu.path, burstable, name)));
    ready = true;
  }

  /** Also takes back what an earlier agent has set. */
  function limitWhole(): void {
    try {
      if (memory) writeFileSync(join(memory.path, parent, memory.version === 2 ? 'memory.max' : 'memory.limit_in_bytes'), String(limits.memoryBytes ?? (memory.version === 2 ? 'max' : -1)));
      if (pids) writeFileSync(join(pids.path, parent, 'pids.max'), String(limits.processes ?? 'max'));
    } catch (error) {
      log.warn('cannot limit what all Pods may have together', { error });
    }
  }

  function setBurstableShares(): void {
    if (!cpu) return;
    const sum = [...burstableShares.values()].reduce((total, shares) => total + shares, 0);
    try {
      setCpuShares(cpu, join(cpu.path, burstable), Math.min(Math.max(sum, 2), 262_144));
    } catch (error) {
      log.warn('cannot set the shares of Burstable Pods', { error });
    }
  }

  function memoryFile(podUid: string, file: string, containerId = ''): string | undefined {
    if (!memory) return undefined;
    for (const qos of classes) {
      const text = readIfThere(join(memory.path, parent, folderOf(qos), `pod${podUid}`, containerId, file));
      if (text !== undefined) return text;
    }
    return undefined;
  }

  return {
    memoryVersion: memory?.version,
    prepare(pod, before) {
      prepareParents();
      const path = join(parent, folderOf(qosClassOf(pod)), `pod${pod.metadata.uid}`);
      const resources = before ? widest(podResources(pod), podResources(before)) : podResources(pod);
      for (const tree of trees) {
        const directory = join(tree.path, path);
        makeDirectory(tree, directory);
        try {
          limit(tree, directory, resources);
          if (tree === pids && limits.podProcesses !== undefined) writeFileSync(join(directory, 'pids.max'), String(limits.podProcesses));
        } catch (error) {
          log.warn('cannot limit a cgroup', { directory, error });
        }
      }
      if (qosClassOf(pod) === 'Burstable' && burstableShares.get(pod.metadata.uid) !== resources.cpuShares) {
        burstableShares.set(pod.metadata.uid, resources.cpuShares);
        setBurstableShares();
      }
      return path;
    },
    remove(podUid) {
      const gone = trees.flatMap((tree) => classes.map((qos) => removeTree(join(tree.path, parent, folderOf(qos), `pod${podUid}`), log)));
      if (burstableShares.delete(podUid)) setBurstableShares();
      killsNoticed.delete(podUid);
      return gone.every(Boolean);
    },
    killedForMemory(podUid, containerId) {
      const file = memory?.version === 2 ? 'memory.events' : 'memory.oom_control';
      const own = memoryFile(podUid, file, containerId);
      if (memory?.version === 2) {
        // Version 2 counts upwards: the Pod's cgroup still has what the container's had.
        const kills = killsIn(memoryFile(podUid, file));
        const more = kills > (killsNoticed.get(podUid) ?? 0);
        killsNoticed.set(podUid, kills);
        if (own === undefined && more) return true;
      }
      return own === undefined ? kernelKilledFor(containerId) : killsIn(own) > 0;
    },
    memoryUsage(podUid, containerId) {
      const text = memoryFile(podUid, memory?.version === 2 ? 'memory.current' : 'memory.usage_in_bytes', containerId);
      return text === undefined ? undefined : Number(text);
    },
    wholeUsage() {
      const number = (tree: Tree | undefined, v1: string, v2: string) => {
        const text = tree && readIfThere(join(tree.path, parent, tree.version === 2 ? v2 : v1));
        return text === undefined ? undefined : Number(text);
      };
      const used = number(memory, 'memory.usage_in_bytes', 'memory.current');
      // Of version 1 the totals, which come last, hold for all that is below.
      const inactive = memory && [...(readIfThere(join(memory.path, parent, 'memory.stat')) ?? '').matchAll(/^(?:total_)?inactive_file (\d+)$/gm)].at(-1)?.[1];
      return { memoryBytes: used === undefined ? undefined : Math.max(0, used - Number(inactive ?? 0)), processes: number(pids, 'pids.current', 'pids.current') };
    },
    podUids() {
      const uids = new Set<string>();
      for (const tree of trees) {
        for (const qos of classes) {
          for (const name of subdirectories(join(tree.path, parent, folderOf(qos)))) if (name.startsWith('pod')) uids.add(name.slice(3));
        }
      }
      return uids;
    },
  };
}

/** For nodes whose Pods are not of this machine. */
export const noCgroups: Cgroups = { prepare: (pod) => `/${pod.metadata.uid}`, remove: () => true, podUids: () => new Set(), killedForMemory: () => false, memoryUsage: () => undefined, wholeUsage: () => ({ memoryBytes: undefined, processes: undefined }), memoryVersion: undefined };

export interface Tree {
  readonly path: string;
  readonly version: 1 | 2;
  has(controller: string): boolean;
}

export function treesBelow(root: string): Tree[] {
  if (existsSync(join(root, 'cgroup.controllers'))) {
    const controllers = readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(/\s+/);
    return [{ path: root, version: 2, has: (controller) => controllers.includes(controller) }];
  }
  return subdirectories(root)
    .filter((name) => existsSync(join(root, name, 'cgroup.procs')))
    .map((name): Tree => {
      const unified = existsSync(join(root, name, 'cgroup.controllers'));
      return { path: join(root, name), version: unified ? 2 : 1, has: (controller) => !unified && name.split(',').includes(controller) };
    });
}

export function folderOf(qos: QosClass): string {
  return qos === 'Guaranteed' ? '' : qos.toLowerCase();
}

function makeDirectory(tree: Tree, path: string): void {
  if (existsSync(path)) return;
  const above = join(path, '..');
  if (above !== tree.path) makeDirectory(tree, above);
  if (tree.version === 2) handDown(tree, above);
  mkdirSync(path, { recursive: true });
  if (tree.version === 1 && tree.has('cpuset')) for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(path, file), readFileSync(join(above, file)));
}

/** cgroup v2: a child has only the controllers that its parent hands down. */
function handDown(tree: Tree, directory: string): void {
  const wanted = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'].filter((controller) => tree.has(controller));
  if (wanted.length) writeFileSync(join(directory, 'cgroup.subtree_control'), wanted.map((controller) => `+${controller}`).join(' '));
}

function limit(tree: Tree, directory: string, { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes }: PodResources): void {
  if (tree.has('cpu')) {
    setCpuShares(tree, directory, cpuShares);
    if (tree.version === 2) writeFileSync(join(directory, 'cpu.max'), cpuQuotaUs < 0 ? 'max' : `${cpuQuotaUs} ${cpuPeriodUs}`);
    else if (cpuQuotaUs > 0) {
      writeFileSync(join(directory, 'cpu.cfs_period_us'), String(cpuPeriodUs));
      writeFileSync(join(directory, 'cpu.cfs_quota_us'), String(cpuQuotaUs));
    }
  }
  if (tree.has('memory') && memoryLimitBytes > 0) writeFileSync(join(directory, tree.version === 2 ? 'memory.max' : 'memory.limit_in_bytes'), String(memoryLimitBytes));
}

/** Shares are v1's word; v2 weighs from 1 to 10000 (KEP-2254's conversion). */
function setCpuShares(tree: Tree, directory: string, shares: number): void {
  if (tree.version === 2) writeFileSync(join(directory, 'cpu.weight'), String(1 + Math.floor(((shares - 2) * 9999) / 262_142)));
  else writeFileSync(join(directory, 'cpu.shares'), String(shares));
}

function cpuSharesIn(tree: Tree, directory: string): number {
  try {
    const written = Number(readFileSync(join(directory, tree.version === 2 ? 'cpu.weight' : 'cpu.shares'), 'utf8'));
    return tree.version === 2 ? 2 + Math.round(((written - 1) * 262_142) / 9999) : written;
  } catch {
    return 0;
  }
}

/** Of `memory.events` and of `memory.oom_control`: both have a line `oom_kill N`. */
function killsIn(text: string | undefined): number {
  return Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function removeTree(path: string, log: Log): boolean {
  if (!existsSync(path)) return true;
  for (const name of subdirectories(path)) removeTree(join(path, name), log);
  try {
    for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) if (Number(pid) > 1) process.kill(Number(pid), 'SIGKILL');
  } catch {
    // Gone already, or a process that has just ended.
  }
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    log.debug('a cgroup is still in use', { path, error });
    return false;
  }
}

function subdirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}
