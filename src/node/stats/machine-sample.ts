// What the whole machine uses, from the kernel's own counts.
import { readFileSync, statfsSync } from 'node:fs';

export interface MachineSample {
  /** Of all processors since the machine was started. */
  readonly cpuNanoseconds: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processes: number;
  readonly mostProcesses: number;
  readonly bootMs: number;
  readonly interfaces: readonly InterfaceSample[];
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number; readonly inodes: number; readonly freeInodes: number };
}

export interface InterfaceSample {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** The kernel counts processor time in hundredths of a second for every program that reads it. */
const tickNanoseconds = 10_000_000;

export function sampleMachine(dataDir: string): MachineSample {
  const stat = textOf('/proc/stat');
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = /^cpu .*/m.exec(stat)?.[0].split(/ +/).map(Number) ?? [];
  const memory = table('/proc/meminfo');
  const faults = table('/proc/vmstat');
  const bytes = (name: string) => (memory.get(name) ?? 0) * 1024;
  const used = bytes('MemTotal') - bytes('MemFree');
  const disk = statfsSync(dataDir);
  return {
    cpuNanoseconds: (user + nice + system + irq + softirq + steal) * tickNanoseconds,
    memoryTotalBytes: bytes('MemTotal'),
    memoryUsedBytes: used,
    memoryWorkingSetBytes: Math.max(0, used - bytes('Inactive(file)')),
    memoryRssBytes: bytes('AnonPages'),
    pageFaults: faults.get('pgfault') ?? 0,
    majorPageFaults: faults.get('pgmajfault') ?? 0,
    processes: Number(/\d+\/(\d+)/.exec(textOf('/proc/loadavg'))?.[1] ?? 0),
    mostProcesses: Number(textOf('/proc/sys/kernel/pid_max')),
    bootMs: Number(/^btime (\d+)/m.exec(stat)?.[1] ?? 0) * 1000,
    interfaces: byDefaultRoute(interfacesOf('self').filter(({ name }) => !/^(lo|veth|cali|docker|virbr|peapod)/.test(name))),
    disk: { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize, inodes: disk.files, freeInodes: disk.ffree },
  };
}

/** As the process sees them; none when it has gone. */
export function interfacesOf(pid: number | 'self'): InterfaceSample[] {
  return textOf(`/proc/${pid}/net/dev`).split('\n').flatMap((line) => {
    const [, name, counts] = /^ *([^ :]+): *(.*)$/.exec(line) ?? [];
    if (!name || !counts) return [];
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = counts.split(/ +/).map(Number);
    return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
  });
}

/** The one that leads out comes first. */
function byDefaultRoute(interfaces: readonly InterfaceSample[]): InterfaceSample[] {
  const leading = textOf('/proc/net/route').split('\n').map((line) => line.split('\t')).find(([, destination]) => destination === '00000000')?.[0];
  return interfaces.toSorted((a, b) => Number(b.name === leading) - Number(a.name === leading));
}

function table(path: string): ReadonlyMap<string, number> {
  return new Map([...textOf(path).matchAll(/^([^\s:]+):? +(\d+)/gm)].map(([, name, value]) => [name!, Number(value)]));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
