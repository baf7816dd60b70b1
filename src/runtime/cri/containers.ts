// The verbs of containers.
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ContainerSpec, ExecOutput, ExecStreams, LinuxResources } from '../runtime.ts';
import { containerConfig, linuxResources } from './config.ts';
import type { CriConnection } from './connection.ts';
import type { Memory } from './memory.ts';
import { OwnStopSignals } from './own-stop-signal.ts';
import { patiently } from './patience.ts';
import { unlessGone } from './sandboxes.ts';
import type { Message } from './wire/protobuf.ts';

/** How much longer than the grace a stop, and than the time allowed an exec, may take to be done with. */
const marginMs = 120_000;

export function createContainerVerbs(cri: CriConnection, memory: Memory, owner: string | undefined, clock: Clock, log: Log, sandboxConfigOf: (id: string, signal: AbortSignal) => Promise<Message>) {
  const stop = async (id: string, seconds: number, signal: AbortSignal) => {
    await unlessGone(() => cri.runtime('StopContainer', { container_id: id, timeout: seconds }, signal, seconds * 1000 + marginMs), clock, signal);
    memory.stoppedContainer(id);
  };

  const ownSignals = new OwnStopSignals(cri, memory, clock);

  return {
    async createContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<string> {
      const sandbox = await sandboxConfigOf(sandboxId, signal);
      const request = { pod_sandbox_id: sandboxId, config: containerConfig(spec, sandbox, owner), sandbox_config: sandbox };
      try {
        const { container_id: id } = await patiently((late) => cri.runtime<{ container_id: string }>('CreateContainer', request, late), clock, signal);
        memory.ids.learnContainer(spec.pod.uid, id, sandboxId);
        return id;
      } catch (error) {
        memory.ids.doubt(spec.pod.uid);
        throw error;
      }
    },
    async startContainer(id: string, signal: AbortSignal): Promise<void> {
      try {
        await patiently((late) => cri.runtime('StartContainer', { container_id: id }, late), clock, signal);
      } catch (error) {
        // It may be for the sandbox' sake, of whose end no event has told yet: from now on the lists say how that is.
        const podUid = memory.ids.podUidOf(id);
        if (podUid !== undefined) memory.ids.doubt(podUid);
        throw error;
      }
    },
    async stopContainer(id: string, graceMs: number, signal: AbortSignal): Promise<void> {
      const own = graceMs > 0 ? ownSignals.of(id) : undefined;
      if (own !== undefined) {
        await ownSignals.send(id, own, graceMs, signal);
        return stop(id, 0, signal);
      }
      const seconds = Math.max(0, Math.ceil(graceMs / 1000));
      // CRI counts whole seconds. Part of one is kept by a second call without grace, which kills at once.
      if (seconds === 0 || graceMs % 1000 === 0) return stop(id, seconds, signal);
      const early = Promise.withResolvers<void>();
      const timer = clock.schedule(graceMs, () => stop(id, 0, signal).then(early.resolve, early.reject));
      try {
        await Promise.race([stop(id, seconds, signal), early.promise]);
      } finally {
        timer[Symbol.dispose]();
        early.promise.catch(() => {});
      }
    },
    async removeContainer(id: string, signal: AbortSignal): Promise<void> {
      await unlessGone(() => cri.runtime('RemoveContainer', { container_id: id }, signal), clock, signal, () => memory.exits.has(id));
      memory.forget(id);
    },
    async updateContainerResources(id: string, resources: LinuxResources, signal: AbortSignal): Promise<void> {
      await cri.runtime('UpdateContainerResources', { container_id: id, linux: linuxResources(resources) }, signal);
    },
    async reopenLog(id: string, signal: AbortSignal): Promise<void> {
      await cri.runtime('ReopenContainerLog', { container_id: id }, signal);
    },
    async exec(id: string, command: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number> {
      const wanted = { stdin: streams.stdin !== undefined, stdout: streams.stdout !== undefined, stderr: streams.stderr !== undefined && !streams.tty };
      if (!wanted.stdin && !wanted.stderr) wanted.stdout = true;
      const reads = wanted.stdin && !streams.tty;
      const ends = reads ? (await import('./exec-input.ts')).followExecEnds(cri, id, clock, log) : undefined;
      try {
        return await memory.execStarts.run(id, async () => {
          const { url } = await cri.runtime<{ url: string }>('Exec', { container_id: id, cmd: command, tty: streams.tty, ...wanted }, signal);
          const { streamExec } = await import('./streaming.ts');
          return await streamExec(url, streams, async () => ends?.onlyCode(), signal);
        });
      } finally {
        await ends?.stop();
      }
    },
    async execSync(id: string, command: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<ExecOutput> {
      // The call's own deadline counts milliseconds and makes the runtime kill the command; CRI's counts whole seconds and is its second.
      const request = { container_id: id, cmd: command, timeout: Math.ceil(timeoutMs / 1000) };
      const { exit_code: exitCode, stdout, stderr } = await cri.runtime<{ exit_code: number; stdout: Buffer; stderr: Buffer }>('ExecSync', request, signal, timeoutMs);
      return { exitCode, output: stdout.toString() + stderr.toString() };
    },
    async attach(id: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
      const request = { container_id: id, tty: streams.tty, stdin: streams.stdin !== undefined, stdout: streams.stdout !== undefined || streams.stdin === undefined, stderr: streams.stderr !== undefined && !streams.tty };
      const { url } = await cri.runtime<{ url: string }>('Attach', request, signal);
      const { streamAttach } = await import('./streaming.ts');
      await streamAttach(url, streams, signal);
    },
  };
}
