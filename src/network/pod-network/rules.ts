// The Pod network's packet rules: pure. The table is the cluster's own and is replaced and removed as a whole.
import type { PodNetworkPlan } from './choose.ts';

export function tableName(plan: PodNetworkPlan): string {
  return `peapod-pods-${plan.bridge}`;
}

/** The rules that lead Services to their endpoints: the service proxy's. */
export function servicesTableName(plan: PodNetworkPlan): string {
  return `peapod-services-${plan.bridge}`;
}

/** Of both kinds of tables. */
export function familiesOf({ podRange6 }: PodNetworkPlan): readonly ('ip' | 'ip6')[] {
  return podRange6 ? ['ip', 'ip6'] : ['ip'];
}

/** Which packets NetworkPolicies let through; of family `inet`, and there only while there are any. */
export function policiesTableName(plan: PodNetworkPlan): string {
  return `peapod-policies-${plan.bridge}`;
}

/** By which the machine's packet rules are made. */
export type PacketFilter = 'nftables' | 'iptables';

/** Addresses of nodes to which Pods speak as themselves. */
export const nodesSet = 'nodes';

/** For `nft -f`: Pods get the machine's address when they speak to the world, and only then. */
export function nftRules(plan: PodNetworkPlan): string {
  const { podRange6, serviceRange6 } = plan;
  return masquerade('ip', plan, plan.podRange, [plan.clusterRange, plan.serviceRange, '224.0.0.0/4']) + (podRange6 && serviceRange6 ? masquerade('ip6', plan, podRange6, [podRange6, serviceRange6, 'ff00::/8']) : '');
}

/** `own`: of this node's Pods. `within`: what they speak to by their own address, beside the nodes in the set. */
function masquerade(family: 'ip' | 'ip6', plan: PodNetworkPlan, own: string, within: readonly string[]): string {
  const name = tableName(plan);
  return `add table ${family} ${name}
delete table ${family} ${name}
table ${family} ${name} {
  set ${nodesSet} { type ${family === 'ip' ? 'ipv4' : 'ipv6'}_addr; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${family} saddr ${own} ${family} daddr != { ${within.join(', ')} } ${family} daddr != @${nodesSet} oifname != "${plan.bridge}" masquerade
  }
}
`;
}

/** Where the machine forwards nothing by default (as Docker sets it), these let Pods' packets through. Arguments of iptables after -I or -D. */
export function forwardRules(plan: PodNetworkPlan): string[][] {
  return [['FORWARD', '-i', plan.bridge, '-j', 'ACCEPT'], ['FORWARD', '-o', plan.bridge, '-j', 'ACCEPT']];
}

/**
 * From `iptables-save -t nat`, the input for `iptables-restore --noflush` that removes what the portmap plugin left for
 * this network, and its common chains when no other network uses them; undefined when there is nothing.
 */
export function portmapLeftovers(saved: string, network: string): string | undefined {
  const lines = saved.split('\n');
  const isOurs = (line: string) => line.startsWith('-A CNI-HOSTPORT-DNAT ') && line.includes(`name: \\"${network}\\"`);
  const chains = lines.filter(isOurs).map((line) => / -j (\S+)$/.exec(line)?.[1]).filter((chain) => chain !== undefined);
  const others = lines.some((line) => line.startsWith('-A CNI-HOSTPORT-DNAT ') && !isOurs(line));
  const common = others ? [] : ['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-MASQ', 'CNI-HOSTPORT-SETMARK'].filter((chain) => lines.some((line) => line.startsWith(`:${chain} `)));
  const gone = [...chains, ...common];
  if (gone.length === 0) return undefined;
  const jumps = lines.filter((line) => line.startsWith('-A ') && !gone.some((chain) => line.startsWith(`-A ${chain} `)) && gone.some((chain) => line.endsWith(` -j ${chain}`)));
  const commands = [...jumps.map((line) => line.replace(/^-A/, '-D')), ...gone.map((chain) => `-F ${chain}`), ...gone.map((chain) => `-X ${chain}`)];
  return ['*nat', ...commands, 'COMMIT', ''].join('\n');
}
