// A container runtime that speaks CRI v1: containerd or CRI-O.
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Runtime, RuntimeVersion } from '../runtime.ts';
import type { CallsUnderWay } from './calls.ts';
import { connectCri, type CriConnection } from './connection.ts';
import { createContainerVerbs } from './containers.ts';
import { runtimeEvents } from './events.ts';
import { createVolumes } from './image-mounts.ts';
import { createImageVerbs } from './images.ts';
import { Memory } from './memory.ts';
import { createObserver } from './observe.ts';
import { createSandboxVerbs } from './sandboxes.ts';
import { containerStats } from './stats.ts';

export interface CriRuntimeOptions {
  /** `unix:///run/…` or a path. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Where events come from; `auto`: containerd's own where it is containerd, else CRI's. */
  readonly events: 'containerd' | 'cri' | 'auto';
  /** Sets apart what several clusters have in one runtime: only what bears this owner's label is ours. Not needed in a private runtime. */
  readonly owner?: string;
  /** Where calls are noted while they are under way, for who clears up after those that are cut off. */
  readonly calls?: CallsUnderWay;
}

const versionDeadlineMs = 10_000;

/** Resolves once the runtime has told its version; throws RuntimeError `unavailable` when it cannot be reached. */
export async function createCriRuntime(options: CriRuntimeOptions): Promise<Runtime> {
  const { clock, log, owner } = options;
  const cri = connectCri(options.endpoint, clock, options.calls);
  const version = await askVersion(cri, new AbortController().signal).catch((error) => {
    cri.close();
    throw error;
  });
  const memory = new Memory();
  const source = options.events === 'auto' ? (version.name === 'containerd' ? 'containerd' : 'cri') : options.events;
  const { configOf, ...sandboxes } = createSandboxVerbs(cri, memory, owner, clock);
  return {
    version: (signal) => askVersion(cri, signal),
    async features(signal) {
      const { features } = await cri.runtime<{ features?: { supplemental_groups_policy: boolean } }>('Status', {}, signal);
      return { supplementalGroupsPolicy: features?.supplemental_groups_policy ?? false };
    },
    notReady: (signal) => notReady(cri, signal),
    ...createObserver(cri, memory, owner),
    events: (signal) => runtimeEvents(cri, memory, source, clock, log, signal),
    ...createImageVerbs(cri, clock),
    ...sandboxes,
    ...createContainerVerbs(cri, memory, owner, clock, log, configOf),
    volumes: createVolumes(cri, version),
    containerStats: (signal) => containerStats(cri, owner, signal),
    async close() {
      cri.close();
    },
  };
}

async function askVersion(cri: CriConnection, signal: AbortSignal): Promise<RuntimeVersion> {
  const { runtime_name: name, runtime_version: version } = await cri.runtime<{ runtime_name: string; runtime_version: string }>('Version', { version: 'v1' }, signal, versionDeadlineMs);
  return { name, version };
}

interface Condition { readonly type: string; readonly status: boolean; readonly reason: string; readonly message: string }

async function notReady(cri: CriConnection, signal: AbortSignal): Promise<string | undefined> {
  const { status } = await cri.runtime<{ status?: { conditions: Condition[] } }>('Status', {}, signal);
  const wrong = (status?.conditions ?? []).filter((condition) => !condition.status && ['RuntimeReady', 'NetworkReady'].includes(condition.type));
  return wrong.length === 0 ? undefined : wrong.map(({ type, reason, message }) => `container runtime ${type === 'NetworkReady' ? 'network ' : ''}not ready: ${type}=false reason:${reason} message:${message}`).join('; ');
}
