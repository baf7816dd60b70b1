// What a caller may ask of a cluster, read once into what the rooms get.
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseIpRange } from '../base/ip.ts';
import { parseEvictionPolicy, type EvictionFlags } from '../node/eviction/policy.ts';
import { parseReserved } from '../node/eviction/reserved.ts';
import { mayBeAllowed } from '../node/spec/sysctls.ts';
import { mostSimulatedNodes } from './simulated-node.ts';
import type { AuthenticationFlags } from './authentication-config.ts';
import type { AuditFlags } from './open-audit-log.ts';
import { UserError } from './user-error.ts';
import type { LogLevel } from '../base/log.ts';

/** As the kubelet's flags of these names, in its syntax. */
export interface ClusterOptions extends EvictionFlags, AuditFlags, AuthenticationFlags {
  /** Where everything is kept. Default: a new directory under the system's temporary one, removed with the cluster. */
  readonly dataDir?: string;
  /** The API server's port on `host`. Default: the one of last time; at the first time 6443 if it is free, else any. */
  readonly port?: number;
  /** The address to listen on; 0.0.0.0: on all. Default: 127.0.0.1, so that no other machine can reach it. */
  readonly host?: string;
  /** The address by which other machines, and Pods, reach the API server. Default: `host`, or where that is all, the first of this machine. */
  readonly advertiseAddress?: string;
  /** The address of this machine's node. Default: the advertised one, else the first of this machine. */
  readonly nodeIp?: string;
  /** How long a node may be silent, and one that has never reported, as kube-controller-manager's --node-monitor-grace-period and --node-startup-grace-period. Default: 40 s, 60 s. */
  readonly nodeMonitorGracePeriodMs?: number;
  readonly nodeStartupGracePeriodMs?: number;
  /** For how long this machine's node says each time that it lives, as the kubelet's nodeLeaseDurationSeconds; it says so four times as often. Default: 40. */
  readonly nodeLeaseDurationSeconds?: number;
  /** Where to write the admin's kubeconfig, with mode 0600. Default: admin.kubeconfig in the data directory. */
  readonly kubeconfig?: string;
  /** Default: this machine's host name. */
  readonly nodeName?: string;
  /** Default: containerd. `docker` is a Docker Engine that runs already. */
  readonly runtime?: 'containerd' | 'docker';
  /** `unix:///…` of a containerd or CRI-O that runs already, or of Docker. Default: a private containerd under the data directory; /var/run/docker.sock. */
  readonly runtimeEndpoint?: string;
  /**
   * Range of the Pods of all nodes, of which each has a /24: IPv4 as 10.88.0.0/16, or with IPv6 behind it, which is this node's alone, as
   * 10.88.0.0/16,fd00:88::/64. Default: one that is free on this machine.
   */
  readonly podRange?: string;
  /** Range of the Services, likewise: 10.97.0.0/16,fd00:97::/112. */
  readonly serviceRange?: string;
  /** IPv6 beside IPv4, for Pods and for Services that ask for it. Default: when an IPv6 range is given. */
  readonly dualStack?: boolean;
  /** What leads Services to their endpoints. Default: nftables where the machine has it, else iptables. */
  readonly proxyMode?: 'nftables' | 'iptables';
  /** Where Ingresses of the class built in are served, once there is one; 0: any port that is free, which their status tells. Default: 80, 443. */
  readonly ingressHttpPort?: number;
  readonly ingressHttpsPort?: number;
  /** Users with bearer tokens, one a line: token,user,uid,"group1,group2". Default: none. */
  readonly tokenAuthFile?: string;
  /** A file with an EncryptionConfiguration: which resources are encrypted in the store, and how. Followed while the cluster runs. Default: none are. */
  readonly encryptionProviderConfig?: string;
  /** How many requests over HTTP are served at once: the sum of both is what priority levels have their shares of. Default: 400, 200. */
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  /** Milliseconds that a request may take that does not go on for as long as its client likes. Default: 60,000. */
  readonly requestTimeout?: number;
  /** Seconds that a watch goes on at least, when its client does not say how long. Default: 1,800. */
  readonly minRequestTimeout?: number;
  /** A Secret with a token that never ends for every service account, listed in its `secrets`, as clusters before 1.24 made them. Default: only where such a Secret is made. */
  readonly legacyServiceAccountTokens?: boolean;
  /** Sysctls that Pods may set besides the safe ones: names, or prefixes that end in `*`. Default: none. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** How many images are pulled at once; 1: one after the other. Default: 5. */
  readonly maxParallelImagePulls?: number;
  /** At how full a disk unused images are removed, and down to where, in percent. Default: 85, 80. */
  readonly imageGcHighThreshold?: number;
  readonly imageGcLowThreshold?: number;
  /** What of this machine is not for Pods: `cpu=500m,memory=1Gi,ephemeral-storage=2Gi,pid=1000`. Default: nothing. */
  readonly kubeReserved?: string;
  readonly systemReserved?: string;
  /** How many processes and threads a Pod may have. Default: no limit. */
  readonly podMaxPids?: number;
  /**
   * Seconds that stopping waits for the Pods of this node to end, as a machine's shutdown does (KEP-2000), and the last part of them that
   * is for critical Pods. Default 0: stopping leaves them running.
   */
  readonly shutdownGracePeriod?: number;
  readonly shutdownGracePeriodCriticalPods?: number;
  /** Instead of both (KEP-2712): from each of these priorities on, so long; the least important Pods end first. */
  readonly shutdownGracePeriodByPodPriority?: readonly { readonly priority: number; readonly shutdownGracePeriodSeconds: number }[];
  /** So many finished Pods are kept, the oldest go first; 0: all. Default 12500. */
  readonly terminatedPodGcThreshold?: number;
  /** Nodes that are only simulated, beside this machine's own: their Pods live whole lives, and run nothing. Default 0. */
  readonly simulatedNodes?: number;
  /** False: this machine is no node, so neither root nor Linux is needed. Default true. */
  readonly node?: boolean;
  readonly logLevel?: LogLevel;
  /** Told as the start goes on; for a command that shows it. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Addresses that stand for all of the machine's. */
export const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

export type Progress =
  | { readonly step: 'api-ready'; readonly server: string }
  | { readonly step: 'joined'; readonly server: string; readonly node: string }
  | { readonly step: 'runtime-ready'; readonly runtime: string }
  | { readonly step: 'node-ready'; readonly node: string }
  | { readonly step: 'simulated-ready'; readonly count: number };

/** Options with everything filled in that does not depend on what the data directory remembers. */
export interface ParsedOptions extends ClusterOptions {
  readonly dataDir: string;
  readonly host: string;
  readonly nodeName: string;
  readonly simulatedNodes: number;
  readonly node: boolean;
  readonly logLevel: LogLevel;
  /** The IPv6 parts of the ranges, which here are of IPv4 alone. */
  readonly podRange6?: string;
  readonly serviceRange6?: string;
}

/** Throws UserError for what makes no sense. */
export function parseOptions(options: ClusterOptions, dataDir: string): ParsedOptions {
  const { port, podRange, serviceRange, runtimeEndpoint } = options;
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65535)) {
    throw new UserError(`${port} is no port`, 'give a port from 1 to 65535, or 0 for any free one');
  }
  for (const one of [options.ingressHttpPort, options.ingressHttpsPort]) {
    if (one !== undefined && (!Number.isInteger(one) || one < 0 || one > 65535)) throw new UserError(`${one} is no port`, 'give a port from 1 to 65535, or 0 for any free one');
  }
  const [podRanges, serviceRanges] = [splitRange(podRange), splitRange(serviceRange)];
  if (options.dualStack === false && (podRanges.second || serviceRanges.second)) throw new UserError('without dual stack there is no IPv6 range', 'leave one of them out');
  if (podRange && serviceRange && Boolean(podRanges.second) !== Boolean(serviceRanges.second)) {
    throw new UserError(`${podRange} and ${serviceRange} are not of the same families`, 'give both ranges with IPv4 alone, or both with IPv6 behind it');
  }
  if (runtimeEndpoint !== undefined && !/^(unix:\/\/)?\//.test(runtimeEndpoint)) {
    throw new UserError(`${runtimeEndpoint} is no runtime endpoint`, 'write it like unix:///run/containerd/containerd.sock');
  }
  const { maxParallelImagePulls = 1, imageGcHighThreshold: high = 85, imageGcLowThreshold: low = Math.min(80, high) } = options;
  if (!Number.isInteger(maxParallelImagePulls) || maxParallelImagePulls < 1) throw new UserError(`${maxParallelImagePulls} pulls at once make no sense`, 'give a number from 1 on');
  for (const percent of [high, low]) if (!(percent >= 0 && percent <= 100)) throw new UserError(`${percent} is no percentage`, 'give a number from 0 to 100');
  if (low > high) throw new UserError(`the low threshold ${low} is above the high one ${high}`, 'give --image-gc-low-threshold less than --image-gc-high-threshold');
  const { shutdownGracePeriod: shutdown = 0, shutdownGracePeriodCriticalPods: critical = 0 } = options;
  for (const seconds of [shutdown, critical]) if (!Number.isInteger(seconds) || seconds < 0) throw new UserError(`${seconds} is no number of seconds`, 'give --shutdown-grace-period a duration of whole seconds, such as 30s');
  if (critical > shutdown) throw new UserError('the time for critical Pods is a part of the whole', 'give --shutdown-grace-period-critical-pods no more than --shutdown-grace-period');
  checkShutdownRanges(options);
  checkRequestLimits(options);
  const { terminatedPodGcThreshold: finished = 0 } = options;
  if (!Number.isInteger(finished) || finished < 0) throw new UserError(`${finished} is no number of Pods`, 'give --terminated-pod-gc-threshold a whole number; 0 keeps all');
  for (const address of [options.host, options.advertiseAddress, options.nodeIp]) {
    if (address !== undefined && !isIP(address)) throw new UserError(`${address} is no IP address`, 'write it like 192.0.2.1');
  }
  if (options.advertiseAddress !== undefined && wildcards.has(options.advertiseAddress)) throw new UserError(`${options.advertiseAddress} is no address that others could reach`, 'give one of this machine with --advertise-address');
  for (const ms of [options.nodeMonitorGracePeriodMs, options.nodeStartupGracePeriodMs]) if (ms !== undefined && !(ms > 0)) throw new UserError('a grace period must be longer than nothing', 'give a duration like 40s');
  const lease = options.nodeLeaseDurationSeconds;
  if (lease !== undefined && !(Number.isInteger(lease) && lease > 0)) throw new UserError(`${lease} is no lease duration`, 'give a number of seconds from 1 on');
  const unsafe = (options.allowedUnsafeSysctls ?? []).find((name) => !mayBeAllowed(name));
  if (unsafe !== undefined) throw new UserError(`the sysctl ${JSON.stringify(unsafe)} is not known to be namespaced`, 'allow only sysctls of kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.*');
  try {
    parseEvictionPolicy(options);
    parseReserved(options);
  } catch (error) {
    throw new UserError((error as Error).message, 'write it as for the kubelet, e.g. --eviction-hard "memory.available<200Mi,nodefs.available<10%"', { cause: error });
  }
  const { podMaxPids = 1 } = options;
  if (!Number.isInteger(podMaxPids) || podMaxPids < 1) throw new UserError(`--pod-max-pids ${podMaxPids} makes no sense`, 'give a number from 1 on');
  const { simulatedNodes = 0, node = true } = options;
  if (!Number.isInteger(simulatedNodes) || simulatedNodes < 0 || simulatedNodes > mostSimulatedNodes) {
    throw new UserError(`${simulatedNodes} is no number of simulated nodes`, `give one from 0 to ${mostSimulatedNodes}`);
  }
  const nodeName = options.nodeName ?? (hostname().toLowerCase().replace(/[^a-z0-9.-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '') || 'node');
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(nodeName) || nodeName.length > 253) {
    throw new UserError(`${JSON.stringify(nodeName)} is no node name`, 'use lower-case letters, digits, "-" and "."');
  }
  const ranges = { podRange: podRanges.first, podRange6: podRanges.second, serviceRange: serviceRanges.first, serviceRange6: serviceRanges.second };
  return Object.freeze({ ...options, ...ranges, dataDir: resolve(dataDir), host: options.host ?? '127.0.0.1', nodeName, simulatedNodes, node, logLevel: options.logLevel ?? 'info' });
}

