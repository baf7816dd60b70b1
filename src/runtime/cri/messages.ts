// The parts of CRI's answers that are read here, as the wire codec gives them.

export interface PodSandboxMetadata { readonly name: string; readonly uid: string; readonly namespace: string; readonly attempt: number }

export interface PodSandbox {
  readonly id: string;
  readonly metadata?: PodSandboxMetadata;
  readonly state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY';
  /** Nanoseconds since the epoch, here and below. */
  readonly created_at: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodSandboxStatus extends PodSandbox {
  readonly network?: { readonly ip: string; readonly additional_ips: readonly { readonly ip: string }[] };
  readonly linux?: { readonly namespaces?: { readonly options?: NamespaceOptions } };
}

export interface NamespaceOptions { readonly network: string; readonly pid: string; readonly ipc: string }

export interface Container {
  readonly id: string;
  readonly pod_sandbox_id: string;
  readonly metadata?: { readonly name: string; readonly attempt: number };
  readonly image?: { readonly image: string };
  readonly image_ref: string;
  readonly state: CriContainerState;
  readonly created_at: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export type CriContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

export interface ContainerStatus extends Omit<Container, 'pod_sandbox_id'> {
  readonly started_at: number;
  readonly finished_at: number;
  readonly exit_code: number;
  readonly reason: string;
  readonly message: string;
  readonly log_path: string;
  readonly user?: { readonly linux?: { readonly uid: number; readonly gid: number; readonly supplemental_groups: readonly number[] } };
  readonly stop_signal?: string;
}

export interface Image {
  readonly id: string;
  readonly repo_tags: readonly string[];
  readonly repo_digests: readonly string[];
  readonly size: number;
  readonly uid?: { readonly value: number };
  readonly username: string;
  readonly pinned: boolean;
}

export interface ContainerStatsMessage {
  readonly attributes?: { readonly id: string; readonly metadata?: { readonly name: string }; readonly labels: Readonly<Record<string, string>> };
  readonly cpu?: { readonly timestamp: number; readonly usage_core_nano_seconds?: { readonly value: number } };
  readonly memory?: { readonly working_set_bytes?: { readonly value: number } };
  readonly writable_layer?: { readonly used_bytes?: { readonly value: number }; readonly inodes_used?: { readonly value: number } };
}
