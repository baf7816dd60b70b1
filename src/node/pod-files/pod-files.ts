// What a node keeps in files for its Pods, and reads from them: volumes, logs, hosts files, termination messages. The one
// seam between the agent and the machine's file system; a simulated node has nothing there.
import type { LogOptions } from '../../api/node-service.ts';
import type { Pod } from '../../api/types.ts';
import type { ContainerSpec, ContainerState, Mount, Runtime } from '../../runtime/runtime.ts';
import type { DiskUnit, LocalUse } from '../eviction/local-use.ts';
import type { LogSource } from '../logs/read-log.ts';
import type { NodeDirs, NodeWorld } from '../node-settings.ts';
import type { PodContainer } from '../pod/containers.ts';
import type { Pods } from '../pods.ts';
import type { DnsSettings } from '../spec/names.ts';
import type { PreparedVolumes } from '../volumes/pod-volumes.ts';
import type { PreparedVolume, VolumeWorld } from '../volumes/volume-kind.ts';

/** What a container gets of the node's files. */
export interface ContainerFiles {
  readonly mounts: readonly Mount[];
  readonly devices: ContainerSpec['devices'];
  readonly terminationFile: string | undefined;
  /** Beside those that every container has. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerFilesAsked {
  readonly podDir: string;
  readonly pod: Pod;
  readonly container: PodContainer;
  readonly podIPs: readonly string[];
  readonly volumes: () => Promise<PreparedVolumes>;
  readonly environment: () => Promise<ReadonlyMap<string, string>>;
}

export interface PodFiles {
  /** At the agent's start. */
  makeDirectories(dirs: NodeDirs): void;
  /** UIDs that have something in `dirs.pods`. */
  podUids(dirs: NodeDirs): Promise<readonly string[]>;
  /** Directories of logs, by the Pod's UID. */
  logDirectories(dirs: NodeDirs): Promise<ReadonlyMap<string, string>>;
  /** The node's own resolver. */
  dns(): DnsSettings;
  makeLogDirectory(path: string): Promise<void>;
  removeLogDirectory(path: string): Promise<void>;
  /** `made`: places that were made once for the Pod, which it fills. Throws VolumeError. */
  prepareVolumes(podDir: string, world: VolumeWorld, made: Map<string, PreparedVolume>, signal: AbortSignal): Promise<PreparedVolumes>;
  /** Throws what its questions throw, and ConfigError. */
  containerFiles(asked: ContainerFilesAsked, world: NodeWorld, signal: AbortSignal): Promise<ContainerFiles>;
  /** All that the Pod had but its logs. Idempotent. */
  removePodDirectory(podDir: string, runtime: Pick<Runtime, 'volumes'>, signal: AbortSignal): Promise<void>;
  terminationMessage(state: ContainerState): Promise<string>;
  readLog(state: ContainerState, source: LogSource, options: LogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Where the agent notes who pulled what; undefined: it only remembers. */
  pullRecords(dirs: NodeDirs): string | undefined;
  /** What lies on the node's disk beside containers' own layers, by UID. Absent: there is no disk. */
  localUse?(dirs: NodeDirs, pods: readonly Pod[], unit: DiskUnit, signal: AbortSignal): Promise<ReadonlyMap<string, LocalUse>>;
  /** Logs, until the signal ends or there is nothing to do. */
  keepBounded(world: NodeWorld, pods: Pods, signal: AbortSignal): Promise<void>;
}