/** In kube-apiserver's words. */
function checkRequestLimits({ maxRequestsInflight = 400, maxMutatingRequestsInflight = 200, requestTimeout = 1, minRequestTimeout = 1 }: ClusterOptions): void {
  for (const [flag, value] of [['--max-requests-inflight', maxRequestsInflight], ['--max-mutating-requests-inflight', maxMutatingRequestsInflight], ['--min-request-timeout', minRequestTimeout]] as const) {
    if (!Number.isInteger(value) || value < 0) throw new UserError(`${flag} can not be negative value`, 'give a whole number, 0 or more');
  }
  if (maxRequestsInflight + maxMutatingRequestsInflight <= 0) throw new UserError('the sum of --max-requests-inflight and --max-mutating-requests-inflight must be more than 0', 'leave them out for 400 and 200');
  if (!(requestTimeout > 0)) throw new UserError('--request-timeout must be more than 0', 'give a duration like 1m');
  if (minRequestTimeout <= 0) throw new UserError('--min-request-timeout must be more than 0', 'give a number of seconds such as 1800');
}

function checkShutdownRanges({ shutdownGracePeriod, shutdownGracePeriodCriticalPods, shutdownGracePeriodByPodPriority: ranges }: ClusterOptions): void {
  if (!ranges) return;
  if (shutdownGracePeriod || shutdownGracePeriodCriticalPods) throw new UserError('the time for a shutdown is given twice', 'give either --shutdown-grace-period or --shutdown-grace-period-by-pod-priority');
  const isWhole = ({ priority, shutdownGracePeriodSeconds: seconds }: (typeof ranges)[number]) => Number.isInteger(priority) && Number.isInteger(seconds) && seconds >= 0;
  if (!ranges.every(isWhole) || new Set(ranges.map(({ priority }) => priority)).size < ranges.length) {
    throw new UserError('the times for a shutdown are no ranges of priorities', 'write each priority once, with whole seconds, such as --shutdown-grace-period-by-pod-priority 0=20s,100000=10s');
  }
}

/** `10.88.1.0/24` or `10.88.1.0/24,fd00:88::/64`. */
function splitRange(text: string | undefined): { first?: string; second?: string } {
  if (text === undefined) return {};
  const parts = text.split(',').map((part) => part.trim());
  const families = parts.map((part) => (part.includes('/') ? parseIpRange(part)?.family : undefined));
  const [first, second] = parts;
  if (families[0] !== 'IPv4' || families.length > 2 || (second !== undefined && families[1] !== 'IPv6')) {
    throw new UserError(`${text} is no IPv4 range, nor one with an IPv6 range behind it`, 'write it like 10.88.1.0/24, or 10.88.1.0/24,fd00:88::/64');
  }
  return { first: first!, ...(second === undefined ? {} : { second }) };
}
