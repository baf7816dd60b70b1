// (d) What it costs to do nothing: resident memory of Peapod's processes (not containerd's), and CPU over a minute.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './main.ts';
import type { Subject } from './subject.ts';

const watchMs = 60_000;
/** Clock ticks per second of /proc/PID/stat; 100 on every Linux that Node.js supports. */
const ticksPerSecond = 100;

export async function benchIdle(subject: Subject): Promise<Figure[]> {
  const pid = subject.pid();
  const before = cpuTicks(pid);
  await sleep(watchMs);
  const busySeconds = (cpuTicks(pid) - before) / ticksPerSecond;
  return [
    { name: 'idle: resident memory', value: residentMb(pid), unit: 'MB', note: 'one process, beside containerd' },
    { name: 'idle: CPU', value: (busySeconds / (watchMs / 1000)) * 100, unit: '%', note: 'of one core, over a minute' },
  ];
}

export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
