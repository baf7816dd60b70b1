// What the kernel has written of the processes it killed for want of memory. It writes before it kills, and names the
// cgroup; a container's own cgroup may be gone by the time its end is seen.
import { closeSync, constants, openSync, readSync } from 'node:fs';

const path = '/dev/kmsg';
/** The kernel gives one record a read, never longer than this. */
const longestRecordBytes = 8192;
/** The kernel's ring holds no more; without this bound a kernel that writes as fast as we read would keep us here. */
const mostRecords = 100_000;

/** Whether a process of the cgroup of this name (a container's id) was killed. False where the log cannot be read. */
export function kernelKilledFor(name: string): boolean {
  for (const record of records()) if (isKillOf(record, name)) return true;
  return false;
}

/** `…oom-kill:constraint=…,oom_memcg=/…,task_memcg=/peapod/pod…/NAME,task=tail,pid=…`. */
export function isKillOf(record: string, name: string): boolean {
  if (!record.includes('oom-kill:')) return false;
  const cgroup = /\btask_memcg=([^,\n]*)/.exec(record)?.[1];
  return cgroup !== undefined && cgroup.split('/').includes(name);
}

function* records(): Generator<string> {
  let log: number;
  try {
    log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return;
  }
  try {
    const buffer = Buffer.allocUnsafe(longestRecordBytes);
    for (let count = 0; count < mostRecords; count++) {
      const size = nextRecord(log, buffer);
      if (size === 0) return;
      if (size > 0) yield buffer.toString('latin1', 0, size);
    }
  } finally {
    closeSync(log);
  }
}

/** 0: there are no more. Negative: this one was overwritten while we read; the next call goes on behind it. */
function nextRecord(log: number, buffer: Buffer): number {
  try {
    return readSync(log, buffer);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPIPE' ? -1 : 0;
  }
}
