// Which UDP flows lead to where nobody is any more: pure. The kernel keeps a flow as long as packets come, so a client that goes on
// sending would never reach the new endpoint.
import type { IpFamily } from '../../base/ip.ts';
import type { ServicePort } from './service-ports.ts';

/** Flows to `address` (of a Service) and `port` (undefined: all) that were led to `backend`; undefined: to none. */
export interface StaleFlows {
  readonly family: IpFamily;
  readonly address: string | undefined;
  readonly port: number;
  readonly backend: string | undefined;
}

export function staleFlows(before: readonly ServicePort[], after: readonly ServicePort[], family: IpFamily = 'IPv4'): StaleFlows[] {
  const stale: StaleFlows[] = [];
  for (const old of before) {
    if (old.protocol !== 'udp') continue;
    const now = after.find(({ id, protocol }) => id === old.id && protocol === 'udp');
    const alive = new Set([...(now?.cluster ?? []), ...(now?.local ?? [])].map(({ ip, port }) => `${ip} ${port}`));
    const gone = new Set([...old.cluster, ...old.local].filter(({ ip, port }) => !alive.has(`${ip} ${port}`)).map(({ ip }) => ip));
    for (const backend of gone) stale.push(...entries(old, family, backend));
  }
  for (const now of after) {
    if (now.protocol !== 'udp' || !now.hasEndpoints) continue;
    const old = before.find(({ id, protocol }) => id === now.id && protocol === 'udp');
    // Packets that came while there was no endpoint have made flows that lead nowhere.
    if (!old?.hasEndpoints) stale.push(...entries(now, family, undefined));
  }
  return stale;
}

function entries({ clusterIPs, externalIPs, balancerIPs, port, nodePort }: ServicePort, family: IpFamily, backend: string | undefined): StaleFlows[] {
  const atAddresses = [...clusterIPs, ...externalIPs, ...balancerIPs].map((address) => ({ family, address, port, backend }));
  return nodePort ? [...atAddresses, { family, address: undefined, port: nodePort, backend }] : atAddresses;
}

/** For `conntrack -D`. */
export function deleteArguments({ family, address, port, backend }: StaleFlows): string[] {
  return ['-D', '-f', family.toLowerCase(), '-p', 'udp', ...(address ? ['--orig-dst', address] : []), '--orig-port-dst', String(port), ...(backend ? ['--dst-nat', backend] : [])];
}
