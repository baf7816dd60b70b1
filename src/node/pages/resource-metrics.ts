// /metrics/resource and /metrics/cadvisor: counts of what is used, for those who reckon themselves. Pure.
import type { Pod } from '../../api/types.ts';
import { MetricsText } from '../../base/metrics-text.ts';
import type { ContainerState } from '../../runtime/runtime.ts';
import { totalsOf } from '../stats/usage.ts';
import type { Sample } from '../stats/sampler.ts';

export function resourceMetrics(sample: Sample): string {
  const text = new MetricsText();
  const containers = [...sample.containers.values()].map((one) => ({ one, labels: { container: one.name, namespace: one.pod.namespace, pod: one.pod.name } }));
  const cpu = text.family('container_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the container in core-seconds');
  for (const { one, labels } of containers) cpu(labels, one.cpuNanoseconds / 1e9, one.wallMs);
  const memory = text.family('container_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the container in bytes');
  for (const { one, labels } of containers) memory(labels, one.memoryWorkingSetBytes, one.wallMs);
  const start = text.family('container_start_time_seconds', 'gauge', '[STABLE] Start time of the container since unix epoch in seconds');
  for (const { one, labels } of containers) start(labels, one.startedAtMs / 1000);
  const totals = totalsOf(sample);
  text.family('node_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the node in core-seconds')({}, totals.cpuNanoseconds / 1e9, sample.wallMs);
  text.family('node_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the node in bytes')({}, totals.memoryWorkingSetBytes, sample.wallMs);
  const pods = podsOf(sample);
  const podCpu = text.family('pod_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the pod in core-seconds');
  for (const { labels, cgroup } of pods) podCpu(labels, cgroup.cpuNanoseconds / 1e9, sample.wallMs);
  const podMemory = text.family('pod_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the pod in bytes');
  for (const { labels, cgroup } of pods) podMemory(labels, cgroup.memoryWorkingSetBytes, sample.wallMs);
  text.one('resource_scrape_error', 'gauge', '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise', 0);
  return text.toString();
}

export interface Seen {
  readonly pod: Pod;
  readonly state: ContainerState;
}

export function cadvisorMetrics(sample: Sample, milliCpu: number, memoryBytes: number, seenOf: (id: string) => Seen | undefined): string {
  const text = new MetricsText();
  const containers = [...sample.containers.values()].map((one) => {
    const image = seenOf(one.id)?.state.image ?? '';
    return { one, labels: { container: one.name, id: one.id, image, name: one.id, namespace: one.pod.namespace, pod: one.pod.name } };
  });
  const pods = podsOf(sample).map(({ labels, ...rest }) => ({ ...rest, labels: { container: '', id: `/pod${rest.uid}`, image: '', name: '', ...labels } }));
  const each = (name: string, type: 'counter' | 'gauge', help: string, ofContainer: ((one: (typeof containers)[number]['one']) => number) | undefined, ofPod: ((cgroup: (typeof pods)[number]['cgroup']) => number) | undefined, more: object = {}) => {
    const write = text.family(name, type, help);
    if (ofContainer) for (const { one, labels } of containers) write({ ...labels, ...more }, ofContainer(one), one.wallMs);
    if (ofPod) for (const { cgroup, labels } of pods) write({ ...labels, ...more }, ofPod(cgroup), sample.wallMs);
  };
  each('container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed in seconds.', (one) => one.cpuNanoseconds / 1e9, (pod) => pod.cpuNanoseconds / 1e9, { cpu: 'total' });
  each('container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', (one) => one.memoryWorkingSetBytes, (pod) => pod.memoryWorkingSetBytes);
  each('container_memory_usage_bytes', 'gauge', 'Current memory usage in bytes, including all memory regardless of when it was accessed', undefined, (pod) => pod.memoryBytes);
  each('container_memory_rss', 'gauge', 'Size of RSS in bytes.', undefined, (pod) => pod.memoryRssBytes);
  each('container_processes', 'gauge', 'Number of processes running inside the container.', undefined, (pod) => pod.processes);
  each('container_fs_usage_bytes', 'gauge', 'Number of bytes that are consumed by the container on this filesystem.', (one) => one.filesystemBytes, undefined);
  each('container_fs_inodes_total', 'gauge', 'Number of Inodes', (one) => one.filesystemInodes, undefined);
  each('container_start_time_seconds', 'gauge', 'Start time of the container since unix epoch in seconds.', (one) => one.startedAtMs / 1000, undefined);
  each('container_last_seen', 'gauge', 'Last time a container was seen by the exporter', (one) => Math.floor(one.wallMs / 1000), undefined);
  for (const [direction, way] of [['receive', 'rx'], ['transmit', 'tx']] as const) {
    const done = direction === 'receive' ? 'received' : 'transmitted';
    const bytes = text.family(`container_network_${direction}_bytes_total`, 'counter', `Cumulative count of bytes ${done}`);
    for (const { labels, interfaces } of pods) for (const one of interfaces) bytes({ ...labels, interface: one.name }, one[`${way}Bytes`], sample.wallMs);
    const errors = text.family(`container_network_${direction}_errors_total`, 'counter', `Cumulative count of errors encountered while ${done === 'received' ? 'receiving' : 'transmitting'}`);
    for (const { labels, interfaces } of pods) for (const one of interfaces) errors({ ...labels, interface: one.name }, one[`${way}Errors`], sample.wallMs);
  }
  text.one('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.', milliCpu / 1000);
  text.one('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.', memoryBytes);
  text.one('container_scrape_error', 'gauge', '1 if there was an error while getting container metrics, 0 otherwise', 0);
  return text.toString();
}

function podsOf({ pods, containers }: Sample) {
  const named = new Map([...containers.values()].map(({ pod }) => [pod.uid, { namespace: pod.namespace, pod: pod.name }]));
  return [...pods.values()].map((pod) => ({ ...pod, labels: named.get(pod.uid)! }));
}
