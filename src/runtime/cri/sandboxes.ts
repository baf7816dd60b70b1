// The verbs of sandboxes.
import type { Duplex } from 'node:stream';
import { RuntimeError, type SandboxSpec } from '../runtime.ts';
import { keptSandboxConfig, sandboxConfig } from './config.ts';
import type { CriConnection } from './connection.ts';
import type { Memory } from './memory.ts';
import type { PodSandboxStatus } from './messages.ts';
import type { Message } from './wire/protobuf.ts';

/** Making one includes its network; the kubelet grants twice what other calls get. */
const startDeadlineMs = 240_000;

export function createSandboxVerbs(cri: CriConnection, memory: Memory, owner: string | undefined) {
  return {
    async startSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
      const config = sandboxConfig(spec, owner);
      const { pod_sandbox_id: id } = await cri.runtime<{ pod_sandbox_id: string }>('RunPodSandbox', { config }, signal, startDeadlineMs);
      memory.learn(spec.pod.uid, 'sandboxes', id);
      memory.configs.set(id, config);
      return id;
    },
    async stopSandbox(id: string, signal: AbortSignal): Promise<void> {
      await unlessGone(cri.runtime('StopPodSandbox', { pod_sandbox_id: id }, signal, startDeadlineMs));
    },
    async removeSandbox(id: string, signal: AbortSignal): Promise<void> {
      await unlessGone(cri.runtime('RemovePodSandbox', { pod_sandbox_id: id }, signal, startDeadlineMs));
      memory.forget(id);
    },
    async portForward(id: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
      const { url } = await cri.runtime<{ url: string }>('PortForward', { pod_sandbox_id: id, port: [port] }, signal);
      const { streamPortForward } = await import('./streaming.ts');
      await streamPortForward(url, port, stream, signal);
    },
    /** The PodSandboxConfig that a container of this sandbox is created with. */
    async configOf(id: string, signal: AbortSignal): Promise<Message> {
      const known = memory.configs.get(id);
      if (known) return known;
      const { status } = await cri.runtime<{ status?: PodSandboxStatus }>('PodSandboxStatus', { pod_sandbox_id: id }, signal);
      if (!status) throw new RuntimeError('not-found', `sandbox ${id} is not found`);
      const config = keptSandboxConfig(status);
      memory.configs.set(id, config);
      return config;
    },
  };
}

/** What is absent counts as stopped and removed. */
export async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === 'not-found')) throw error;
  }
}
