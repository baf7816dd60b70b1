// `peapod up`: the cluster as long as this process lives, or, with --detach, as long as one in the background does.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import type { ClusterOptions, Progress } from '../../cluster/options.ts';
import { readSettings } from '../../cluster/settings.ts';
import type { EvictionFlags } from '../../node/eviction/policy.ts';
import { startCluster } from '../../cluster/start-cluster.ts';
import { UserError } from '../../cluster/user-error.ts';
import { describe } from '../../base/log.ts';
import { installMissing } from '../install.ts';
import { line, startSteps, type Steps } from '../output.ts';

export interface UpFlags extends Pick<ClusterOptions, 'port' | 'kubeconfig' | 'nodeName' | 'runtime' | 'runtimeEndpoint' | 'podRange' | 'serviceRange' | 'dualStack' | 'proxyMode' | 'ingressHttpPort' | 'ingressHttpsPort' | 'tokenAuthFile' | 'allowedUnsafeSysctls' | 'maxParallelImagePulls' | 'imageGcHighThreshold' | 'imageGcLowThreshold' | 'kubeReserved' | 'systemReserved' | 'podMaxPids' | keyof EvictionFlags | 'terminatedPodGcThreshold' | 'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'logLevel' | 'simulatedNodes' | 'node'> {
  readonly dataDir: string;
  readonly detach?: boolean;
}

/** What the process in the background tells the one that waits for it. */
type Message = { readonly progress: Progress } | { readonly ready: true } | { readonly failed: string; readonly remedy?: string };

export async function runUp(flags: UpFlags): Promise<void> {
  const steps = startSteps();
  if (flags.node !== false) needsForContainers();
  refuseSecond(flags.dataDir);
  if (process.send) return stayInBackground(flags);
  if (flags.node === false) return flags.detach ? detach(flags, steps) : stay(flags, steps);
  const { runtime, runtimeEndpoint } = { ...flags, ...readSettings(layoutOf(flags.dataDir).settings) };
  await installMissing(runtime === 'docker' ? 'docker' : runtimeEndpoint === undefined ? 'own' : 'given', steps);
  return flags.detach ? detach(flags, steps) : stay(flags, steps);
}

function needsForContainers(): void {
  if (process.platform !== 'linux') throw new UserError('Peapod runs Linux containers, and this is no Linux', 'run it on Linux, or with simulated nodes alone: peapod up --no-node --simulated-nodes 3');
  if (process.getuid?.() !== 0) throw new UserError('containers need root', 'sudo ./peapod up');
}

function refuseSecond(dataDir: string): void {
  const running = runningInstance(layoutOf(dataDir).instance);
  if (running) throw new UserError(`a cluster already runs on ${dataDir} (process ${running.pid}, ${running.apiServer})`, 'use it with: peapod kubectl …, end it with: peapod down, or give another --data-dir');
}

async function stay(flags: UpFlags, steps: Steps): Promise<void> {
  const cluster = await startCluster({ ...flags, onProgress: (progress) => show(steps, progress) });
  howToUse(cluster.kubeconfig, flags.dataDir);
  line(flags.shutdownGracePeriod ? 'Ctrl-C ends its Pods and stops it.' : 'Ctrl-C stops it and leaves its containers running; `peapod down` ends them too.');
  const why = await Promise.race([untilTold(), cluster.failed]);
  if (why instanceof Error) line(`peapod: ${describe(why)}`);
  line(flags.shutdownGracePeriod ? 'peapod: stopping, and its Pods first' : 'peapod: stopping; containers are left running');
  await cluster.stop();
  process.exit(why instanceof Error ? 1 : 0);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve();
      });
    }
  });
}

/** Starts this same command in the background and waits for it to be ready. */
async function detach(flags: UpFlags, steps: Steps): Promise<void> {
  mkdirSync(flags.dataDir, { recursive: true, mode: 0o700 });
  const log = openSync(layoutOf(flags.dataDir).log, 'a', 0o600);
  const args = process.argv.slice(1).filter((word) => word !== '--detach');
  const child = spawn(process.execPath, [...process.execArgv, ...args], { detached: true, stdio: ['ignore', log, log, 'ipc'], cwd: '/' });
  closeSync(log);
  const ready = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new UserError(`the cluster stopped at once, with code ${code}`, `read its log: ${layoutOf(flags.dataDir).log}`)));
    child.on('message', (message: Message) => {
      if ('progress' in message) show(steps, message.progress);
      else if ('failed' in message) reject(new UserError(message.failed, message.remedy ?? `read its log: ${layoutOf(flags.dataDir).log}`));
      else resolve();
    });
  });
  try {
    await ready;
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
  howToUse(runningInstance(layoutOf(flags.dataDir).instance)?.kubeconfig ?? layoutOf(flags.dataDir).kubeconfig, flags.dataDir);
  line('It stays up in the background; `peapod down` ends it and its containers.');
}

async function stayInBackground(flags: UpFlags): Promise<void> {
  const tell = (message: Message) => process.connected && process.send?.(message);
  try {
    const cluster = await startCluster({ ...flags, onProgress: (progress) => tell({ progress }) });
    tell({ ready: true });
    const why = await Promise.race([untilTold(), cluster.failed]);
    await cluster.stop();
    process.exit(why instanceof Error ? 1 : 0);
  } catch (error) {
    tell({ failed: describe(error), ...(error instanceof UserError ? { remedy: error.remedy } : {}) });
    process.exit(1);
  }
}

function show(steps: Steps, progress: Progress): void {
  switch (progress.step) {
    case 'api-ready':
      return steps.done('API server ready', progress.server);
    case 'runtime-ready':
      return steps.done('container runtime ready', progress.runtime);
    case 'node-ready':
      return steps.done(`node ${progress.node} is Ready`);
    case 'simulated-ready':
      return steps.done(`${progress.count} simulated nodes are Ready`);
  }
}

function howToUse(kubeconfig: string, dataDir: string): void {
  line('');
  line(`  export KUBECONFIG=${kubeconfig}`);
  line(`  kubectl get nodes          # or, with nothing installed: ./peapod kubectl ${dataDir === '/var/lib/peapod' ? '' : `--data-dir ${dataDir} `}get nodes`);
  line('');
}
