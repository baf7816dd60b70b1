// What a node may be told, whether it is the cluster's own (`up`) or another machine's (`join`); mostly the kubelet's flags.
import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration } from '../base/duration.ts';

export function withNodeFlags(command: Command): void {
  command
    .option('--allowed-unsafe-sysctls <list>', 'sysctls that Pods may set besides the safe ones: names, or prefixes that end in *, with commas between', (text: string) => text.split(','))
    .option('--max-parallel-image-pulls <n>', 'how many images are pulled at once; 1: one after the other (default: 5)', Number)
    .option('--image-gc-high-threshold <percent>', 'how full the disk of the images must be for unused ones to be removed (default: 85)', Number)
    .option('--image-gc-low-threshold <percent>', 'and down to where (default: 80)', Number)
    .option('--eviction-hard <list>', 'below what Pods are evicted at once, as for the kubelet (default: memory.available<100Mi and 5% of disks and inodes)')
    .option('--eviction-soft <list>', 'below what they are evicted after a while')
    .option('--eviction-soft-grace-period <list>', 'after how long: memory.available=1m30s')
    .option('--eviction-max-pod-grace-period <seconds>', 'how long a Pod evicted so may take to end (default: 0)', Number)
    .option('--eviction-minimum-reclaim <list>', 'how much beyond a threshold is freed: nodefs.available=500Mi')
    .option('--eviction-pressure-transition-period <duration>', 'how long a condition of the node stays after its cause has gone (default: 5m0s)')
    .option('--kube-reserved <list>', 'what of the machine is not for Pods: cpu=500m,memory=1Gi,ephemeral-storage=2Gi,pid=1000')
    .option('--system-reserved <list>', 'the same; both are taken together')
    .option('--pod-max-pids <n>', 'how many processes and threads a Pod may have (default: no limit)', Number)
    .option('--shutdown-grace-period <duration>', 'when it is stopped, end the Pods within this time, as the shutdown of a machine does (default: 0s, they run on)', wholeSeconds)
    .option('--shutdown-grace-period-critical-pods <duration>', 'the last part of that time, for critical Pods (default: 0s)', wholeSeconds)
    .option('--shutdown-grace-period-by-pod-priority <ranges>', 'instead of both: how long from which priority on, as 0=20s,100000=10s', shutdownRanges);
}

function wholeSeconds(text: string): number {
  const seconds = (parseDuration(text) ?? NaN) / 1000;
  if (!Number.isInteger(seconds)) throw new InvalidArgumentError('A duration of whole seconds, such as 45s or 1m30s.');
  return seconds;
}

function shutdownRanges(text: string): { priority: number; shutdownGracePeriodSeconds: number }[] {
  return text.split(',').map((part) => {
    const [priority = '', period = ''] = part.split('=');
    if (!/^-?\d+$/.test(priority.trim())) throw new InvalidArgumentError('Write a priority and a duration for each range, such as 0=20s,100000=10s.');
    return { priority: Number(priority), shutdownGracePeriodSeconds: wholeSeconds(period) };
  });
}
