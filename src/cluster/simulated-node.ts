// A simulated node: the real node agent over a machine that is only data.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Client } from '../client/client.ts';
import { createNodeAgent, type NodeAgent } from '../node/agent.ts';
import { parseEvictionPolicy, type EvictionFlags } from '../node/eviction/policy.ts';
import { createSimulatedPodFiles } from '../node/pod-files/simulated-pod-files.ts';
import { SimulatedMachine } from '../runtime/simulated/machine.ts';
import { createSimulatedRuntime, simulatedVersion, type SimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts';
import type { ShutdownPeriods } from '../node/shutdown/shutdown-groups.ts';
import { UserError } from './user-error.ts';
import { kubernetesVersion } from './version.ts';

export interface SimulatedNodeSpec {
  readonly name: string;
  /** Cores. Default 32. */
  readonly cpu?: number;
  /** Default 256. */
  readonly memoryGiB?: number;
  /** How many Pods it takes. Default 110. */
  readonly pods?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** When its Pods are evicted for want of memory: as the kubelet's flags of these names. Default: below 100Mi. */
  readonly eviction?: EvictionFlags;
  /** How long its Pods get when it is shut down, in seconds, and the last part of it that is for critical ones. Default 0. */
  readonly shutdown?: ShutdownPeriods;
}

/** Nodes of one cluster; each has a /24 for its Pods in 10.128.0.0/9. */
export const mostSimulatedNodes = 2 ** 15;
const diskBytes = 2 ** 40;
/** As many addresses as a /24 has for Pods. */
const mostPods = 253;

/** Throws UserError that begins with the field's path. */
export function checkNode(spec: SimulatedNodeSpec, path: string): void {
  const refuse = (field: string, value: unknown, what: string): never => {
    throw new UserError(`${path}.${field}: Invalid value: ${JSON.stringify(value)}: ${what}`, 'mend that field');
  };
  if (typeof spec.name !== 'string' || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(spec.name) || spec.name.length > 253) refuse('name', spec.name, 'must be lower-case letters, digits, "-" and "."');
  try {
    parseEvictionPolicy(spec.eviction);
  } catch (error) {
    refuse('eviction', spec.eviction, (error as Error).message);
  }
  for (const field of ['cpu', 'memoryGiB'] as const) if (spec[field] !== undefined && !(spec[field] > 0)) refuse(field, spec[field], 'must be greater than 0');
  if (spec.pods !== undefined && !(Number.isInteger(spec.pods) && spec.pods >= 0 && spec.pods <= mostPods)) refuse('pods', spec.pods, `must be from 0 to ${mostPods}`);
}

export interface SimulatedAgentDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Lays something between the agent and its runtime. */
  readonly around?: (runtime: SimulatedRuntime) => SimulatedRuntime;
}

/** `index`: which of the cluster's nodes it is; its addresses follow from that. */
export function createSimulatedMachine(spec: SimulatedNodeSpec, index: number, clock: Clock, images: Readonly<Record<string, string>> = {}): SimulatedMachine {
  return new SimulatedMachine({ name: spec.name, clock, podRange: podRangeOf(index), images });
}

export function createSimulatedAgent(spec: SimulatedNodeSpec, index: number, machine: SimulatedMachine, { client, clock, random, log, around = (runtime) => runtime }: SimulatedAgentDeps): NodeAgent {
  const { name, cpu = 32, memoryGiB = 256, pods = 110, labels, eviction } = spec;
  const memoryBytes = memoryGiB * 2 ** 30;
  const runtime = around(createSimulatedRuntime(machine));
  return createNodeAgent({
    name, client, runtime, clock, random, log,
    files: createSimulatedPodFiles(runtime),
    dataDir: `/simulated/${name}`,
    cgroupParent: '/simulated',
    cgroupRoot: false,
    addresses: [{ type: 'InternalIP', address: `172.${16 + (index >> 14)}.${(index >> 6) & 255}.${((index & 63) << 2) + 1}` }, { type: 'Hostname', address: name }],
    dns: { servers: [], domain: 'cluster.local' },
    version: kubernetesVersion.gitVersion,
    podLimit: pods,
    shutdown: spec.shutdown,
    eviction: parseEvictionPolicy(eviction),
    readings: {
      read: async () => new Map([['memory.available', { available: Math.max(0, memoryBytes - machine.memoryUsedBytes), capacity: memoryBytes }]]),
      hasImageDisk: async () => false,
    },
    imageDisk: async () => ({ capacityBytes: diskBytes, availableBytes: diskBytes / 2 }),
    podCIDRs: [podRangeOf(index)],
    labels,
    machine: {
      milliCpu: cpu * 1000, memoryBytes, ephemeralStorageBytes: diskBytes, hostname: name, machineID: name, systemUUID: name, bootID: name,
      kernelVersion: 'simulated', osImage: `Simulated ${simulatedVersion}`, architecture: 'amd64',
    },
  });
}

function podRangeOf(index: number): string {
  return `10.${128 + (index >> 8)}.${index & 255}.0/24`;
}
