// The Node object that this agent stands for. Pure.
import type { Node } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { ImageInfo, RuntimeVersion } from '../../runtime/runtime.ts';
import type { PressureCondition } from '../eviction/signals.ts';
import type { Allocatable } from '../spec/downward.ts';
import type { MachineFacts, NodeAgentOptions } from '../node-settings.ts';

export type NodeIdentity = Pick<NodeAgentOptions, 'name' | 'addresses' | 'version' | 'podCIDRs' | 'labels' | 'kubeletPort' | 'leaseSeconds'> & { readonly machine: MachineFacts; readonly allocatable: Allocatable; readonly podLimit: number };

export interface NodeFacts {
  readonly runtime: RuntimeVersion;
  /** Undefined: ready. */
  readonly notReady: string | undefined;
  readonly pressure: ReadonlySet<PressureCondition>;
  readonly images: readonly ImageInfo[];
  readonly nowMs: number;
}

/** Kubernetes shows at most this many images of a node, the largest. */
const mostImages = 50;
const mostNames = 5;

export function nodeLabels({ name, machine, labels }: NodeIdentity): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': machine.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...labels,
  };
}

export function nodeStatus(identity: NodeIdentity, facts: NodeFacts, before: Node['status'] | undefined): Node['status'] {
  const { machine, allocatable, podLimit, version } = identity;
  const amountsOf = ({ milliCpu, ephemeralStorageBytes, memoryBytes }: Allocatable) => ({
    cpu: milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`,
    'ephemeral-storage': `${Math.floor(ephemeralStorageBytes / 1024)}Ki`,
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    pods: String(podLimit),
  });
  return {
    ...before,
    addresses: identity.addresses.map((one) => ({ ...one })),
    capacity: amountsOf(machine),
    allocatable: amountsOf(allocatable),
    conditions: conditionsOf(facts, before),
    daemonEndpoints: identity.kubeletPort ? { kubeletEndpoint: { Port: identity.kubeletPort } } : (before?.daemonEndpoints ?? { kubeletEndpoint: { Port: 10250 } }),
    images: [...facts.images]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, mostImages)
      .map(({ digests, tags, sizeBytes }) => ({ names: [...digests, ...tags].slice(0, mostNames), sizeBytes })),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootID,
      containerRuntimeVersion: `${facts.runtime.name}://${facts.runtime.version}`,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: version,
      kubeletVersion: version,
      machineID: machine.machineID,
      operatingSystem: 'linux',
      osImage: machine.osImage,
      systemUUID: machine.systemUUID,
    },
  } as Node['status'];
}

function conditionsOf({ notReady, pressure, nowMs }: NodeFacts, before: Node['status'] | undefined): NonNullable<Node['status']['conditions']> {
  const now = formatTime(nowMs);
  const under = (condition: PressureCondition, comes: readonly [string, string], goes: readonly [string, string]) => (pressure.has(condition) ? [condition, 'True', ...comes] as const : [condition, 'False', ...goes] as const);
  const verdicts: readonly (readonly [string, string, string, string])[] = [
    under('MemoryPressure', ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'], ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available']),
    under('DiskPressure', ['KubeletHasDiskPressure', 'kubelet has disk pressure'], ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure']),
    under('PIDPressure', ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'], ['KubeletHasSufficientPID', 'kubelet has sufficient PID available']),
    notReady === undefined ? ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'] : ['Ready', 'False', 'KubeletNotReady', notReady],
  ];
  const others = (before?.conditions ?? []).filter(({ type }) => !verdicts.some(([own]) => own === type));
  return [
    ...others,
    ...verdicts.map(([type, status, reason, message]) => {
      const old = before?.conditions?.find((condition) => condition.type === type);
      return { type, status, lastHeartbeatTime: now, lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now, reason, message };
    }),
  ];
}
