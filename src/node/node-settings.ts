// What a node agent is told at its start, and the small world that its rooms share.
import type { Node, Pod } from '../api/types.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { MetricsText } from '../base/metrics-text.ts';
import type { Random } from '../base/random.ts';
import type { Runtime, RuntimeFeatures, SandboxState } from '../runtime/runtime.ts';
import type { NodePressure } from './eviction/pressure.ts';
import type { EvictionPolicy } from './eviction/policy.ts';
import type { EvictorDeps } from './eviction/evictor.ts';
import type { ImageUses } from './images/collect-images.ts';
import type { DiskReading, ImageGcPolicy } from './images/image-gc.ts';
import type { PullRecords } from './images/pull-records.ts';
import type { PodTimelines } from './timeline/timelines.ts';
import type { Pulls } from './images/pulls.ts';
import type { ShutdownPeriods } from './shutdown/shutdown-groups.ts';
import type { NodeShutdown } from './shutdown/node-shutdown.ts';
import type { PodFiles } from './pod-files/pod-files.ts';
import type { Allocatable } from './spec/downward.ts';
import type { ClusterDns } from './spec/names.ts';

export interface MachineFacts {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly hostname: string;
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
  /** Whether the kernel enforces AppArmor profiles. */
  readonly appArmor?: boolean;
}

export interface Reserved extends Allocatable {
  readonly processes: number;
}

export interface NodeAgentOptions {
  readonly name: string;
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The node's own directory: volumes, logs, hosts files. */
  readonly dataDir: string;
  /** Absolute path in the cgroup hierarchy under which all Pods' cgroups stand, such as `/peapod-1`. */
  readonly cgroupParent: string;
  readonly addresses: readonly { readonly type: 'InternalIP' | 'Hostname' | 'ExternalIP'; readonly address: string }[];
  readonly dns: ClusterDns;
  /** The Kubernetes version that the node reports, such as `v1.36.0`. */
  readonly version: string;
  /** What else of its process is shown at the node's /metrics. */
  readonly moreMetrics?: (text: MetricsText) => void;
  /** How many Pods the node takes. Default 110. */
  readonly podLimit?: number;
  /** Of its Pods; of a node with both families one of each. */
  readonly podCIDRs?: readonly string[];
  /** Where it serves the API server from another process; absent: it is called directly. */
  readonly kubeletPort?: number;
  /** For how long each sign of life holds; it is renewed four times as often. Default 40. */
  readonly leaseSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Measured on this machine when absent. */
  readonly machine?: MachineFacts;
  /** Below it this node makes volumes for claims, as `peapod.dev/local-path`. Absent: it makes none. */
  readonly localVolumes?: string;
  /** How many images are pulled at once; 1: one after the other. Default 5. */
  readonly mostPullsAtOnce?: number;
  /** When images that nobody uses are removed. */
  readonly imageGc?: Partial<ImageGcPolicy>;
  /** What the file system of the images has; measured when absent. */
  readonly imageDisk?: () => Promise<DiskReading>;
  /** Sysctls that Pods may set besides the safe ones: names, or prefixes that end in `*`. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** Where cgroups are: /sys/fs/cgroup; undefined there: none are made (simulated nodes). */
  readonly cgroupRoot?: string | false;
  /** When Pods are evicted for want of memory, disk or processes. Default: as `defaultHard`. */
  readonly eviction?: EvictionPolicy;
  /** What of the machine is not for Pods: --kube-reserved and --system-reserved together. Default: nothing. */
  readonly reserved?: Reserved;
  /** How many processes and threads a Pod may have. Default: no limit. */
  readonly podMaxPids?: number;
  /** What the node has left; read from this machine when absent. */
  readonly readings?: EvictorDeps['readings'];
  /** Those of this machine when absent. */
  readonly files?: PodFiles;
  readonly beforeContainers?: BeforeContainers;
  /** How long the node waits for its Pods when it is shut down; absent: it leaves them running. */
  readonly shutdown?: ShutdownPeriods;
}

/**
 * Waited for before each container of a sandbox starts: what must be in force for its addresses before anything in it runs.
 * Undefined: nothing. What it throws is why the container cannot be made.
 */
export type BeforeContainers = (pod: Pod, sandbox: SandboxState, signal: AbortSignal) => Promise<void> | undefined;

/** What the node's rooms share. Frozen. */
export interface NodeWorld {
  readonly name: string;
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly timelines: PodTimelines;
  readonly dirs: NodeDirs;
  readonly files: PodFiles;
  readonly hostIPs: readonly string[];
  readonly dns: ClusterDns;
  readonly machine: MachineFacts;
  /** What of the machine Pods may reserve. */
  readonly allocatable: Allocatable;
  readonly shutdown: Pick<NodeShutdown, 'notReady' | 'refusal'>;
  readonly pressure: NodePressure;
  readonly podLimit: number;
  /** The Node's metadata as last seen. */
  readonly node: Pick<Node, 'metadata'>;
  readonly pulls: Pulls;
  readonly pullRecords: PullRecords;
  readonly imageUses: ImageUses;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly beforeContainers?: BeforeContainers;
  /** The scheme of container ids in the API: `containerd`. */
  readonly runtimeName: string;
  readonly runtimeFeatures: RuntimeFeatures;
}

export interface NodeDirs {
  /** Below it one directory per Pod UID. */
  readonly pods: string;
  /** Below it one directory per Pod: NAMESPACE_NAME_UID. */
  readonly logs: string;
  readonly seccomp: string;
  /** Who may use which pulled image. */
  readonly imagePulls: string;
}

export function dirsOf(dataDir: string): NodeDirs {
  return { pods: `${dataDir}/pods`, logs: `${dataDir}/logs`, seccomp: `${dataDir}/seccomp`, imagePulls: `${dataDir}/image-pulls` };
}
