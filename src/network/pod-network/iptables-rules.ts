// The Pod network's rules where there is no nftables, and the end of all of the cluster's chains in iptables: pure. Chains bear the
// bridge's name, so that clusters side by side have their own.
import type { PodNetworkPlan } from './choose.ts';

/** Of every chain of ours: `PEAPOD0-`. iptables' longest name has 28 characters. */
export function chainPrefix({ bridge }: Pick<PodNetworkPlan, 'bridge'>): string {
  return `${bridge.toUpperCase()}-`;
}

/** The Pod network's own chain; the others with our prefix are of Services. */
export const masqueradeWord = 'MASQUERADE';

/**
 * For iptables-restore --noflush: Pods get the machine's address when they speak to the world, and only then. `saved`: what
 * iptables-save tells of the table nat; `nodes`: addresses of nodes to which Pods speak as themselves.
 */
export function iptablesMasquerade(plan: PodNetworkPlan, family: 'ip' | 'ip6', saved: string, nodes: readonly string[] = []): string {
  const [podRange, ...within] = family === 'ip' ? [plan.podRange, plan.clusterRange, plan.serviceRange, '224.0.0.0/4', ...nodes] : [plan.podRange6!, plan.podRange6!, plan.serviceRange6!, 'ff00::/8'];
  const chain = chainPrefix(plan) + masqueradeWord;
  const jump = `POSTROUTING -s ${podRange} -j ${chain}`;
  return [
    '*nat',
    `:${chain} - [0:0]`,
    ...within.map((range) => `-A ${chain} -d ${range} -j RETURN`),
    `-A ${chain} -o ${plan.bridge} -j RETURN`,
    `-A ${chain} -j MASQUERADE`,
    ...(saved.split('\n').includes(`-A ${jump}`) ? [] : [`-A ${jump}`]),
    'COMMIT',
    '',
  ].join('\n');
}

/** For iptables-restore --noflush: takes away all our chains of one table, and what leads there; undefined when there are none. */
export function iptablesRemoval(saved: string, table: 'nat' | 'filter', prefix: string): string | undefined {
  const chains = chainsOf(saved, prefix);
  if (chains.length === 0) return undefined;
  const jumps = saved.split('\n').filter((line) => line.startsWith('-A ') && !line.startsWith(`-A ${prefix}`) && line.includes(` -j ${prefix}`));
  return [`*${table}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...jumps.map((line) => line.replace(/^-A/, '-D')), ...chains.map((chain) => `-X ${chain}`), 'COMMIT', ''].join('\n');
}

/** Names of chains with our prefix in what iptables-save tells. */
export function chainsOf(saved: string, prefix: string): string[] {
  return saved.split('\n').flatMap((line) => (line.startsWith(`:${prefix}`) ? [line.slice(1, line.indexOf(' '))] : []));
}
