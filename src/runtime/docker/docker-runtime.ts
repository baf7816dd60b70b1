// A container runtime that is Docker Engine, spoken to through its unix socket.
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { socketPathOf } from '../cri/connection.ts';
import { RuntimeError, type Runtime } from '../runtime.ts';
import { connectDocker, type EngineVersion } from './connection.ts';
import { createContainerVerbs } from './containers.ts';
import { engineEvents } from './events.ts';
import { createExecVerbs } from './exec.ts';
import { createImageVerbs } from './images.ts';
import { LogWriters } from './logs.ts';
import { ensureNetwork, hasNetwork, removeNetwork, whyUnfit, type EngineNetwork } from './network.ts';
import { createObserver } from './observe.ts';
import { createSandboxVerbs } from './sandboxes.ts';

export interface DockerRuntimeOptions {
  /** `unix:///…` or a path. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Only what bears this label is ours: an engine has other users. */
  readonly owner: string;
  /** Name of the engine's network for Pods. */
  readonly network: string;
  readonly pauseImage: string;
  /** Whether this process writes the containers' logs; one of a cluster does. */
  readonly writesLogs: boolean;
}

/** What an engine can besides a Runtime's verbs. */
export interface DockerRuntime extends Runtime {
  loadImages(archive: string, signal: AbortSignal): Promise<readonly string[]>;
  ensureNetwork(network: Omit<EngineNetwork, 'name' | 'owner'>, signal: AbortSignal): Promise<void>;
  removeNetwork(signal: AbortSignal): Promise<void>;
  /** Why Pods cannot run on this engine; undefined when they can. */
  whyUnfit(signal: AbortSignal): Promise<string | undefined>;
}

/** Resolves once the engine has told its version; throws RuntimeError `unavailable` when it cannot be reached. */
export async function createDockerRuntime(options: DockerRuntimeOptions): Promise<DockerRuntime> {
  const { clock, log, owner, network, pauseImage } = options;
  const docker = await connectDocker(socketPathOf(options.endpoint), new AbortController().signal);
  const logs = options.writesLogs ? new LogWriters(docker, clock, log) : undefined;
  const observer = createObserver({ docker, owner, logs });
  const forget = (id: string) => {
    observer.forget(id);
    logs?.forget(id);
  };
  const { keptOf, ...sandboxes } = createSandboxVerbs({ docker, owner, pauseImage, network, clock }, forget);
  return {
    async version(signal) {
      const { Version: version } = await docker.call<EngineVersion>('GET', '/version', undefined, signal);
      return { name: 'docker', version };
    },
    features: async () => ({ supplementalGroupsPolicy: false }),
    async notReady(signal) {
      try {
        if (await hasNetwork(docker, network, signal)) return undefined;
        return `container runtime network not ready: NetworkReady=false reason:DockerNetworkMissing message:there is no network ${network}`;
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        return `container runtime not ready: RuntimeReady=false reason:DockerDaemonNotReady message:${error.message}`;
      }
    },
    observe: observer.observe,
    observeAll: observer.observeAll,
    events: (signal) => engineEvents(docker, owner, observer.ended, clock, log, signal),
    ...createImageVerbs(docker, pauseImage),
    ...sandboxes,
    ...createContainerVerbs({ docker, owner, logs, clock }, keptOf, forget),
    ...createExecVerbs(docker, clock),
    volumes: {
      async features(signal) {
        const { Version: version } = await docker.call<EngineVersion>('GET', '/version', undefined, signal);
        const major = Number(version.split('.')[0]);
        return { recursiveReadOnly: major >= 25, images: major >= 28 ? 'native' : undefined };
      },
      mountImage: () => Promise.reject(new RuntimeError('failed', 'Docker mounts images itself')),
      async releaseImage() {},
    },
    ensureNetwork: (plan, signal) => ensureNetwork(docker, { ...plan, name: network, owner }, signal),
    removeNetwork: (signal) => removeNetwork(docker, network, signal),
    whyUnfit: (signal) => whyUnfit(docker, signal),
    async close() {
      await logs?.close();
      docker.close();
    },
  };
}
