// The CNI configuration of a cluster's Pod network: pure.
import { gateway6Of, gatewayOf, type PodNetworkPlan } from './choose.ts';

/**
 * `mtu`: of the machine's link, where it is not the usual 1500.
 *
 * One bridge, whose address is the Pods' gateway. Pods and node reach each other without NAT; what leaves the machine is
 * masqueraded by one rule of our own (rules.ts) rather than by a chain for each Pod, which costs a process for each.
 * With hairpin mode the plugin turns the detection of duplicate IPv6 addresses off, which takes a second; but it looks only every 50 ms
 * whether an address is usable, and on a busy machine the first look is too early.
 */
export function conflist(plan: PodNetworkPlan, ipamDir: string, mtu?: number): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: plan.bridge,
    plugins: [
      {
        type: 'bridge',
        bridge: plan.bridge,
        isGateway: true,
        hairpinMode: true,
        ...(mtu === undefined ? {} : { mtu }),
        ipam: {
          type: 'host-local',
          dataDir: ipamDir,
          ranges: [[{ subnet: plan.podRange, gateway: gatewayOf(plan) }], ...(plan.podRange6 ? [[{ subnet: plan.podRange6, gateway: gateway6Of(plan) }]] : [])],
          routes: [{ dst: '0.0.0.0/0' }, ...(plan.podRange6 ? [{ dst: '::/0' }] : [])],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }, null, 2) + '\n';
}
