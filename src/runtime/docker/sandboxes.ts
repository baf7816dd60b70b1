// The verbs of sandboxes: a sandbox is a container of the pause image, whose namespaces the others join.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { Recent } from '../cri/recent.ts';
import { RuntimeError, type SandboxSpec } from '../runtime.ts';
import { sandboxRequest } from './config.ts';
import { query, type DockerConnection } from './connection.ts';
import { end, remove } from './ending.ts';
import { keptOf, sandboxIdLabel, sandboxLabels, selecting, type KeptSandbox } from './labels.ts';
import type { InspectedContainer, ListedContainer } from './messages.ts';

export interface SandboxDeps {
  readonly docker: DockerConnection;
  readonly owner: string;
  readonly pauseImage: string;
  /** The engine's network that Pods join. */
  readonly network: string;
  readonly clock: Clock;
}

export function createSandboxVerbs({ docker, owner, pauseImage, network, clock }: SandboxDeps, forget: (id: string) => void) {
  const kept = new Recent<KeptSandbox>();
  const inspect = (id: string, signal: AbortSignal) => docker.call<InspectedContainer>('GET', `/containers/${id}/json`, undefined, signal);
  const containersOf = async (id: string, signal: AbortSignal) => {
    const found = await docker.call<ListedContainer[]>('GET', `/containers/json${query({ all: true, filters: selecting({ [sandboxIdLabel]: id }) })}`, undefined, signal);
    return found.map((container) => container.Id);
  };

  return {
    async startSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
      const { namespace, name, uid } = spec.pod;
      const labels = sandboxLabels(spec, owner, Math.floor(clock.wallMs()));
      const path = `/containers/create${query({ name: `k8s_POD_${name}_${namespace}_${uid}_${spec.attempt}` })}`;
      const { Id: id } = await docker.call<{ Id: string }>('POST', path, sandboxRequest(spec, pauseImage, network, labels), signal);
      try {
        await docker.call('POST', `/containers/${id}/start`, undefined, signal);
        // The engine writes a resolver of its own in here; the containers get this same file.
        writeFileSync((await inspect(id, signal)).ResolvConfPath, resolvConf(spec.dns));
      } catch (error) {
        await remove(docker, id, new AbortController().signal).catch(() => {});
        throw error;
      }
      kept.set(id, keptOf<KeptSandbox>(labels));
      return id;
    },
    async stopSandbox(id: string, signal: AbortSignal): Promise<void> {
      await Promise.all((await containersOf(id, signal)).map((container) => end(docker, container, signal)));
      await end(docker, id, signal);
    },
    async removeSandbox(id: string, signal: AbortSignal): Promise<void> {
      for (const one of [...(await containersOf(id, signal)), id]) {
        await remove(docker, one, signal);
        forget(one);
      }
      kept.delete(id);
    },
    /** Through the sandbox' own network, also to what listens on its loopback only. */
    async portForward(id: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
      const { State } = await inspect(id, signal);
      const { forwardPort } = await import('./port-forward.ts');
      await forwardPort(State.Pid, port, stream, signal);
    },
    async networkProcess(id: string, signal: AbortSignal): Promise<number> {
      const { State } = await inspect(id, signal);
      if (State.Pid === 0) throw new RuntimeError('not-found', `sandbox ${id} is not running`);
      return State.Pid;
    },
    async keptOf(id: string, signal: AbortSignal): Promise<KeptSandbox> {
      const known = kept.get(id);
      if (known) return known;
      const found = keptOf<KeptSandbox>((await inspect(id, signal)).Config.Labels);
      kept.set(id, found);
      return found;
    },
  };
}

/** Without any word of it, the node's own. */
function resolvConf({ servers, searches, options }: SandboxSpec['dns']): string {
  if (servers.length + searches.length + options.length === 0) return readFileSync('/etc/resolv.conf', 'utf8');
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ].map((line) => `${line}\n`).join('');
}
