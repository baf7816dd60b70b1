// What a Pod may put on the node's disk, and whether it has put more: emptyDirs with a sizeLimit, and the ephemeral-storage limits
// of its containers and of itself. Pure. Volumes in memory need no watching: their file system ends at the limit.
import { podLimits } from '../../api/kinds/pod/resources.ts';
import { canonicalQuantity } from '../../api/quantity.ts';
import type { Pod } from '../../api/types.ts';
import { wholeUnits } from '../spec/quantities.ts';
import { amountText } from './signals.ts';

export interface DirectoryLimit {
  readonly volume: string;
  readonly bytes: number;
  readonly text: string;
}

/** In bytes. */
export interface LocalBytes {
  readonly volumes: ReadonlyMap<string, number>;
  /** What each container has written beside its volumes, and its logs. */
  readonly containers: ReadonlyMap<string, number>;
}

export function directoryLimits({ spec }: Pod): DirectoryLimit[] {
  return (spec.volumes ?? []).flatMap(({ name, emptyDir }) => {
    const bytes = emptyDir && !emptyDir.medium ? wholeUnits(emptyDir.sizeLimit) : 0;
    return bytes > 0 ? [{ volume: name, bytes, text: emptyDir!.sizeLimit! }] : [];
  });
}

/** Whether what the containers write is limited, so that they must be asked for it. */
export function limitsContainers(pod: Pod): boolean {
  return podLimits(pod)['ephemeral-storage'] !== undefined;
}

/** Why the Pod must go; undefined: it keeps within its limits. */
export function overLocalLimit(pod: Pod, used: LocalBytes): string | undefined {
  const directory = directoryLimits(pod).find(({ volume, bytes }) => (used.volumes.get(volume) ?? 0) > bytes);
  if (directory) return `Usage of EmptyDir volume ${JSON.stringify(directory.volume)} exceeds the limit ${JSON.stringify(directory.text)}. `;
  // Also where only some containers are limited, as upstream has it.
  const total = podLimits(pod)['ephemeral-storage'];
  if (total === undefined) return undefined;
  const sum = [...used.volumes.values(), ...used.containers.values()].reduce((bytes, more) => bytes + more, 0);
  if (sum > total) return `Pod ephemeral local storage usage exceeds the total limit of containers ${amountText(total, 'ephemeral-storage')}. `;
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.['ephemeral-storage'];
    if (limit !== undefined && (used.containers.get(name) ?? 0) > wholeUnits(limit)) return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(canonicalQuantity(limit))}. `;
  }
  return undefined;
}
