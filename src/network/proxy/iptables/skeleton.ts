// What all Services share in iptables, of one IP family: pure. The chains bear the bridge's name, so that clusters side by side have their
// own:
//   nat PREROUTING, OUTPUT ─▶ SERVICES ─▶ FRONTENDS, and of the node's addresses NODE-PORTS ─▶ a Service's own chains
//   nat POSTROUTING ─▶ POSTROUTING      who must it seem to come from: Pods that reach themselves (HAIRPIN), and marked packets
//   filter INPUT, FORWARD, OUTPUT ─▶ UNSERVED ─▶ NO-ENDPOINTS, NO-PORTS      what has no endpoint is refused, at once
// FRONTENDS, NODE-PORTS, HAIRPIN, NO-ENDPOINTS and NO-PORTS get their rules from Services.

import { chainPrefix } from '../../pod-network/iptables-rules.ts';

export type TableFamily = 'ip' | 'ip6';
export type IptablesTable = 'nat' | 'filter';

export interface IptablesPlan {
  readonly family: TableFamily;
  readonly bridge: string;
  readonly podRange: string;
  readonly serviceRange: string;
}

/** Chains that Services share: the word behind the prefix → its table. */
export const sharedChains = { FRONTENDS: 'nat', 'NODE-PORTS': 'nat', HAIRPIN: 'nat', 'NO-ENDPOINTS': 'filter', 'NO-PORTS': 'filter' } as const satisfies Record<string, IptablesTable>;
export type SharedChain = keyof typeof sharedChains;

export const mark = '0x4000';
export const markForMasquerade = `-j MARK --or-mark ${mark}`;

/** Rules of the machine's own chains that lead to ours. */
export function jumps(plan: IptablesPlan): Readonly<Record<IptablesTable, readonly string[]>> {
  const prefix = chainPrefix(plan);
  return {
    nat: [`PREROUTING -j ${prefix}SERVICES`, `OUTPUT -j ${prefix}SERVICES`, `POSTROUTING -j ${prefix}POSTROUTING`],
    filter: ['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => `${chain} -m conntrack --ctstate NEW -j ${prefix}UNSERVED`),
  };
}

/** Chain → rules, but for those that Services fill. */
export function fixedChains(plan: IptablesPlan): Readonly<Record<IptablesTable, Readonly<Record<string, readonly string[]>>>> {
  const { family, bridge, podRange, serviceRange } = plan;
  const p = chainPrefix(plan);
  // Node ports answer on loopback too, for which the bridge lets such addresses through (route_localnet): but not for Pods.
  const fromPods = family === 'ip' ? `-i ${bridge} -d 127.0.0.0/8` : undefined;
  return {
    nat: {
      [`${p}SERVICES`]: [
        ...(fromPods ? [`${fromPods} -j RETURN`] : []),
        `! -s ${podRange} -d ${serviceRange} ${markForMasquerade}`,
        `-j ${p}FRONTENDS`,
        `-m addrtype --dst-type LOCAL -j ${p}NODE-PORTS`,
      ],
      [`${p}POSTROUTING`]: [
        `-s ${podRange} -d ${podRange} -m conntrack --ctstate DNAT -j ${p}HAIRPIN`,
        `-m mark ! --mark ${mark}/${mark} -j RETURN`,
        `-j MARK --xor-mark ${mark}`,
        '-j MASQUERADE --random-fully',
      ],
    },
    filter: {
      [`${p}UNSERVED`]: [
        ...(fromPods ? [`${fromPods} -j DROP`] : []),
        `-j ${p}NO-ENDPOINTS`,
        `-m addrtype --dst-type LOCAL -j ${p}NO-PORTS`,
        `-d ${serviceRange} -j ${p}REFUSE`,
      ],
      // A reset, since the kernel sends only so many ICMP messages a second to one host.
      [`${p}REFUSE`]: ['-p tcp -j REJECT --reject-with tcp-reset', '-j REJECT'],
    },
  };
}
