// What is always in the table of policies: pure. It looks at packets when it is known where they go, after the Services' translation:
//   forward   from a Pod (egress) and to a Pod (ingress); between Pods of one bridge too
//   input     from a Pod to the cluster's DNS, which this node serves itself; all else of the node is always allowed, as it is to the Pod
// Replies pass whatever the rules say; the packets of who began are looked at each time, so a policy also ends what it denies.
import type { Skeleton } from '../proxy/nft/table.ts';

export interface PolicyPlan {
  readonly table: string;
  readonly bridge: string;
}

/** What `accept` in one of the chains of a hook lets through is still looked at by the others. */
export function policySkeleton({ table, bridge }: PolicyPlan): Skeleton {
  const settled = [
    'ct direction reply accept',
    'ct state related accept',
    // Without neighbours there is no traffic to allow.
    'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept',
    'ip saddr . ip daddr @self-4 accept',
    'ip6 saddr . ip6 daddr @self-6 accept',
  ];
  return {
    family: 'inet',
    table,
    maps: { 'ingress-4': verdicts(4), 'ingress-6': verdicts(6), 'egress-4': verdicts(4), 'egress-6': verdicts(6) },
    sets: {
      /** An isolated Pod, twice: no policy keeps it from reaching itself, by a Service. */
      'self-4': '{ type ipv4_addr . ipv4_addr; }',
      'self-6': '{ type ipv6_addr . ipv6_addr; }',
      'dns-4': '{ type ipv4_addr . inet_proto . inet_service; }',
      'dns-6': '{ type ipv6_addr . inet_proto . inet_service; }',
    },
    chains: new Map([
      ['egress', {
        hook: 'type filter hook forward priority -20; policy accept;',
        rules: [
          ...settled,
          // To all Pods of the bridge at once, or by addresses that no Pod is known by: nobody can tell whom it would reach.
          `iifname "${bridge}" oifname "${bridge}" meta pkttype { broadcast, multicast } drop`,
          `iifname "${bridge}" oifname "${bridge}" ip6 saddr fe80::/10 drop`,
          'ip saddr vmap @egress-4',
          'ip6 saddr vmap @egress-6',
        ],
      }],
      ['ingress', {
        hook: 'type filter hook forward priority -19; policy accept;',
        rules: [...settled, 'ip daddr vmap @ingress-4', 'ip6 daddr vmap @ingress-6'],
      }],
      ['egress-dns', {
        hook: 'type filter hook input priority -20; policy accept;',
        rules: [
          'ct direction reply accept',
          'ip daddr . meta l4proto . th dport @dns-4 ip saddr vmap @egress-4',
          'ip6 daddr . meta l4proto . th dport @dns-6 ip6 saddr vmap @egress-6',
        ],
      }],
    ]),
  };
}

function verdicts(family: 4 | 6): string {
  return `{ type ipv${family}_addr : verdict; }`;
}
