// Which traffic this machine's Pods may have: NetworkPolicies.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import type { BeforeContainers } from '../node/node-settings.ts';
import { policiesTableName } from '../network/pod-network/rules.ts';
import { createNetworkPolicies, policyTables } from '../network/policy/network-policies.ts';
import { createNftables } from '../network/proxy/nft/nftables.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import type { Settings } from './settings.ts';

export interface PodTrafficDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly plane: ControlPlane;
  readonly machine: Machine;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Gives what the node agent must wait for before it starts a Pod's containers. */
export function startPodTraffic({ layout, settings, plane, machine, crew, clock, random, log }: PodTrafficDeps): BeforeContainers {
  const { plan } = machine.network;
  const policies = createNetworkPolicies({
    client: new Client(plane.transport(identities.proxy)),
    nodeName: settings.nodeName,
    plan: { table: policiesTableName(plan), bridge: plan.bridge },
    nftables: createNftables(layout.network, clock, policyTables),
    clock, random, log,
  });
  crew.run(policies);
  return (pod, sandbox, signal) => policies.admit(pod, sandbox.ips, signal);
}
