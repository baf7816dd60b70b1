// What Peapod asks of a container runtime: sandboxes, containers and images. It knows no Pods; a Pod's identity is
// labels on what it makes. `cri/` (containerd, CRI-O), `docker/` and `simulated/` hold it. Stopping and removing are
// idempotent: what is absent counts as stopped and removed.
import type { Readable, Writable } from 'node:stream';

/** Whose sandbox or container this is; kept by the runtime as labels (io.kubernetes.pod.uid …). */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export type NamespaceMode = 'pod' | 'node' | 'container';

export interface SandboxSpec {
  readonly pod: PodIdentity;
  /** Which try this is for the Pod's UID; each new sandbox of a Pod counts up from 0. */
  readonly attempt: number;
  readonly hostname: string;
  /** Absolute directory for the containers' log files; exists. */
  readonly logDirectory: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Absolute path in the cgroup hierarchy under which the Pod's cgroups are made; the parent exists. */
  readonly cgroupParent: string;
  /** Which of its runtimes runs the Pod; absent: the default one. One that is not there is an error of startSandbox. */
  readonly handler?: string;
  readonly network: 'pod' | 'node';
  readonly ipc: 'pod' | 'node';
  /** `pod`: one PID namespace for all containers of the sandbox; `container`: one each; `node`: the machine's. */
  readonly pid: NamespaceMode;
  readonly privileged: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly dns: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] };
  readonly portMappings: readonly { readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly containerPort: number; readonly hostPort: number; readonly hostIP: string }[];
  readonly security: { readonly runAsUser?: number; readonly runAsGroup?: number; readonly supplementalGroups: readonly number[]; readonly supplementalGroupsStrict?: boolean; readonly seccomp?: SeccompProfile };
}

export type SeccompProfile = { readonly type: 'RuntimeDefault' } | { readonly type: 'Unconfined' } | { readonly type: 'Localhost'; readonly path: string };

export type AppArmorProfile = { readonly type: 'RuntimeDefault' } | { readonly type: 'Unconfined' } | { readonly type: 'Localhost'; readonly name: string };

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation: 'None' | 'HostToContainer' | 'Bidirectional';
  /** Also what is mounted below is read-only. Only where the runtime can. */
  readonly recursiveReadOnly?: boolean;
  /** Instead of a place of the node, the files of this image (`native` image volumes), or of `hostPath` inside it. */
  readonly imageId?: string;
}

export interface VolumeFeatures {
  readonly recursiveReadOnly: boolean;
  /** `mounted`: `mountImage` makes it a directory of the node. `native`: a Mount may name an image. Undefined: there is no way. */
  readonly images: 'mounted' | 'native' | undefined;
}

/** What only some Pods ask of a runtime for their volumes; asked when one does. */
export interface RuntimeVolumes {
  features(signal: AbortSignal): Promise<VolumeFeatures>;
  /** Mounts an image's files, read-only, at `target` on the node. `key` names what is kept for it. Idempotent but for the mount. */
  mountImage(imageId: string, key: string, target: string, signal: AbortSignal): Promise<void>;
  /** After it was unmounted. Idempotent. */
  releaseImage(key: string, signal: AbortSignal): Promise<void>;
}

