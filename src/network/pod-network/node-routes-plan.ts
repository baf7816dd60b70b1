// How the Pods of other nodes are reached from this one: pure.
//
// Over a shared link a plain route to the node is all that is needed: nothing is wrapped, and packets keep their full size. A node
// behind a router is reached through a VXLAN (RFC 7348), since routers in between know nothing of Pods. Its addresses follow from the
// nodes' ranges, so that nodes need not tell each other more than their Node objects say.
import type { Node } from '../../api/types.ts';
import { formatAddress, overlap, parseRange } from './ipv4-range.ts';
import type { PodNetworkPlan } from './choose.ts';

/** Another node. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly podRange: string;
}

/** Where a peer is: on the link that our own address is of, or behind a router. Both must see it alike, or one would wrap what the other does not unwrap. */
export type Reach = 'link' | 'routed';

/** From `ip -o route get PEER`. A node with several links is on-link only by its address: by another of its links it is its own router. */
export function reachFrom(route: string, ownAddress: string): { readonly reach: Reach; readonly link: string } {
  const isOnLink = !/ via /.test(route) && / src (\S+)/.exec(route)?.[1] === ownAddress;
  return { reach: isOnLink ? 'link' : 'routed', link: / dev (\S+)/.exec(route)?.[1] ?? '' };
}

/** Marks our routes, so that only they are ever removed. Not one of the numbers in iproute2's rt_protos. */
export const routeProtocol = 185;
export const vxlanPort = 8472;

/** In their order by name; a node without an address or a range within the cluster's is none. */
export function peersOf(nodes: readonly Node[], ownName: string, { clusterRange }: Pick<PodNetworkPlan, 'clusterRange'>): Peer[] {
  const whole = parseRange(clusterRange)!;
  return nodes
    .flatMap((node): Peer[] => {
      const { name } = node.metadata;
      const address = ipv4AddressOf(node);
      const podRange = [...(node.spec.podCIDRs ?? []), node.spec.podCIDR ?? ''].find((range) => parseRange(range));
      const isWithin = podRange !== undefined && overlap(parseRange(podRange)!, whole);
      return name !== ownName && address && isWithin ? [{ name, address, podRange }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function ipv4AddressOf({ status }: Node): string | undefined {
  return status.addresses?.find(({ type, address }) => type === 'InternalIP' && parseRange(address))?.address;
}

export function vxlanName({ bridge }: Pick<PodNetworkPlan, 'bridge'>): string {
  return `${bridge}-vx`;
}

/** What a VXLAN adds to each packet: Ethernet, IPv4, UDP and its own header. */
const wrappingBytes = 50;

/** `ip` commands that make this node's end of the VXLAN; made only when a peer needs it. */
export function vxlanCommands(plan: PodNetworkPlan, ownAddress: string, linkMtu: number): string[] {
  const name = vxlanName(plan);
  const { first } = parseRange(plan.clusterRange)!;
  const end = endOf(plan.podRange);
  return [
    // Its number is the cluster's, so that clusters that share machines do not hear each other.
    `link add ${name} mtu ${linkMtu - wrappingBytes} type vxlan id ${(first >>> 8) & 0xffffff} local ${ownAddress} dstport ${vxlanPort} nolearning`,
    `link set ${name} address ${end.mac} up`,
    `address replace ${end.address}/32 dev ${name}`,
  ];
}

/** One line for each thing that leads to the peer; the line says all of it, so that equal lines mean nothing to do. */
export function routeTo({ address, podRange }: Peer, reach: Reach, plan: PodNetworkPlan): { readonly route: string; readonly neighbour?: string; readonly forwarding?: string } {
  if (reach === 'link') return { route: `${podRange} via ${address}` };
  const [name, end] = [vxlanName(plan), endOf(podRange)];
  return {
    route: `${podRange} via ${end.address} dev ${name} onlink`,
    neighbour: `${end.address} lladdr ${end.mac} dev ${name} nud permanent`,
    forwarding: `${end.mac} dev ${name} dst ${address}`,
  };
}

/** A node's end of the VXLAN: the first address of its range, which no Pod has, and a hardware address made of it. */
function endOf(podRange: string): { readonly address: string; readonly mac: string } {
  const { first } = parseRange(podRange)!;
  const bytes = [24, 16, 8, 0].map((shift) => ((first >>> shift) & 255).toString(16).padStart(2, '0'));
  return { address: formatAddress(first), mac: ['0a', '59', ...bytes].join(':') };
}
