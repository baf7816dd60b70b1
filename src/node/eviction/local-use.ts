// What Pods have on the node's disk beside what their containers write into their own layers: local volumes, and logs.
// Counted outside our process, and only on the node's own file system.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';
import type { NodeDirs } from '../node-settings.ts';
import { logDirectoryOf } from '../carry-out/start-sandbox.ts';
import { containersOf } from '../pod/containers.ts';

export type DiskUnit = 'bytes' | 'inodes';

export interface LocalUse {
  /** By the volume's name. */
  readonly volumes: ReadonlyMap<string, number>;
  /** By the container's name. */
  readonly logs: ReadonlyMap<string, number>;
}

/** By UID. What is not there counts nothing. */
export async function localUse(dirs: NodeDirs, pods: readonly Pod[], unit: DiskUnit, signal: AbortSignal): Promise<ReadonlyMap<string, LocalUse>> {
  const places = new Map(pods.map((pod) => [pod.metadata.uid, { volumes: volumePlaces(dirs, pod), logs: logPlaces(dirs, pod) }]));
  const all = [...places.values()].flatMap(({ volumes, logs }) => [...volumes.values(), ...logs.values()]);
  const used = await diskUse(all, unit, signal);
  const counted = (from: ReadonlyMap<string, string>) => new Map([...from].flatMap(([name, path]): [string, number][] => (used.has(path) ? [[name, used.get(path)!]] : [])));
  return new Map([...places].map(([uid, { volumes, logs }]) => [uid, { volumes: counted(volumes), logs: counted(logs) }]));
}

/** Those that end with the Pod and are not in memory. */
function volumePlaces({ pods }: NodeDirs, { metadata, spec }: Pod): Map<string, string> {
  return new Map((spec.volumes ?? []).flatMap(({ name, emptyDir, configMap, downwardAPI }): [string, string][] => {
    const kind = emptyDir ? (emptyDir.medium ? undefined : 'empty-dir') : configMap ? 'config-map' : downwardAPI ? 'downward-a-p-i' : undefined;
    return kind === undefined ? [] : [[name, join(pods, metadata.uid, 'volumes', `kubernetes.io~${kind}`, name)]];
  }));
}

function logPlaces(dirs: NodeDirs, pod: Pod): Map<string, string> {
  const directory = logDirectoryOf({ dirs }, pod);
  return new Map(containersOf(pod).all.map(({ name }) => [name, join(directory, name)]));
}

/** So many paths fit into one command. */
const pathsAtOnce = 500;

async function diskUse(paths: readonly string[], unit: DiskUnit, signal: AbortSignal): Promise<Map<string, number>> {
  const used = new Map<string, number>();
  for (let at = 0; at < paths.length; at += pathsAtOnce) {
    const text = await new Promise<string>((resolve) => {
      // Files that go meanwhile, and paths that are not there, make it complain and count on.
      execFile('du', [...(unit === 'bytes' ? ['-skx'] : ['-sx', '--inodes']), '--', ...paths.slice(at, at + pathsAtOnce)], { signal, maxBuffer: 1 << 24 }, (_error, stdout) => resolve(stdout));
    });
    for (const line of text.split('\n')) {
      const [count = '', path] = line.split('\t');
      if (path !== undefined) used.set(path, Number(count) * (unit === 'bytes' ? 1024 : 1));
    }
  }
  return used;
}
