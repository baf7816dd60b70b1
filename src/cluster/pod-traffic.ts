// Which traffic this machine's Pods may have: NetworkPolicies, and limits of bandwidth.
import { podBandwidth } from '../api/kinds/pod/bandwidth.ts';
import type { Pod } from '../api/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Client } from '../client/client.ts';
import type { BeforeContainers } from '../node/node-settings.ts';
import { limitBandwidth } from '../network/bandwidth/limit-bandwidth.ts';
import { policiesTableName } from '../network/pod-network/rules.ts';
import { createNetworkPolicies, policyTables } from '../network/policy/network-policies.ts';
import { createNftables } from '../network/proxy/nft/nftables.ts';
import type { Runtime, SandboxState } from '../runtime/runtime.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import type { Settings } from './settings.ts';

export interface PodTrafficDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly machine: Machine;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** `client` may list and watch NetworkPolicies, Pods, namespaces and EndpointSlices. Gives what the node agent must wait for before it starts a Pod's containers. */
export function startPodTraffic({ layout, settings, machine, crew, clock, random, log }: PodTrafficDeps, client: Client): BeforeContainers {
  const { plan } = machine.network;
  const policies = createNetworkPolicies({
    client,
    nodeName: settings.nodeName,
    plan: { table: policiesTableName(plan), bridge: plan.bridge },
    nftables: createNftables(layout.network, clock, policyTables),
    clock, random, log,
  });
  crew.run(policies);
  // A containerd that is its user's has a network of its own, whose plugins are told of the limits.
  const limits = settings.runtimeEndpoint && settings.runtime !== 'docker' ? undefined : createLimits(machine.runtime);
  return (pod, sandbox, signal) => {
    const waits = [policies.admit(pod, sandbox.ips, signal), limits?.(pod, sandbox, signal)].filter((one) => one !== undefined);
    return waits.length > 0 ? Promise.all(waits).then(() => {}) : undefined;
  };
}

/** Sandboxes that have their limits; of more the oldest is forgotten, and would only be given them again. */
const mostKept = 1000;

function createLimits(runtime: Runtime): BeforeContainers {
  const limited = new Set<string>();
  return (pod, sandbox, signal) => (pod.metadata.annotations && sandbox.network === 'pod' && !limited.has(sandbox.id) ? limit(pod, sandbox, signal) : undefined);

  async function limit(pod: Pod, { id }: SandboxState, signal: AbortSignal): Promise<void> {
    const bandwidth = podBandwidth(pod);
    if (!bandwidth || !runtime.networkProcess) return;
    await limitBandwidth(await runtime.networkProcess(id, signal), bandwidth, signal);
    limited.add(id);
    if (limited.size > mostKept) limited.delete(limited.values().next().value!);
  }
}
