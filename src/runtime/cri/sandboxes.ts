// The verbs of sandboxes.
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { RuntimeError, type SandboxSpec } from '../runtime.ts';
import { keptSandboxConfig, sandboxConfig } from './config.ts';
import type { CriConnection } from './connection.ts';
import type { Memory } from './memory.ts';
import type { PodSandboxStatus } from './messages.ts';
import { patiently } from './patience.ts';
import type { Message } from './wire/protobuf.ts';

/** Making one includes its network; the kubelet grants twice what other calls get. */
const startDeadlineMs = 240_000;

export function createSandboxVerbs(cri: CriConnection, memory: Memory, owner: string | undefined, clock: Clock) {
  return {
    async startSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
      const config = sandboxConfig(spec, owner);
      return memory.ids.whileMaking(async () => {
        try {
          const { pod_sandbox_id: id } = await patiently((late) => cri.runtime<{ pod_sandbox_id: string }>('RunPodSandbox', { config, runtime_handler: spec.handler ?? '' }, late, startDeadlineMs), clock, signal);
          memory.ids.learnSandbox(spec.pod.uid, id);
          memory.configs.set(id, config);
          return id;
        } catch (error) {
          memory.ids.doubt(spec.pod.uid);
          throw error;
        }
      });
    },
    async stopSandbox(id: string, signal: AbortSignal): Promise<void> {
      await unlessGone(() => cri.runtime('StopPodSandbox', { pod_sandbox_id: id }, signal, startDeadlineMs), clock, signal);
      memory.stoppedSandbox(id);
    },
    async removeSandbox(id: string, signal: AbortSignal): Promise<void> {
      await unlessGone(() => cri.runtime('RemovePodSandbox', { pod_sandbox_id: id }, signal, startDeadlineMs), clock, signal);
      memory.forget(id);
    },
    async portForward(id: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
      const { url } = await cri.runtime<{ url: string }>('PortForward', { pod_sandbox_id: id, port: [port] }, signal);
      const { streamPortForward } = await import('./streaming.ts');
      await streamPortForward(url, port, stream, signal);
    },
    /** The CRI has no field for it; containerd and CRI-O tell it in their verbose status. */
    async networkProcess(id: string, signal: AbortSignal): Promise<number> {
      const { info } = await cri.runtime<{ info: Record<string, string> }>('PodSandboxStatus', { pod_sandbox_id: id, verbose: true }, signal);
      const { pid = 0 } = JSON.parse(info['info'] ?? '{}') as { pid?: number };
      if (pid === 0) throw new RuntimeError('not-found', `sandbox ${id} has no process`);
      return pid;
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

/**
 * For stopping and removing. What is absent counts as stopped and removed. And when a process has just ended, containerd may
 * not know yet and fail to reach its shim, which is gone too: a moment later it does know. `hasEnded`: an event has told so,
 * and a runtime that says otherwise only lags behind it.
 */
export async function unlessGone(call: () => Promise<unknown>, clock: Clock, signal: AbortSignal, hasEnded: () => boolean = () => false): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await call();
      return;
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (error.code === 'not-found') return;
      const lags = /ttrpc: closed|process already finished/.test(error.message) || (hasEnded() && /is still running/.test(error.message));
      if (tries === endingTries || !lags) throw error;
    }
    await clock.sleep(endingMs, signal);
  }
}

const endingTries = 50;
const endingMs = 20;
