// `peapod up`: the cluster as long as this process lives, or, with --detach, as long as one in the background does.
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import type { AuthenticationFlags } from '../../cluster/authentication-config.ts';
import type { AuditFlags } from '../../cluster/open-audit-log.ts';
import type { ClusterOptions } from '../../cluster/options.ts';
import { readSettings } from '../../cluster/settings.ts';
import type { EvictionFlags } from '../../node/eviction/policy.ts';
import { startCluster } from '../../cluster/start-cluster.ts';
import { UserError } from '../../cluster/user-error.ts';
import { installMissing } from '../install.ts';
import { commandFor, line, startSteps } from '../output.ts';
import { isInBackground, stayWith } from './staying.ts';

export interface UpFlags extends Pick<ClusterOptions, 'port' | 'kubeconfig' | 'nodeName' | 'runtime' | 'runtimeEndpoint' | 'podRange' | 'serviceRange' | 'dualStack' | 'proxyMode' | 'ingressHttpPort' | 'ingressHttpsPort' | 'tokenAuthFile' | 'encryptionProviderConfig' | 'maxRequestsInflight' | 'maxMutatingRequestsInflight' | 'requestTimeout' | 'minRequestTimeout' | 'legacyServiceAccountTokens' | 'allowedUnsafeSysctls' | 'maxParallelImagePulls' | 'imageGcHighThreshold' | 'imageGcLowThreshold' | 'kubeReserved' | 'systemReserved' | 'podMaxPids' | keyof EvictionFlags | keyof AuditFlags | keyof AuthenticationFlags | 'terminatedPodGcThreshold' | 'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority' | 'logLevel' | 'simulatedNodes' | 'node' | 'advertiseAddress' | 'nodeIp' | 'nodeLeaseDurationSeconds'> {
  readonly dataDir: string;
  readonly listen?: string;
  /** Milliseconds. */
  readonly nodeMonitorGracePeriod?: number;
  readonly nodeStartupGracePeriod?: number;
  readonly detach?: boolean;
}

export async function runUp(flags: UpFlags): Promise<void> {
  const steps = startSteps();
  if (flags.node !== false) needsForContainers();
  refuseSecond(flags.dataDir);
  const staying = {
    dataDir: flags.dataDir,
    detach: flags.detach,
    what: 'cluster',
    endsPods: Boolean(flags.shutdownGracePeriod || flags.shutdownGracePeriodByPodPriority),
    start: (onProgress: ClusterOptions['onProgress']) => startCluster({ ...flags, host: flags.listen, nodeMonitorGracePeriodMs: flags.nodeMonitorGracePeriod, nodeStartupGracePeriodMs: flags.nodeStartupGracePeriod, onProgress }),
    howToUse: () => howToUse(flags.dataDir),
  };
  if (isInBackground() || flags.node === false) return stayWith(staying, steps);
  const { runtime, runtimeEndpoint } = { ...flags, ...readSettings(layoutOf(flags.dataDir).settings) };
  await installMissing(runtime === 'docker' ? 'docker' : runtimeEndpoint === undefined ? 'own' : 'given', steps);
  return stayWith(staying, steps);
}

export function needsForContainers(): void {
  if (process.platform !== 'linux') throw new UserError('Peapod runs Linux containers, and this is no Linux', 'run it on Linux, or with simulated nodes alone: peapod up --no-node --simulated-nodes 3');
  if (process.getuid?.() !== 0) throw new UserError('containers need root', 'sudo ./peapod up');
}

export function refuseSecond(dataDir: string): void {
  const running = runningInstance(layoutOf(dataDir).instance);
  if (running?.joined) throw new UserError(`a node already runs on ${dataDir} (process ${running.pid}, of the cluster at ${running.apiServer})`, `end it with: ${commandFor(dataDir, 'down')}, or give another --data-dir`);
  if (running) throw new UserError(`a cluster already runs on ${dataDir} (process ${running.pid}, ${running.apiServer})`, `use it with: ${commandFor(dataDir, 'kubectl')} …, end it with: ${commandFor(dataDir, 'down')}, or give another --data-dir`);
}

function howToUse(dataDir: string): void {
  const instance = runningInstance(layoutOf(dataDir).instance);
  line('');
  line(`  export KUBECONFIG=${instance?.kubeconfig ?? layoutOf(dataDir).kubeconfig}`);
  line(`  kubectl get nodes          # or, with nothing installed: ${commandFor(dataDir, 'kubectl')} get nodes`);
  if (instance?.joinServer) line(`  ${commandFor(dataDir, 'token', 'create')}      # shows the line by which another machine joins`);
  line('');
}
