// The node agent of this machine.
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { isOurs } from '../network/pod-network/machine-network.ts';
import { createNodeAgent, type NodeAgent } from '../node/agent.ts';
import { parseEvictionPolicy } from '../node/eviction/policy.ts';
import { parseReserved } from '../node/eviction/reserved.ts';
import type { BeforeContainers } from '../node/node-settings.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import type { ParsedOptions } from './options.ts';
import { dnsAddress } from './own-services.ts';
import { serviceRangesOf } from './network-choice.ts';
import { clusterDomain } from './service-network.ts';
import type { Settings } from './settings.ts';
import { kubernetesVersion } from './version.ts';

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

export function startNode({ layout, settings, parsed, plane, machine, beforeContainers, crew, clock, random, log }: NodeDeps): NodeAgent {
  const agent = createNodeAgent({
    name: settings.nodeName,
    client: new Client(plane.transport(identities.node(settings.nodeName))),
    runtime: machine.runtime,
    clock,
    random,
    log: log.named('node'),
    dataDir: layout.node,
    cgroupParent: settings.cgroupParent,
    addresses: [...machineAddresses(settings.podRange6 !== undefined).map((address) => ({ type: 'InternalIP', address }) as const), { type: 'Hostname', address: settings.nodeName }],
    dns: { servers: [dnsAddress(serviceRangesOf(settings)[0]!)], domain: clusterDomain },
    version: kubernetesVersion.gitVersion,
    podCIDRs: [settings.podRange, ...(settings.podRange6 ? [settings.podRange6] : [])],
    localVolumes: join(layout.node, 'local-volumes'),
    allowedUnsafeSysctls: parsed.allowedUnsafeSysctls,
    eviction: parseEvictionPolicy(parsed),
    reserved: parseReserved(parsed),
    podMaxPids: parsed.podMaxPids,
    beforeContainers,
    shutdown: { totalSeconds: parsed.shutdownGracePeriod ?? 0, criticalSeconds: parsed.shutdownGracePeriodCriticalPods ?? 0 },
    mostPullsAtOnce: parsed.maxParallelImagePulls,
    imageGc: {
      ...(parsed.imageGcHighThreshold === undefined ? {} : { highThresholdPercent: parsed.imageGcHighThreshold, lowThresholdPercent: Math.min(80, parsed.imageGcHighThreshold) }),
      ...(parsed.imageGcLowThreshold === undefined ? {} : { lowThresholdPercent: parsed.imageGcLowThreshold }),
    },
  });
  crew.run(agent);
  plane.addNode(settings.nodeName, agent.service);
  return agent;
}

/** Of a cluster with both families one of each, where there is one. */
function machineAddresses(withIPv6: boolean): string[] {
  const second = withIPv6 ? machineAddress6() : undefined;
  return second === undefined ? [machineAddress()] : [machineAddress(), second];
}

function machineAddress6(): string | undefined {
  for (const [link, addresses] of Object.entries(networkInterfaces())) {
    if (isOurs(link)) continue;
    for (const address of addresses ?? []) if (address.family === 'IPv6' && !address.internal && address.scopeid === 0) return address.address;
  }
  return undefined;
}

/** The first address of this machine that others could reach; loopback where there is none. */
export function machineAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) if (address.family === 'IPv4' && !address.internal) return address.address;
  }
  return '127.0.0.1';
}
