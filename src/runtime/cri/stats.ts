// What containers use.
import type { ContainerStats } from '../runtime.ts';
import type { CriConnection } from './connection.ts';
import { podOf, selector } from './labels.ts';
import type { ContainerStatsMessage } from './messages.ts';

export async function containerStats(cri: CriConnection, owner: string | undefined, signal: AbortSignal): Promise<readonly ContainerStats[]> {
  const { stats } = await cri.runtime<{ stats: ContainerStatsMessage[] }>('ListContainerStats', { filter: { label_selector: selector(owner) } }, signal);
  return stats.flatMap(({ attributes, cpu, memory, writable_layer: layer }) => attributes === undefined ? [] : [{
    id: attributes.id,
    pod: podOf(attributes.labels),
    name: attributes.metadata?.name ?? '',
    wallMs: Math.floor((cpu?.timestamp ?? 0) / 1e6),
    cpuNanoseconds: cpu?.usage_core_nano_seconds?.value ?? 0,
    memoryWorkingSetBytes: memory?.working_set_bytes?.value ?? 0,
    filesystemBytes: layer?.used_bytes?.value ?? 0,
    filesystemInodes: layer?.inodes_used?.value ?? 0,
  }]);
}
