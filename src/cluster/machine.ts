// This machine as a place for containers: its Pod network, a container runtime, and the images that are always there.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { PodNetwork } from '../network/pod-network/pod-network.ts';
import type { PacketFilter } from '../network/pod-network/rules.ts';
import { pauseImage, ensureBaseImages } from '../runtime/containerd/images/base-images.ts';
import { startPrivateContainerd, type PrivateContainerd } from '../runtime/containerd/private-containerd.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import { podNetworkOf } from './network-choice.ts';
import { packetFilterOf } from './packet-filter.ts';
import { cniFolders } from './requirements.ts';
import { dockerEndpoint, openDocker, openRuntime, type OpenRuntime, type RuntimeAccess } from './runtime-choice.ts';
import type { Settings } from './settings.ts';
import { UserError } from './user-error.ts';

export interface MachineDeps {
  /** Asked for; undefined: what the machine has. */
  readonly proxyMode?: PacketFilter | undefined;
  readonly layout: Layout;
  readonly settings: Settings;
  /** By which other machines reach this one. */
  readonly nodeAddress: string;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Machine {
  readonly network: PodNetwork;
  /** Undefined: the machine has none that we know. */
  readonly filter: PacketFilter | undefined;
  readonly runtime: Runtime;
  /** `unix:///…` */
  readonly endpoint: string;
  /** `containerd 1.6.20` */
  readonly runtimeName: string;
}

/** Resolves once Pods can be made. A private containerd is stopped with the crew; its containers run on. */
export async function startMachine(deps: MachineDeps, signal: AbortSignal): Promise<Machine> {
  const { layout, settings, nodeAddress, proxyMode, crew, clock, log } = deps;
  const filter = packetFilterOf(proxyMode);
  const network = podNetworkOf(layout, settings, log, { filter, nodeAddress });
  const onDocker = settings.runtime === 'docker';
  const given = settings.runtimeEndpoint ?? (onDocker ? dockerEndpoint : undefined);
  const [{ endpoint, calls }] = await Promise.all([given ? { endpoint: withScheme(given), calls: undefined } : startOwn(deps, signal), network.prepare(signal)]);
  const access = { kind: settings.runtime ?? 'containerd', endpoint, clock, log: log.named('runtime'), ...(given ? { owner: settings.id } : {}), ...(calls ? { calls } : {}) } as const;
  const opening = onDocker ? openDockerFor(deps, access, network, signal) : openRuntime(access);
  const runtime = await opening.catch((error: unknown) => {
    if (error instanceof UserError) throw error;
    const remedy = onDocker ? 'start Docker, or install it: apt-get install --no-install-recommends docker.io' : given ? 'check --runtime-endpoint, and that it speaks CRI v1' : `read ${layout.containerd}/containerd.log`;
    throw new UserError(`the container runtime at ${endpoint} cannot be reached`, remedy, { cause: error });
  });
  crew.atEnd('runtime', () => runtime.close());
  // Docker is its user's, but it has no pause image of its own.
  if (!given || onDocker) await ensureBaseImages({ runtime, load: (archive, end) => runtime.loadImages(archive, end), dataDir: layout.images, clock, log: log.named('images') }, signal);
  const { name, version } = await runtime.version(signal);
  return { network, filter, runtime, endpoint, runtimeName: `${name} ${version.split(/[~+]/)[0]}` };
}

/** With the engine's network laid over the cluster's own bridge. */
async function openDockerFor({ settings }: MachineDeps, access: RuntimeAccess, { gateway }: PodNetwork, signal: AbortSignal): Promise<OpenRuntime> {
  const docker = await openDocker(access, { writesLogs: true });
  try {
    const why = await docker.whyUnfit(signal);
    if (why) throw new UserError(`the Docker Engine at ${access.endpoint} cannot run Pods: ${why}`, 'put "exec-opts": ["native.cgroupdriver=cgroupfs"] into /etc/docker/daemon.json and restart Docker');
    await docker.ensureNetwork({ bridge: settings.bridge, podRange: settings.podRange, gateway }, signal);
    return docker;
  } catch (error) {
    await docker.close();
    throw error;
  }
}

async function startOwn({ layout, crew, clock, log }: MachineDeps, signal: AbortSignal): Promise<PrivateContainerd> {
  const containerd = await startPrivateContainerd(containerdOptions(layout, clock, log), signal);
  crew.atEnd('containerd', () => containerd.stop());
  return containerd;
}

export function containerdOptions(layout: Layout, clock: Clock, log: Log) {
  return { dataDir: layout.containerd, cniConfDir: join(layout.network, 'net.d'), cniBinDirs: cniFolders, ipamDir: join(layout.network, 'ipam'), pauseImage, clock, log: log.named('containerd') };
}

function withScheme(endpoint: string): string {
  return endpoint.startsWith('/') ? `unix://${endpoint}` : endpoint;
}
