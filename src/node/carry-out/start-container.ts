// Starts one container: image, configuration, volumes; create, start, postStart. What it needs is looked for in parallel.
import type { Pod, Service } from '../../api/types.ts';
import type { ContainerState, ImageInfo, SandboxState } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import { abortable } from '../pod/abortable.ts';
import type { PodContainer } from '../pod/containers.ts';
import type { PodReferences } from '../references/references.ts';
import { containerSpec } from '../spec/container-spec.ts';
import { environmentOf, environmentReferences, type EnvironmentSources } from '../spec/environment.ts';
import type { PreparedVolumes } from '../volumes/pod-volumes.ts';

export interface ContainerStart {
  readonly pod: Pod;
  readonly container: PodContainer;
  readonly sandbox: SandboxState;
  readonly attempt: number;
  /** A container that was made but never started, and stands in the way. */
  readonly replaces?: string;
  readonly podDir: string;
  readonly cgroupVersion: 1 | 2 | undefined;
  readonly references: PodReferences;
  readonly image: () => Promise<ImageInfo>;
  readonly volumes: () => Promise<PreparedVolumes>;
  readonly services: () => Promise<readonly Service[]>;
  /** The container whose processes an ephemeral one is to see. */
  readonly target?: ContainerState;
}

/** A call of the runtime failed; `reason` is what the container waits with. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: 'CreateContainerError' | 'RunContainerError';
  constructor(reason: StartError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Resolves with the id once the container runs; its hook is still to come. Throws ImageError, ConfigError, VolumeError, StartError. */
export async function startContainer(world: NodeWorld, start: ContainerStart, signal: AbortSignal): Promise<string> {
  const { runtime, events } = world;
  const { pod, container, sandbox, podDir } = start;
  const tell = (reason: string, message: string) => events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Normal', reason, message, container.fieldPath);

  if (start.replaces) await runtime.removeContainer(start.replaces, signal);
  const variables = environmentFor(world, start, signal);
  const [image, environment, files] = await Promise.all([
    start.image(),
    variables,
    world.files.containerFiles({ podDir, pod, container, podIPs: sandbox.ips, volumes: start.volumes, environment: () => variables }, world, signal),
    world.beforeContainers && attempting('CreateContainerError', async () => world.beforeContainers!(pod, sandbox, signal)),
  ]);
  const spec = containerSpec(pod, container, {
    attempt: start.attempt,
    image,
    environment,
    mounts: files.mounts,
    devices: files.devices,
    terminationFile: files.terminationFile,
    annotations: files.annotations,
    memoryCapacityBytes: world.machine.memoryBytes,
    cgroupVersion: start.cgroupVersion,
    seccompRoot: world.dirs.seccomp,
    targetContainerId: start.target?.id,
  });

  const id = await attempting('CreateContainerError', () => runtime.createContainer(sandbox.id, spec, signal));
  tell('Created', `Created container: ${container.name}`);
  await attempting('RunContainerError', () => runtime.startContainer(id, signal));
  tell('Started', `Started container ${container.name}`);
  return id;

  async function attempting<T>(reason: StartError['reason'], call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted) throw error;
      throw new StartError(reason, (error as Error).message, { cause: error });
    }
  }
}

async function environmentFor(world: NodeWorld, { pod, container, sandbox, references, services }: ContainerStart, signal: AbortSignal): Promise<Map<string, string>> {
  const names = environmentReferences(container.spec);
  const load = async <T>(wanted: ReadonlySet<string>, get: (name: string) => Promise<T | undefined>) =>
    new Map(await abortable(Promise.all([...wanted].map(async (name) => [name, await get(name)] as const)), signal));
  const [configMaps, secrets, known] = await Promise.all([load(names.configMaps, references.configMap), load(names.secrets, references.secret), abortable(services(), signal)]);
  const sources: EnvironmentSources = {
    configMap: (name) => configMaps.get(name),
    secret: (name) => secrets.get(name),
    services: known,
    facts: { podIPs: pod.spec.hostNetwork ? world.hostIPs : sandbox.ips, hostIPs: world.hostIPs },
    allocatable: world.allocatable,
  };
  return environmentOf(pod, container.spec, sources);
}