export interface LinuxResources {
  readonly cpuShares?: number;
  /** CFS quota in µs per period; -1 or undefined: no limit. */
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  /** Bytes; 0 or undefined: no limit. */
  readonly memoryLimitBytes?: number;
  readonly oomScoreAdj?: number;
  /** cgroup v2 entries written as they are, e.g. memory.high. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface ContainerSpec {
  readonly pod: PodIdentity;
  readonly name: string;
  /** Counts the container's restarts; part of its identity. */
  readonly attempt: number;
  /** What `pullImage` or `imageStatus` gave as id. */
  readonly imageId: string;
  /** The image as the Pod names it. */
  readonly image: string;
  /** Replaces the image's ENTRYPOINT when not empty. */
  readonly command: readonly string[];
  /** Replaces the image's CMD when not empty. */
  readonly args: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly { readonly hostPath: string; readonly containerPath: string; readonly permissions: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Relative to the sandbox's logDirectory. The log is written in the CRI format: `time stream P|F text`. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: LinuxResources;
  readonly security: {
    readonly privileged: boolean;
    readonly runAsUser?: number;
    readonly runAsUserName?: string;
    readonly runAsGroup?: number;
    readonly supplementalGroups: readonly number[];
    /** Without the groups that the image's /etc/group gives the user; only where the runtime has that feature. */
    readonly supplementalGroupsStrict?: boolean;
    readonly addCapabilities: readonly string[];
    readonly dropCapabilities: readonly string[];
    readonly readOnlyRootfs: boolean;
    readonly noNewPrivileges: boolean;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly seccomp?: SeccompProfile;
    /** Absent: the runtime's own where the kernel has AppArmor. */
    readonly appArmor?: AppArmorProfile;
    readonly pid: NamespaceMode | { readonly targetContainerId: string };
  };
  readonly stopSignal?: string;
}

export interface SandboxState {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAtMs: number;
  /** The Pod's addresses, the primary first; empty on the node's network. */
  readonly ips: readonly string[];
  readonly network: 'pod' | 'node';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerState {
  readonly id: string;
  readonly sandboxId: string;
  readonly pod: PodIdentity;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  /** Wall times in ms since the epoch; 0 when it has not come to that. */
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** Only from runtimes that tell it. */
  readonly signal?: number;
  /** As whom its first process runs, and the signal that ends it; only from runtimes that tell them. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  readonly stopSignal?: string;
  /** The runtime's word: Completed, Error, OOMKilled, ContainerCannotRun … */
  readonly reason: string;
  readonly message: string;
  /** The image as it was asked for. */
  readonly image: string;
  /** Digest reference, as status.containerStatuses[].imageID shows it. */
  readonly imageRef: string;
  /** Absolute. */
  readonly logPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** All that the runtime has of one Pod, newest first by attempt and creation. */
export interface Observation {
  readonly sandboxes: readonly SandboxState[];
  readonly containers: readonly ContainerState[];
}

/** A hint to look again. `resync`: events may have been lost (reconnect, overflow): look at everything. */
export type RuntimeEvent =
  | { readonly type: 'started' | 'exited' | 'oom' | 'removed'; readonly podUid?: string; readonly id: string }
  | { readonly type: 'resync' };

export interface ImageInfo {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** The image's user, for runAsNonRoot: a number, or a name the node cannot resolve. */
  readonly uid?: number;
  readonly userName?: string;
  readonly pinned: boolean;
}

export interface ImageAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

export interface ExecStreams {
  /** Absent: no standard input. Its end closes the process' standard input. */
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  /** Absent, and ignored, when `tty`: a terminal has one output. */
  readonly stderr?: Writable;
  readonly tty: boolean;
  readonly resize?: AsyncIterable<TerminalSize>;
}

export interface ContainerStats {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly name: string;
  readonly wallMs: number;
  readonly cpuNanoseconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly filesystemBytes: number;
  readonly filesystemInodes: number;
}

export interface ExecOutput {
  readonly exitCode: number;
  /** What the command wrote, standard output and error together; cut by the runtime when it is long. */
  readonly output: string;
}

export interface RuntimeVersion {
  /** `containerd`, `cri-o`, `docker`, `simulated`. */
  readonly name: string;
  readonly version: string;
}

/** What not every runtime can. */
export interface RuntimeFeatures {
  /** Honours `supplementalGroupsStrict`. */
  readonly supplementalGroupsPolicy: boolean;
}

/** How a container is that is not asked over a network: it refuses connections, answers, or answers that it is not well. */
export type Health = 'starting' | 'well' | 'ill';

export interface Runtime {
  version(signal: AbortSignal): Promise<RuntimeVersion>;
  features(signal: AbortSignal): Promise<RuntimeFeatures>;
  /** Undefined when sandboxes with a network can be made; else why not, in the runtime's words. */
  notReady(signal: AbortSignal): Promise<string | undefined>;
  observe(podUid: string, signal: AbortSignal): Promise<Observation>;
  /** Every Pod the runtime has anything of, by UID. */
  observeAll(signal: AbortSignal): Promise<ReadonlyMap<string, Observation>>;
  /** Never ends by itself: reconnects, and says `resync` whenever something may have been missed, first of all at its start. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  /** Resolves with the image's id. */
  pullImage(reference: string, auth: ImageAuth | undefined, signal: AbortSignal): Promise<string>;
  imageStatus(reference: string, signal: AbortSignal): Promise<ImageInfo | undefined>;
  listImages(signal: AbortSignal): Promise<readonly ImageInfo[]>;
  removeImage(reference: string, signal: AbortSignal): Promise<void>;
  /** A directory on the file system that holds the images. */
  imageFilesystem(signal: AbortSignal): Promise<string>;

  /** Makes and starts the sandbox with its network; resolves with its id. */
  startSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<string>;
  /** Stops the sandbox, its containers and its network. */
  stopSandbox(id: string, signal: AbortSignal): Promise<void>;
  /** Also removes its containers. */
  removeSandbox(id: string, signal: AbortSignal): Promise<void>;

  createContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<string>;
  startContainer(id: string, signal: AbortSignal): Promise<void>;
  /** The stop signal, and SIGKILL after `graceMs`; resolves once the process has ended. A second call with a shorter grace shortens. */
  stopContainer(id: string, graceMs: number, signal: AbortSignal): Promise<void>;
  removeContainer(id: string, signal: AbortSignal): Promise<void>;
  updateContainerResources(id: string, resources: LinuxResources, signal: AbortSignal): Promise<void>;
  /** Makes the container's log file anew after the old one was renamed. */
  reopenLog(id: string, signal: AbortSignal): Promise<void>;
  containerStats(signal: AbortSignal): Promise<readonly ContainerStats[]>;

  /** Runs `command` in the container; resolves with its exit code. Aborting ends our watching and its streams. */
  exec(id: string, command: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number>;
  /**
   * Runs a short command without input and collects its output: for probes and hooks, in one call to the runtime. Ends the
   * command after `timeoutMs` and then throws RuntimeError `timeout`.
   */
  execSync(id: string, command: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<ExecOutput>;
  /** Joins the streams of the container's main process until it ends or the client leaves. */
  attach(id: string, streams: ExecStreams, signal: AbortSignal): Promise<void>;
  /** Joins `stream` with a TCP port inside the sandbox's network. */
  portForward(sandboxId: string, port: number, stream: import('node:stream').Duplex, signal: AbortSignal): Promise<void>;
  /** A process of the node's that is in the sandbox's network. Throws RuntimeError when there is none. Absent: there is no network. */
  networkProcess?(sandboxId: string, signal: AbortSignal): Promise<number>;
  /** Absent: as a runtime that has none of it. */
  readonly volumes?: RuntimeVolumes;
  /** Where containers have no network: what probes and hooks over HTTP, TCP and gRPC find. Undefined: the container does not run. */
  health?(id: string): Health | undefined;
  close(): Promise<void>;
}

/** An error of the runtime with what the node must tell apart. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `not-found`: no such sandbox, container or image. `unavailable`: the runtime is down or the call was cut. `timeout`: of `execSync`. */
export type RuntimeErrorCode = 'not-found' | 'already-exists' | 'unavailable' | 'invalid-image' | 'pull-failed' | 'timeout' | 'failed';
