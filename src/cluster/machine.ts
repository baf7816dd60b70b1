// This machine as a place for containers: its Pod network, a container runtime, and the images that are always there.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { pauseImage, ensureBaseImages } from '../runtime/containerd/images/base-images.ts';
import { importImages } from '../runtime/containerd/images/import-images.ts';
import { startPrivateContainerd } from '../runtime/containerd/private-containerd.ts';
import type { PodNetwork } from '../network/pod-network/pod-network.ts';
import { createCriRuntime } from '../runtime/cri/cri-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import { podNetworkOf } from './network-choice.ts';
import { cniFolders } from './requirements.ts';
import type { Settings } from './settings.ts';
import { UserError } from './user-error.ts';

export interface MachineDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Machine {
  readonly network: PodNetwork;
  readonly runtime: Runtime;
  /** `unix:///…` */
  readonly endpoint: string;
  /** `containerd 1.6.20` */
  readonly runtimeName: string;
}

/** Resolves once Pods can be made. A private containerd is stopped with the crew; its containers run on. */
export async function startMachine(deps: MachineDeps, signal: AbortSignal): Promise<Machine> {
  const { layout, settings, crew, clock, log } = deps;
  const network = podNetworkOf(layout, settings, log);
  const given = settings.runtimeEndpoint;
  const [endpoint] = await Promise.all([given ? withScheme(given) : startOwn(deps, signal), network.prepare(signal)]);
  const runtime = await createCriRuntime({ endpoint, clock, log: log.named('runtime'), events: 'auto', ...(given ? { owner: settings.id } : {}) }).catch((error: unknown) => {
    throw new UserError(`the container runtime at ${endpoint} cannot be reached`, given ? 'check --runtime-endpoint, and that it speaks CRI v1' : `read ${layout.containerd}/containerd.log`, { cause: error });
  });
  crew.atEnd('runtime', () => runtime.close());
  if (!given) await ensureBaseImages({ runtime, load: (archive, end) => importImages(endpoint, archive, end), dataDir: layout.images, clock, log: log.named('images') }, signal);
  const { name, version } = await runtime.version(signal);
  return { network, runtime, endpoint, runtimeName: `${name} ${version.split('~')[0]}` };
}

async function startOwn({ layout, crew, clock, log }: MachineDeps, signal: AbortSignal): Promise<string> {
  const containerd = await startPrivateContainerd(containerdOptions(layout, clock, log), signal);
  crew.atEnd('containerd', () => containerd.stop());
  return containerd.endpoint;
}

export function containerdOptions(layout: Layout, clock: Clock, log: Log) {
  return { dataDir: layout.containerd, cniConfDir: join(layout.network, 'net.d'), cniBinDirs: cniFolders, pauseImage, clock, log: log.named('containerd') };
}

function withScheme(endpoint: string): string {
  return endpoint.startsWith('/') ? `unix://${endpoint}` : endpoint;
}
