// What this process uses, under the names that Prometheus' clients give it. Costs nothing until it is asked for.
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { MetricsText } from './metrics-text.ts';

export function writeProcessMetrics(text: MetricsText): void {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  text.one('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', (cpu.user + cpu.system) / 1e6);
  text.one('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', memory.rss);
  text.one('process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', performance.timeOrigin / 1000);
  const [open, most] = fileDescriptors();
  if (open !== undefined) text.one('process_open_fds', 'gauge', 'Number of open file descriptors.', open);
  if (most !== undefined) text.one('process_max_fds', 'gauge', 'Maximum number of open file descriptors.', most);
  text.one('nodejs_heap_size_total_bytes', 'gauge', 'Process heap size from Node.js in bytes.', memory.heapTotal);
  text.one('nodejs_heap_size_used_bytes', 'gauge', 'Process heap size used from Node.js in bytes.', memory.heapUsed);
  text.one('nodejs_external_memory_bytes', 'gauge', 'Node.js external memory size in bytes.', memory.external);
  text.one('nodejs_eventloop_utilization', 'gauge', 'Share of the time since the start in which the event loop was busy.', performance.eventLoopUtilization().utilization);
  text.one('nodejs_version_info', 'gauge', 'Node.js version info.', 1, { version: process.version });
}

function fileDescriptors(): [open?: number, most?: number] {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return [readdirSync('/proc/self/fd').length, limit === undefined ? undefined : Number(limit)];
  } catch {
    return [];
  }
}
