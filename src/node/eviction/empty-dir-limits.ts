// Evicts Pods whose emptyDirs on disk hold more than their sizeLimit. Only volumes with a limit are ever measured. Those in
// memory need no watching: their file system ends at the limit.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';
import type { NodeWorld } from '../node-settings.ts';
import { podText } from '../pod/containers.ts';
import type { Pods } from '../pods.ts';
import { wholeUnits } from '../spec/quantities.ts';

/** As often as the kubelet looks. A measurement that takes long is followed by a rest twenty times as long. */
const everyMs = 10_000;
const restPerWork = 20;
/** As the kubelet gives: the Pod is over its own limit. */
const graceSeconds = 1;

export interface DirectoryLimit {
  readonly volume: string;
  readonly bytes: number;
  readonly text: string;
}

export function directoryLimits({ spec }: Pod): DirectoryLimit[] {
  return (spec.volumes ?? []).flatMap(({ name, emptyDir }) => {
    const bytes = emptyDir && !emptyDir.medium ? wholeUnits(emptyDir.sizeLimit) : 0;
    return bytes > 0 ? [{ volume: name, bytes, text: emptyDir!.sizeLimit! }] : [];
  });
}

export function exceededMessage({ volume, text }: DirectoryLimit): string {
  return `Usage of EmptyDir volume ${JSON.stringify(volume)} exceeds the limit ${JSON.stringify(text)}. `;
}

/** Until the signal ends. */
export async function keepEmptyDirLimits(world: NodeWorld, pods: Pods, signal: AbortSignal): Promise<void> {
  const { clock, dirs, events, log } = world;
  for (let waitMs = everyMs; !signal.aborted; ) {
    await clock.sleep(waitMs, signal).catch(() => {});
    const beganMs = clock.monotonicMs();
    for (const worker of pods.all) {
      if (signal.aborted) return;
      const { pod, uid } = worker;
      if (worker.phase !== 'syncing') continue;
      for (const limit of directoryLimits(pod)) {
        const used = await diskUsage(join(dirs.pods, uid, 'volumes', 'kubernetes.io~empty-dir', limit.volume), signal);
        if (used === undefined || used <= limit.bytes) continue;
        const message = exceededMessage(limit);
        log.info('evicting a pod', { pod: podText(pod), volume: limit.volume, used });
        events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', 'Evicted', message);
        worker.fail({ reason: 'Evicted', message }, graceSeconds);
        break;
      }
    }
    waitMs = Math.max(everyMs, (clock.monotonicMs() - beganMs) * restPerWork);
  }
}

/** Bytes on disk, counted outside our process and only on the volume's own file system. Undefined when there is nothing to count. */
function diskUsage(directory: string, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    // Files that go meanwhile make it complain and count on.
    execFile('du', ['-skx', directory], { signal }, (_error, stdout) => {
      const kibibytes = /^(\d+)\s/.exec(stdout)?.[1];
      resolve(kibibytes === undefined ? undefined : Number(kibibytes) * 1024);
    });
  });
}
