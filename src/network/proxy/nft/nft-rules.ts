// Services by nftables: a table for each IP family, changed together in one transaction.
import type { IpFamily } from '../../../base/ip.ts';
import type { PodNetworkPlan } from '../../pod-network/choose.ts';
import { servicesTableName } from '../../pod-network/rules.ts';
import type { PacketRules } from '../packet-rules.ts';
import type { Nftables } from './nftables.ts';
import { serviceRules } from './service-rules.ts';
import { serviceSkeleton, type SkeletonPlan } from './skeleton.ts';
import { Table } from './table.ts';

export function createNftRules(plan: PodNetworkPlan, nftables: Nftables): PacketRules {
  const name = servicesTableName(plan);
  const tables = new Map(plansOf(plan, name).map(([family, own]) => [family, { plan: own, table: new Table(serviceSkeleton(own)) }]));
  return {
    put(family, owner, port) {
      const { plan: own, table } = tables.get(family)!;
      table.put(owner, port && serviceRules(port, own));
    },
    async apply(whole, signal) {
      const script = [...tables.values()].map(({ table }) => (whole ? table.takeWhole() : (table.takeChanges() ?? ''))).join('');
      if (script) await nftables.apply(script, signal);
    },
    isThere: (signal) => nftables.has(name, signal),
    watchDeletions: (onDeleted, signal) => nftables.watchDeletions(name, onDeleted, signal),
  };
}

function plansOf({ bridge, podRange, serviceRange, podRange6, serviceRange6 }: PodNetworkPlan, table: string): [IpFamily, SkeletonPlan][] {
  const plans: [IpFamily, SkeletonPlan][] = [['IPv4', { family: 'ip', table, bridge, podRange, serviceRange }]];
  if (podRange6 && serviceRange6) plans.push(['IPv6', { family: 'ip6', table, bridge, podRange: podRange6, serviceRange: serviceRange6 }]);
  return plans;
}
