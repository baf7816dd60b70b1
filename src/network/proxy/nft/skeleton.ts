// What all Services share in the cluster's table: pure. Sorted by hook:
//   nat prerouting, output   where is it to go: `services`
//   nat postrouting          who must it seem to come from: marked packets, and Pods that reach themselves
//   filter                   addresses and ports without an endpoint are refused, at once
// Several clusters of one machine, and a kube-proxy, may share the mark: whoever masquerades first takes it away.

import type { Skeleton } from './table.ts';

/** A cluster with both IP families has one table for each, of one name. */
export type TableFamily = 'ip' | 'ip6';

export interface SkeletonPlan {
  readonly family: TableFamily;
  readonly table: string;
  readonly bridge: string;
  readonly podRange: string;
  readonly serviceRange: string;
}

const mark = '0x4000';
export const markForMasquerade = `meta mark set meta mark or ${mark}`;

/** What `services` and the others map; their elements come from Services. */
const mapsOf = (family: TableFamily): Skeleton['maps'] => ({
  services: `{ type ${addressType(family)} . inet_proto . inet_service : verdict; }`,
  'node-ports': '{ type inet_proto . inet_service : verdict; }',
  'no-endpoints': `{ type ${addressType(family)} . inet_proto . inet_service : verdict; }`,
  'no-endpoint-ports': '{ type inet_proto . inet_service : verdict; }',
});
const setsOf = (family: TableFamily): Skeleton['sets'] => ({
  /** An endpoint of this node, twice: as source and destination of one packet. */
  hairpin: `{ type ${addressType(family)} . ${addressType(family)}; }`,
});

export function addressType(family: TableFamily): string {
  return family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
}

export function serviceSkeleton(plan: SkeletonPlan): Skeleton {
  const { family, table } = plan;
  return { family, table, maps: mapsOf(family), sets: setsOf(family), chains: chains(plan) };
}

function chains({ family, bridge, podRange, serviceRange }: SkeletonPlan): Skeleton['chains'] {
  return new Map([
    // A reset, since the kernel sends only so many ICMP messages a second to one host.
    ['refuse', { rules: ['meta l4proto tcp reject with tcp reset', 'reject'] }],
    ['services', {
      rules: [
        `${family} daddr ${serviceRange} ${family} saddr != ${podRange} ${markForMasquerade}`,
        `${family} daddr . meta l4proto . th dport vmap @services`,
        'fib daddr type local meta l4proto . th dport vmap @node-ports',
      ],
    }],
    ['unserved', {
      rules: [
        `${family} daddr . meta l4proto . th dport vmap @no-endpoints`,
        'fib daddr type local meta l4proto . th dport vmap @no-endpoint-ports',
        `${family} daddr ${serviceRange} goto refuse`,
      ],
    }],
    ['nat-prerouting', { hook: 'type nat hook prerouting priority -100; policy accept;', rules: ['jump services'] }],
    ['nat-output', { hook: 'type nat hook output priority -100; policy accept;', rules: ['jump services'] }],
    ['nat-postrouting', {
      hook: 'type nat hook postrouting priority 95; policy accept;',
      rules: [
        `ct status dnat ${family} saddr . ${family} daddr @hairpin masquerade`,
        `meta mark and ${mark} != ${mark} return`,
        `meta mark set meta mark xor ${mark}`,
        'masquerade fully-random',
      ],
    }],
    ['filter-input', { hook: 'type filter hook input priority -10; policy accept;', rules: ['ct state new jump unserved'] }],
    ['filter-forward', { hook: 'type filter hook forward priority -10; policy accept;', rules: ['ct state new jump unserved'] }],
    ['filter-output', { hook: 'type filter hook output priority -10; policy accept;', rules: ['ct state new jump unserved'] }],
    // Node ports answer on loopback too, for which the bridge must let such addresses through (route_localnet): but not for Pods.
    // In IPv6 no link lets them through.
    ['guard', { hook: 'type filter hook prerouting priority -310; policy accept;', rules: family === 'ip' ? [`iifname "${bridge}" ip daddr 127.0.0.0/8 drop`] : [] }],
  ]);
}
