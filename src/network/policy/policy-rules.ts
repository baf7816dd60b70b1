// A policy's rules for nftables, as data: pure. What all policies share is in skeleton.ts.
//
//   ingress-…, egress-… (maps of this node's isolated Pods) ─▶ a chain for each group of policies that some Pods have in common:
//   each policy's own chain in turn, of which one that allows ends it ─▶ drop
import type { Piece } from '../proxy/nft/table.ts';
import { destinationOf, digest, namedSet, selectedBy, type AddressSet, type CompiledPolicy, type Family, type Peer, type Ports, type Rule } from './compile-policy.ts';

export type Direction = 'ingress' | 'egress';
const directions: readonly Direction[] = ['ingress', 'egress'];
const families: readonly Family[] = [4, 6];

export function policyPiece(policy: CompiledPolicy): Piece {
  const chains = new Map<string, readonly string[]>();
  for (const direction of directions) {
    const rules = policy[direction];
    if (rules) chains.set(policyChain(direction, policy.key), rules.flatMap((rule) => linesOf(direction, rule, policy)));
  }
  return { chains, sets: new Map(), elements: [] };
}

/** Readable, and unique though cut: nftables' longest name has 127 characters. */
export function policyChain(direction: Direction, key: string): string {
  return `${direction}-${digest(key)}/${key}`.slice(0, 120);
}

export function groupChain(direction: Direction, keys: readonly string[]): string {
  return `${direction}-group-${digest(...keys)}`;
}

/** What becomes of a packet of the Pods that these policies are about. */
export function groupPiece(direction: Direction, keys: readonly string[]): Piece {
  return { chains: new Map([[groupChain(direction, keys), [...keys.map((key) => `jump ${policyChain(direction, key)}`), 'drop']]]), sets: new Map(), elements: [] };
}

export function setName({ type, id }: Pick<AddressSet, 'type' | 'id'>, family: Family): string {
  return `${type}-${id}-${family}`;
}

export function setPiece(set: AddressSet): Piece {
  return { chains: new Map(), sets: new Map(families.map((family) => [setName(set, family), `{ type ${typesOf(set, family)}; }`])), elements: [] };
}

function typesOf({ type }: AddressSet, family: Family): string {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  switch (type) {
    case 'pods':
      return address;
    case 'served':
      return `${address} . inet_proto . inet_service`;
    case 'named':
      return `${address} . inet_service`;
  }
}

/** Some conditions of a rule; undefined family: they hold for both. */
interface Match {
  readonly family?: Family;
  readonly text: string;
}

function linesOf(direction: Direction, { peers, ports }: Rule, policy: CompiledPolicy): string[] {
  const lines: string[] = [];
  for (const peer of peers) {
    const destination = direction === 'ingress' ? selectedBy(policy) : destinationOf(peer);
    for (const from of peerMatches(direction, peer)) {
      for (const to of ports ? ports.flatMap((port) => portMatches(port, (protocol, name) => namedSet(destination, protocol, name))) : [{ text: '' } as Match]) {
        if (from.family && to.family && from.family !== to.family) continue;
        lines.push(`${from.text} ${to.text} accept`.trim().replaceAll(/ +/g, ' '));
      }
    }
  }
  return [...new Set(lines)];
}

function peerMatches(direction: Direction, peer: Peer): Match[] {
  const side = direction === 'ingress' ? 'saddr' : 'daddr';
  switch (peer.type) {
    case 'anyone':
      return [{ text: '' }];
    case 'sets':
      return peer.sets.flatMap((set) => families.map((family): Match => {
        const address = `${ip(family)} ${side}`;
        return { family, text: set.type === 'served' ? `${address} . meta l4proto . th dport @${setName(set, family)}` : `${address} @${setName(set, family)}` };
      }));
    case 'block': {
      const { family, cidr, except } = peer;
      const address = `${ip(family)} ${side}`;
      const all = cidr.endsWith('/0') ? `meta nfproto ipv${family}` : `${address} ${cidr}`;
      return [{ family, text: except.length > 0 ? `${all} ${address} != { ${except.join(', ')} }` : all }];
    }
  }
}

function portMatches(port: Ports, named: (protocol: Ports['protocol'], name: string) => AddressSet): Match[] {
  const protocol = `meta l4proto ${port.protocol}`;
  switch (port.type) {
    case 'all':
      return [{ text: protocol }];
    case 'ranges':
      return [{ text: `${protocol} th dport { ${port.ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ')} }` }];
    case 'named':
      return families.map((family) => ({ family, text: `${protocol} ${ip(family)} daddr . th dport @${setName(named(port.protocol, port.name), family)}` }));
  }
}

export function ip(family: Family): string {
  return family === 4 ? 'ip' : 'ip6';
}
