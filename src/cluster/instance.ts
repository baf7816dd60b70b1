// Who runs on a data directory: written at start, removed at a clean stop, checked against the process table because
// a killed process leaves it behind.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface Instance {
  readonly pid: number;
  /** The process' start in clock ticks since boot; tells a reused pid apart. */
  readonly startTicks: number;
  readonly startedAt: string;
  readonly version: string;
  /** `https://127.0.0.1:6443` */
  readonly apiServer: string;
  /** Where other machines reach it; absent: they cannot. */
  readonly joinServer?: string;
  /** It is a node of a cluster elsewhere, where `apiServer` is; the kubeconfig is the node's own. */
  readonly joined?: true;
  readonly kubeconfig: string;
  readonly runtimeEndpoint: string;
  /** Absent: containerd, or another that speaks CRI. */
  readonly runtime?: 'docker';
  readonly nodeName: string;
}

export function writeInstance(file: string, instance: Omit<Instance, 'pid' | 'startTicks'>): void {
  const whole: Instance = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0, ...instance };
  writeFileSync(`${file}.new`, JSON.stringify(whole, null, 2) + '\n', { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function removeInstance(file: string): void {
  rmSync(file, { force: true });
}

/** The instance that runs now; undefined when none does. */
export function runningInstance(file: string): Instance | undefined {
  let instance: Instance;
  try {
    instance = JSON.parse(readFileSync(file, 'utf8')) as Instance;
  } catch {
    return undefined;
  }
  return startTicksOf(instance.pid) === instance.startTicks ? instance : undefined;
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
function startTicksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return process.platform === 'linux' ? undefined : ticksElsewhere(pid);
  }
}

/** Where there is no /proc a process is only known to be there or not: 0, or undefined. */
function ticksElsewhere(pid: number): number | undefined {
  try {
    process.kill(pid, 0);
    return 0;
  } catch {
    return undefined;
  }
}
