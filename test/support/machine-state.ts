// What a cluster can leave on a machine, by name, so that a test can say: nothing is left.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs';

/** Each list holds one line per thing, the same line for the same thing at another time. */
export interface Snapshot {
  processes: string[];
  mounts: string[];
  networkNamespaces: string[];
  links: string[];
  routes: string[];
  cgroups: string[];
  packetRules: string[];
}

export function takeSnapshot(): Snapshot {
  return {
    processes: processes(),
    mounts: lines(readFileSync('/proc/self/mounts', 'utf8')).map((line) => line.split(' ')[1]!),
    networkNamespaces: existsSync('/run/netns') ? readdirSync('/run/netns') : [],
    links: output('ip', ['-o', 'link', 'show']).map((line) => line.split(': ')[1]!.split('@')[0]!),
    routes: output('ip', ['-o', 'route', 'show', 'table', 'all']).filter((line) => /unreachable|peapod/.test(line)).map((line) => line.trim()),
    cgroups: globSync('/sys/fs/cgroup/{*/,}peapod*/**/').concat(globSync('/sys/fs/cgroup/{*/,}peapod*')),
    packetRules: [...output('iptables-save', []), ...output('ip6tables-save', []), ...output('nft', ['list', 'ruleset'])]
      .map((line) => line.replace(/\[\d+:\d+\]|counter packets \d+ bytes \d+|^#.*/g, '').trim())
      .filter((line) => /peapod|CNI|KUBE|cali|jump/i.test(line)),
  };
}

/** What is there now and was not before, by kind; empty lists are left out. */
export function leftSince(before: Snapshot, now: Snapshot = takeSnapshot()): Partial<Snapshot> {
  const left: Partial<Snapshot> = {};
  for (const kind of Object.keys(now) as (keyof Snapshot)[]) {
    const known = new Set(before[kind]);
    const more = now[kind].filter((line) => !known.has(line));
    if (more.length > 0) left[kind] = more;
  }
  return left;
}

/** Only what belongs to a cluster: runtimes, shims, pause and container processes under a container cgroup, Peapod itself. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const ours = /containerd|dist\/cli\.js|catatonit/.test(command) || /\/peapod/.test(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
        return ours ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}

function output(command: string, args: string[]): string[] {
  try {
    return lines(execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 }));
  } catch {
    return [];
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
