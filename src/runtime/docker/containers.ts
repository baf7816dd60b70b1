// The verbs of containers, but for what runs in them.
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { RuntimeError, type ContainerSpec, type ContainerStats, type LinuxResources } from '../runtime.ts';
import { containerRequest, resourcesRequest } from './config.ts';
import { query, unlessGone, type DockerConnection } from './connection.ts';
import { remove, stop } from './ending.ts';
import { containerLabels, keptOf, kindLabel, ours, podOf, type KeptContainer, type KeptSandbox } from './labels.ts';
import type { LogWriters } from './logs.ts';
import type { InspectedContainer, ListedContainer } from './messages.ts';
import { containerNameLabel } from '../cri/labels.ts';

export interface ContainerDeps {
  readonly docker: DockerConnection;
  readonly owner: string;
  readonly logs: LogWriters | undefined;
  readonly clock: Clock;
}

export function createContainerVerbs({ docker, owner, logs, clock }: ContainerDeps, sandboxOf: (id: string, signal: AbortSignal) => Promise<KeptSandbox>, forget: (id: string) => void) {
  const signalled = new Set<string>();
  return {
    async createContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<string> {
      const sandbox = await sandboxOf(sandboxId, signal);
      const labels = containerLabels(spec, owner, sandboxId, join(sandbox.logDirectory, spec.logPath));
      const { namespace, name, uid } = spec.pod;
      const path = `/containers/create${query({ name: `k8s_${spec.name}_${name}_${namespace}_${uid}_${spec.attempt}` })}`;
      return (await docker.call<{ Id: string }>('POST', path, containerRequest(spec, sandboxId, sandbox, labels), signal)).Id;
    },
    async startContainer(id: string, signal: AbortSignal): Promise<void> {
      await docker.call('POST', `/containers/${id}/start`, undefined, signal);
      if (!logs) return;
      const found = await unlessGone(docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal));
      if (found) logs.follow(id, keptOf<KeptContainer>(found.Config.Labels).logPath);
    },
    stopContainer: (id: string, graceMs: number, signal: AbortSignal) => stop(docker, id, graceMs, signalled, clock, signal),
    async removeContainer(id: string, signal: AbortSignal): Promise<void> {
      const found = await unlessGone(docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal));
      if (!found) return;
      // The engine's log goes with the container.
      if (!found.State.Running) await logs?.finished(id, signal);
      await remove(docker, id, signal);
      forget(id);
    },
    async updateContainerResources(id: string, resources: LinuxResources, signal: AbortSignal): Promise<void> {
      await docker.call('POST', `/containers/${id}/update`, resourcesRequest(resources), signal);
    },
    async reopenLog(id: string, _signal: AbortSignal): Promise<void> {
      await logs?.reopen(id);
    },
    async containerStats(signal: AbortSignal): Promise<readonly ContainerStats[]> {
      const filters = { ...ours(owner), status: ['running'] };
      const listed = await docker.call<ListedContainer[]>('GET', `/containers/json${query({ size: true, filters })}`, undefined, signal);
      const containers = listed.filter(({ Labels }) => Labels[kindLabel] === 'container');
      const stats: ContainerStats[] = [];
      for (let from = 0; from < containers.length; from += statsAtOnce) {
        stats.push(...(await Promise.all(containers.slice(from, from + statsAtOnce).map((container) => statsOf(container, signal)))).filter((one) => one !== undefined));
      }
      return stats;
    },
  };

  async function statsOf({ Id: id, Labels, SizeRw = 0 }: ListedContainer, signal: AbortSignal): Promise<ContainerStats | undefined> {
    try {
      const found = await docker.call<EngineStats | undefined>('GET', `/containers/${id}/stats${query({ stream: false, 'one-shot': true })}`, undefined, signal);
      // It says nothing of one that has just ended.
      if (!found) return undefined;
      const { cpu_stats: cpu, memory_stats: memory } = found;
      // As Kubernetes counts it: without what the kernel may drop at any time.
      const idle = memory.stats?.['total_inactive_file'] ?? memory.stats?.['inactive_file'] ?? 0;
      return {
        id, pod: podOf(Labels), name: Labels[containerNameLabel] ?? '', wallMs: Math.floor(clock.wallMs()),
        cpuNanoseconds: cpu.cpu_usage.total_usage, memoryWorkingSetBytes: Math.max(0, (memory.usage ?? 0) - idle),
        // The engine counts no inodes.
        filesystemBytes: SizeRw, filesystemInodes: 0,
      };
    } catch (error) {
      // It has ended meanwhile.
      if (error instanceof RuntimeError && error.code !== 'unavailable') return undefined;
      throw error;
    }
  }
}

const statsAtOnce = 16;

interface EngineStats {
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
  readonly memory_stats: { readonly usage?: number; readonly stats?: Readonly<Record<string, number>> };
}
