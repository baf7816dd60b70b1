// How much each Pod uses of what is scarce, from the counts of the runtime, the cgroups and the disk. Pure.
import type { Pod } from '../../api/types.ts';
import type { Sample } from '../stats/sampler.ts';
import type { LocalBytes } from './local-limits.ts';
import type { LocalUse } from './local-use.ts';
import type { Use } from './rank.ts';

/** What of a Pod lies on the disk that is short. */
export interface DiskParts {
  readonly layers: boolean;
  readonly local: boolean;
}

/** Undefined: nobody has counted it (yet). */
export function memoryUse({ metadata }: Pod, { containers, pods }: Sample): Use | undefined {
  const own = [...containers.values()].filter(({ pod }) => pod.uid === metadata.uid);
  const whole = pods.get(metadata.uid)?.cgroup.memoryWorkingSetBytes;
  if (own.length === 0 && whole === undefined) return undefined;
  return { total: whole ?? own.reduce((sum, one) => sum + one.memoryWorkingSetBytes, 0), containers: new Map(own.map((one) => [one.name, one.memoryWorkingSetBytes])) };
}

export function processUse({ metadata }: Pod, { pods }: Sample): Use | undefined {
  const processes = pods.get(metadata.uid)?.cgroup.processes;
  return processes === undefined ? undefined : { total: processes, containers: new Map() };
}

export function diskUse({ metadata }: Pod, { containers }: Sample, local: LocalUse | undefined, unit: 'bytes' | 'inodes', { layers, local: withLocal }: DiskParts): Use {
  const ofContainers = new Map<string, number>();
  const add = (name: string, amount: number) => void ofContainers.set(name, (ofContainers.get(name) ?? 0) + amount);
  if (layers) for (const one of containers.values()) if (one.pod.uid === metadata.uid) add(one.name, unit === 'bytes' ? one.filesystemBytes : one.filesystemInodes);
  if (withLocal) for (const [name, amount] of local?.logs ?? []) add(name, amount);
  const volumes = withLocal ? [...(local?.volumes.values() ?? [])] : [];
  return { total: [...ofContainers.values(), ...volumes].reduce((sum, amount) => sum + amount, 0), containers: ofContainers };
}

export function localBytes(pod: Pod, sample: Sample | undefined, local: LocalUse | undefined, parts: DiskParts): LocalBytes {
  const { containers } = sample ? diskUse(pod, sample, local, 'bytes', parts) : { containers: local?.logs ?? new Map<string, number>() };
  return { volumes: local?.volumes ?? new Map(), containers };
}
