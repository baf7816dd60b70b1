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
    links: output('ip', ['-o', 'link', 'show']).map((line) => `${line.split(': ')[1]!.split('@')[0]} ${/ master \S+/.exec(line)?.[0] ?? ''}`.trim()),
    routes: ['-4', '-6'].flatMap((family) => output('ip', [family, '-o', 'route', 'show', 'table', 'all'])).filter((line) => /unreachable|peapod/.test(line)).map((line) => line.trim()),
    cgroups: globSync('/sys/fs/cgroup/{*/,}peapod*/**/').concat(globSync('/sys/fs/cgroup/{*/,}peapod*')),
    packetRules: [...output('iptables-save', []), ...output('ip6tables-save', []), ...output('nft', ['list', 'ruleset'])]
      .map((line) => line.replace(/\[\d+:\d+\]|counter packets \d+ bytes \d+|^#.*/g, '').trim())
      .filter((line) => /peapod|CNI|KUBE|cali|jump/i.test(line)),
  };
}

/**
 * What is there now and was not before, by kind; empty lists are left out. What belongs to a cluster that runs outside
 * `testDir` is somebody else's: tests may run beside it.
 */
export function leftSince(before: Snapshot, testDir: string, now: Snapshot = takeSnapshot()): Partial<Snapshot> {
  const left: Partial<Snapshot> = {};
  const theirs = marksOfOthers(testDir);
  for (const kind of Object.keys(now) as (keyof Snapshot)[]) {
    const known = new Set(before[kind]);
    const isTheirs = (line: string) => theirs.some((mark) => line.includes(mark)) || (theirs.length > 0 && sharedChains.test(line));
    const more = now[kind].filter((line) => !known.has(line) && !isTheirs(line));
    if (more.length > 0) left[kind] = more;
  }
  return left;
}

/** Host ports: chains that all clusters of a machine share, or whose names are digests. */
const sharedChains = /CNI-(HOSTPORT|DN|SN)/;

/** What names everything of the clusters that run elsewhere: data directory, id, bridge, ranges. */
function marksOfOthers(testDir: string): string[] {
  return processes()
    .flatMap((line) => / up .*--data-dir (\S+)/.exec(line)?.[1] ?? [])
    .filter((dataDir) => !dataDir.startsWith(testDir))
    .flatMap((dataDir) => {
      try {
        const { id, bridge, podRange, serviceRange, podRange6, serviceRange6 } = JSON.parse(readFileSync(`${dataDir}/cluster.json`, 'utf8')) as Record<string, string>;
        const prefix = podRange!.replace(/\d+\/\d+$/, '');
        return [dataDir, `peapod-${id}`, bridge!, prefix, serviceRange!, ...[podRange6, serviceRange6].flatMap((range) => (range ? [range.replace(/\/\d+$/, '')] : []))];
      } catch {
        return [dataDir];
      }
    });
}

/** Only what belongs to a cluster: runtimes, shims, pause and container processes under a container cgroup, Peapod itself. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const cgroup = /\/peapod\S*/.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[0];
        // What is run, not what is spoken of: others' command lines may name a file of ours.
        const ours = /^(\S*\/)?(containerd|catatonit)[^\s/]*( |$)|dist\/cli\.js/.test(command) || cgroup !== undefined;
        return ours ? [`${pid} ${command} ${cgroup ?? ''}`.trim()] : [];
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
