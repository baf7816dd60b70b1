// Which container runtime a cluster uses, and reaching it: to run Pods, to tear down, or to look at images.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { importImages } from '../runtime/containerd/images/import-images.ts';
import { pauseImage } from '../runtime/containerd/images/base-images.ts';
import type { CallsUnderWay } from '../runtime/cri/calls.ts';
import { createCriRuntime } from '../runtime/cri/cri-runtime.ts';
import type { DockerRuntime } from '../runtime/docker/docker-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';

export type RuntimeKind = 'containerd' | 'docker';

export const dockerEndpoint = 'unix:///var/run/docker.sock';

export interface RuntimeAccess {
  readonly kind: RuntimeKind;
  /** `unix:///…` */
  readonly endpoint: string;
  /** The cluster's id; absent: the runtime is the cluster's own, and all in it is its. */
  readonly owner?: string;
  /** Of a private containerd. */
  readonly calls?: CallsUnderWay;
  readonly clock: Clock;
  readonly log: Log;
}

export type OpenRuntime = Runtime & { loadImages(archive: string, signal: AbortSignal): Promise<readonly string[]> };

/** Throws RuntimeError `unavailable` when it cannot be reached. */
export async function openRuntime(access: RuntimeAccess): Promise<OpenRuntime> {
  if (access.kind === 'docker') return openDocker(access, { writesLogs: false });
  const runtime = await createCriRuntime({ ...access, events: 'auto' });
  return { ...runtime, loadImages: (archive, signal) => importImages(access.endpoint, archive, signal) };
}

/** `writesLogs`: only for the one process that runs the cluster. */
export async function openDocker({ endpoint, owner = '', clock, log }: RuntimeAccess, { writesLogs }: { writesLogs: boolean }): Promise<DockerRuntime> {
  // Loaded only where it is used.
  const { createDockerRuntime } = await import('../runtime/docker/docker-runtime.ts');
  return createDockerRuntime({ endpoint, clock, log, owner, network: `peapod-${owner}`, pauseImage, writesLogs });
}
