// The kubelet's Summary (stats/v1alpha1): what the node, its Pods and their containers use. Pure.
import type { Pod } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { containerUsage, totalsOf, usageBetween } from './usage.ts';
import type { InterfaceSample, MachineSample } from './machine-sample.ts';
import type { ContainerSample, SamplePair } from './sampler.ts';

export function summaryOf(nodeName: string, pair: SamplePair, podOf: (uid: string) => Pod | undefined): object {
  const { now } = pair;
  const byPod = Map.groupBy(now.containers.values(), ({ pod }) => pod.uid);
  return { node: nodeSummary(nodeName, pair), pods: [...byPod.values()].map((containers) => podSummary(pair, containers, podOf(containers[0]!.pod.uid))) };
}

function nodeSummary(nodeName: string, pair: SamplePair): object {
  const { machine, wallMs } = pair.now;
  const time = formatTime(wallMs);
  const totals = totalsOf(pair.now);
  const cpu = { time, usageNanoCores: Math.round(usageBetween(pair).node?.cpuNanoCores ?? 0), usageCoreNanoSeconds: totals.cpuNanoseconds };
  if (!machine) return { nodeName, cpu, memory: { time, workingSetBytes: totals.memoryWorkingSetBytes } };
  const fs = fileSystem(machine, time);
  return {
    nodeName,
    startTime: formatTime(machine.bootMs),
    cpu,
    memory: {
      time,
      availableBytes: Math.max(0, machine.memoryTotalBytes - machine.memoryWorkingSetBytes),
      usageBytes: machine.memoryUsedBytes,
      workingSetBytes: machine.memoryWorkingSetBytes,
      rssBytes: machine.memoryRssBytes,
      pageFaults: machine.pageFaults,
      majorPageFaults: machine.majorPageFaults,
    },
    network: network(time, machine.interfaces),
    fs,
    runtime: { imageFs: fs, containerFs: fs },
    rlimit: { time, maxpid: machine.mostProcesses, curproc: machine.processes },
  };
}

function podSummary({ before, now }: SamplePair, containers: readonly ContainerSample[], pod: Pod | undefined): object {
  const { namespace, name, uid } = containers[0]!.pod;
  const time = formatTime(now.wallMs);
  const whole = now.pods.get(uid);
  const earlier = before.pods.get(uid);
  const used = whole && earlier && now.wallMs > before.wallMs ? Math.max(0, whole.cgroup.cpuNanoseconds - earlier.cgroup.cpuNanoseconds) / ((now.wallMs - before.wallMs) / 1000) : undefined;
  return {
    podRef: { name, namespace, uid },
    startTime: pod?.status.startTime ?? null,
    containers: containers.map((container) => {
      const rate = containerUsage(before, container);
      const at = formatTime(container.wallMs);
      return {
        name: container.name,
        startTime: formatTime(container.startedAtMs),
        cpu: { time: at, ...(rate ? { usageNanoCores: Math.round(rate.cpuNanoCores) } : {}), usageCoreNanoSeconds: container.cpuNanoseconds },
        memory: { time: at, workingSetBytes: container.memoryWorkingSetBytes },
        rootfs: { time: at, usedBytes: container.filesystemBytes, inodesUsed: container.filesystemInodes },
      };
    }),
    ...(whole
      ? {
          cpu: { time, ...(used === undefined ? {} : { usageNanoCores: Math.round(used) }), usageCoreNanoSeconds: whole.cgroup.cpuNanoseconds },
          memory: { time, usageBytes: whole.cgroup.memoryBytes, workingSetBytes: whole.cgroup.memoryWorkingSetBytes, rssBytes: whole.cgroup.memoryRssBytes },
          ...(whole.interfaces.length > 0 ? { network: network(time, whole.interfaces) } : {}),
          process_stats: { process_count: whole.cgroup.processes },
        }
      : {}),
    'ephemeral-storage': { time, usedBytes: containers.reduce((sum, one) => sum + one.filesystemBytes, 0), inodesUsed: containers.reduce((sum, one) => sum + one.filesystemInodes, 0) },
  };
}

/** The first is taken for the one that leads out. */
function network(time: string, interfaces: readonly InterfaceSample[]): object {
  return { time, ...interfaces[0], interfaces };
}

function fileSystem({ disk }: MachineSample, time: string): object {
  return {
    time,
    availableBytes: disk.freeBytes,
    capacityBytes: disk.totalBytes,
    usedBytes: disk.totalBytes - disk.freeBytes,
    inodesFree: disk.freeInodes,
    inodes: disk.inodes,
    inodesUsed: disk.inodes - disk.freeInodes,
  };
}
