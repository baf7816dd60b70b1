// What this machine is and has.
import { readFileSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os';
import type { MachineFacts } from './node-settings.ts';

export function readMachine(dataDir: string): MachineFacts {
  const disk = statfsSync(dataDir);
  return {
    milliCpu: availableParallelism() * 1000,
    memoryBytes: totalmem(),
    ephemeralStorageBytes: disk.blocks * disk.bsize,
    hostname: hostname(),
    machineID: firstLine('/etc/machine-id'),
    systemUUID: firstLine('/sys/class/dmi/id/product_uuid') || firstLine('/etc/machine-id'),
    bootID: firstLine('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux',
    appArmor: firstLine('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    architecture: { x64: 'amd64', ia32: '386' }[arch() as string] ?? arch(),
  };
}

/** Processes and threads that the kernel has numbers for. */
export function mostProcesses(): number {
  return Math.min(...['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'].map((path) => Number(firstLine(path)) || 32_768));
}

function firstLine(path: string): string {
  return textOf(path).split('\n')[0] ?? '';
}

/** '' when there is no such file: these facts are for people. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
