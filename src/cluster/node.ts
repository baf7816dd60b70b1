// The node agent of this machine.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { createNodeAgent, type NodeAgent } from '../node/agent.ts';
import { parseEvictionPolicy, type EvictionFlags } from '../node/eviction/policy.ts';
import { parseReserved } from '../node/eviction/reserved.ts';
import type { BeforeContainers, NodeAgentOptions } from '../node/node-settings.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import { nodeAddresses } from './machine-address.ts';
import type { Machine } from './machine.ts';
import type { ParsedOptions } from './options.ts';
import { dnsAddress } from './own-services.ts';
import { serviceRangesOf } from './network-choice.ts';
import { clusterDomain } from './service-network.ts';
import type { Settings } from './settings.ts';
import { kubernetesVersion } from './version.ts';

/** What of a cluster's options concerns any of its nodes. */
export type AgentOptions = Pick<ParsedOptions, 'nodeLeaseDurationSeconds' | 'allowedUnsafeSysctls' | 'maxParallelImagePulls' | 'imageGcHighThreshold' | 'imageGcLowThreshold' | 'kubeReserved' | 'systemReserved' | 'podMaxPids' | 'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority' | keyof EvictionFlags>;

export interface NodeDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly parsed: ParsedOptions;
  readonly plane: ControlPlane;
  readonly machine: Machine;
  readonly beforeContainers: BeforeContainers;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function startNode(deps: NodeDeps): NodeAgent {
  const { settings, parsed, plane, crew } = deps;
  const agent = createAgent(deps, {
    client: new Client(plane.transport(identities.node(settings.nodeName))),
    addresses: nodeAddresses(parsed, settings.podRange6 !== undefined),
    dns: { servers: [dnsAddress(serviceRangesOf(settings)[0]!)], domain: clusterDomain },
  });
  crew.run(agent);
  plane.addNode(settings.nodeName, agent.service);
  return agent;
}

/** What differs between the node beside the API server and one that has joined. */
export interface NodePlace extends Pick<NodeAgentOptions, 'client' | 'dns' | 'kubeletPort' | 'moreMetrics'> {
  readonly addresses: readonly string[];
}

export function createAgent({ layout, settings, parsed, machine, beforeContainers, clock, random, log }: Omit<NodeDeps, 'plane' | 'crew' | 'parsed'> & { readonly parsed: AgentOptions }, { client, addresses, dns, kubeletPort, moreMetrics }: NodePlace): NodeAgent {
  return createNodeAgent({
    name: settings.nodeName,
    client,
    runtime: machine.runtime,
    clock,
    random,
    log: log.named('node'),
    dataDir: layout.node,
    cgroupParent: settings.cgroupParent,
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address }) as const), { type: 'Hostname', address: settings.nodeName }],
    dns,
    kubeletPort,
    ...(moreMetrics ? { moreMetrics } : {}),
    version: kubernetesVersion.gitVersion,
    podCIDRs: [settings.podRange, ...(settings.podRange6 ? [settings.podRange6] : [])],
    leaseSeconds: parsed.nodeLeaseDurationSeconds,
    localVolumes: join(layout.node, 'local-volumes'),
    allowedUnsafeSysctls: parsed.allowedUnsafeSysctls,
    eviction: parseEvictionPolicy(parsed),
    reserved: parseReserved(parsed),
    podMaxPids: parsed.podMaxPids,
    beforeContainers,
    shutdown: {
      totalSeconds: parsed.shutdownGracePeriod ?? 0,
      criticalSeconds: parsed.shutdownGracePeriodCriticalPods ?? 0,
      ...(parsed.shutdownGracePeriodByPodPriority ? { byPriority: parsed.shutdownGracePeriodByPodPriority.map(({ priority, shutdownGracePeriodSeconds: seconds }) => ({ priority, seconds })) } : {}),
    },
    mostPullsAtOnce: parsed.maxParallelImagePulls,
    imageGc: {
      ...(parsed.imageGcHighThreshold === undefined ? {} : { highThresholdPercent: parsed.imageGcHighThreshold, lowThresholdPercent: Math.min(80, parsed.imageGcHighThreshold) }),
      ...(parsed.imageGcLowThreshold === undefined ? {} : { lowThresholdPercent: parsed.imageGcLowThreshold }),
    },
  });
}
