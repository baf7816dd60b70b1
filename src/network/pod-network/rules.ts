// The Pod network's packet rules: pure. The table is the cluster's own and is replaced and removed as a whole.
import type { PodNetworkPlan } from './choose.ts';

export function tableName(plan: PodNetworkPlan): string {
  return `peapod-pods-${plan.bridge}`;
}

/** A Service's address and port, and where on this machine its server listens; TCP. */
export interface Published {
  readonly address: string;
  readonly port: number;
  readonly target: { readonly address: string; readonly port: number };
}

/** For `nft -f`: Pods get the machine's address when they speak to the world, and only then; who calls what is published, from a Pod or from here, gets to its server. */
export function nftRules(plan: PodNetworkPlan, published: readonly Published[] = []): string {
  const name = tableName(plan);
  return `add table ip ${name}
delete table ip ${name}
table ip ${name} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${plan.podRange} ip daddr != { ${plan.podRange}, ${plan.serviceRange}, 224.0.0.0/4 } oifname != "${plan.bridge}" masquerade
  }
${published.length > 0 ? lead('prerouting', published) + lead('output', published) : ''}}
`;
}

function lead(hook: 'prerouting' | 'output', published: readonly Published[]): string {
  const rules = published.map(({ address, port, target }) => `    ip daddr ${address} tcp dport ${port} dnat to ${target.address}:${target.port}\n`);
  return `  chain ${hook} {\n    type nat hook ${hook} priority -100; policy accept;\n${rules.join('')}  }\n`;
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
