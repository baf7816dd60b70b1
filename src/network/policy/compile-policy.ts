// From a NetworkPolicy to what it allows, in the form in which rules are written: selectors as matchers, ports as ranges by
// protocol, and the sets of addresses that its rules name. Pure.
import { createHash } from 'node:crypto';
import { isWithin, parseCidr } from '../../api/kinds/validation/cidr.ts';
import { everything, labelSelectorOf, type LabelMatcher } from '../../api/selectors.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/types.ts';
import { formatIpRange, type IpRange } from '../../base/ip.ts';
import type { PolicyPod } from './pod-facts.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';
export type Family = 4 | 6;

export interface CompiledPolicy {
  /** `namespace/name` */
  readonly key: string;
  readonly namespace: string;
  readonly selector: LabelMatcher;
  /** Undefined: it does not isolate that way. Empty: it allows nothing. */
  readonly ingress: readonly Rule[] | undefined;
  readonly egress: readonly Rule[] | undefined;
  /** All that its rules name. */
  readonly sets: readonly AddressSet[];
}

/** Whatever is one of the peers and one of the ports. */
export interface Rule {
  readonly peers: readonly Peer[];
  /** Undefined: all, of any protocol. */
  readonly ports: readonly Ports[] | undefined;
}

export type Peer =
  | { readonly type: 'anyone' }
  | { readonly type: 'sets'; readonly sets: readonly AddressSet[]; readonly selection: PodSelection }
  | { readonly type: 'block'; readonly family: Family; readonly cidr: string; readonly except: readonly string[] };

/** Of one protocol. `ranges` do not touch each other. */
export type Ports =
  | { readonly type: 'all'; readonly protocol: Protocol }
  | { readonly type: 'ranges'; readonly protocol: Protocol; readonly ranges: readonly (readonly [first: number, last: number])[] }
  /** Where the destination says so, each for itself: addresses with ports; one set for each of the rule's peers. */
  | { readonly type: 'named'; readonly protocol: Protocol; readonly name: string };

/** Which Pods are meant. */
export interface PodSelection {
  readonly id: string;
  /** A namespace by name, or all that the selector matches. */
  readonly namespace: string | LabelMatcher;
  readonly pods: LabelMatcher;
}

/** Addresses that change with the Pods; the same for all rules that mean the same. */
export type AddressSet =
  /** Of Pods. */
  | { readonly type: 'pods'; readonly id: string; readonly selection: PodSelection }
  /** Of servers that count as Pods, with protocol and port. */
  | { readonly type: 'served'; readonly id: string; readonly selection: PodSelection }
  /** Of those that have a port of this name, with its number. */
  | { readonly type: 'named'; readonly id: string; readonly selection: PodSelection; readonly protocol: Protocol; readonly name: string };

export function compilePolicy({ metadata, spec }: NetworkPolicy): CompiledPolicy {
  const namespace = metadata.namespace ?? '';
  const types = spec.policyTypes ?? ['Ingress'];
  const own = selectionOf(namespace, labelSelectorOf(spec.podSelector ?? {}));
  const compile = (direction: 'ingress' | 'egress', rules: readonly { peers?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[]): Rule[] => rules.map(({ peers, ports }) => ({
    peers: peers?.length ? peers.flatMap((peer) => peerOf(peer, namespace, direction)) : [{ type: 'anyone' }],
    ports: ports?.length ? portsOf(ports) : undefined,
  }));
  const ingress = types.includes('Ingress') ? compile('ingress', (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }) as never)) : undefined;
  const egress = types.includes('Egress') ? compile('egress', (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }) as never)) : undefined;
  const sets = new Map<string, AddressSet>();
  for (const [rules, destination] of [[ingress, own], [egress, undefined]] as const) {
    for (const { peers, ports } of rules ?? []) {
      for (const peer of peers) {
        for (const set of peer.type === 'sets' ? peer.sets : []) sets.set(set.id, set);
        for (const port of ports ?? []) if (port.type === 'named') {
          const set = namedSet(destination ?? destinationOf(peer), port.protocol, port.name);
          sets.set(set.id, set);
        }
      }
    }
  }
  return { key: `${namespace}/${metadata.name}`, namespace, selector: own.pods, ingress, egress, sets: [...sets.values()] };
}

/** For incoming traffic a port's name is that of the Pods that the policy is about. */
export function selectedBy({ namespace, selector }: Pick<CompiledPolicy, 'namespace' | 'selector'>): PodSelection {
  return selectionOf(namespace, selector);
}

/** For outgoing traffic it is that of the Pods that are called: the peers, or any. */
export function destinationOf(peer: Peer): PodSelection {
  return peer.type === 'sets' ? peer.selection : selectionOf(everything, everything);
}

export function namedSet(selection: PodSelection, protocol: Protocol, name: string): AddressSet & { type: 'named' } {
  return { type: 'named', id: digest('named', selection.id, protocol, name), selection, protocol, name };
}

export function selects({ namespace, pods }: PodSelection, pod: PolicyPod, namespaceLabels: Readonly<Record<string, string>> | undefined): boolean {
  const inNamespace = typeof namespace === 'string' ? namespace === pod.namespace : namespaceLabels !== undefined && namespace.matches(namespaceLabels);
  return inNamespace && pods.matches(pod.labels);
}

/** What a Pod that is selected adds to a set, as nftables writes it. */
export function elementsOf(set: AddressSet, { ips, ports, serves }: PolicyPod): { family: Family; key: string }[] {
  const keys = (ip: string) => {
    switch (set.type) {
      case 'pods':
        return serves ? [] : [ip];
      case 'served':
        return (serves ?? []).map(({ protocol, port }) => `${ip} . ${protocol} . ${port}`);
      case 'named':
        return ports.filter(({ name, protocol }) => name === set.name && protocol === set.protocol).map(({ port }) => `${ip} . ${port}`);
    }
  };
  return ips.flatMap((ip) => [...new Set(keys(ip))].map((key) => ({ family: familyOf(ip), key })));
}

export function familyOf(ip: string): Family {
  return ip.includes(':') ? 6 : 4;
}

function peerOf({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, own: string, direction: 'ingress' | 'egress'): Peer[] {
  if (ipBlock) return blockOf(ipBlock.cidr, ipBlock.except ?? []);
  if (!podSelector && !namespaceSelector) return [];
  const selection = selectionOf(namespaceSelector ? labelSelectorOf(namespaceSelector) : own, labelSelectorOf(podSelector ?? {}));
  const sets: AddressSet[] = [{ type: 'pods', id: digest('pods', selection.id), selection }];
  if (direction === 'egress') sets.push({ type: 'served', id: digest('served', selection.id), selection });
  return [{ type: 'sets', sets, selection }];
}

/** Of exceptions within each other the widest is left: sets of nftables may not overlap. */
function blockOf(text: string, exceptTexts: readonly string[]): Peer[] {
  const whole = parseCidr(text);
  if (!whole) return [];
  const except = exceptTexts.map(parseCidr).filter((one): one is IpRange => one !== undefined && one.family === whole.family);
  const widest = except.filter((one, at) => !except.some((other, at2) => at !== at2 && isWithin(one, other) && (other.bits < one.bits || (other.bits === one.bits && at2 < at))));
  return [{ type: 'block', family: whole.family === 'IPv4' ? 4 : 6, cidr: formatIpRange(whole), except: widest.map(formatIpRange) }];
}

function portsOf(ports: readonly NetworkPolicyPort[]): Ports[] {
  const all: Ports[] = [];
  for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
    const mine = ports.filter((port) => (port.protocol ?? 'TCP').toLowerCase() === protocol);
    if (mine.some(({ port }) => port === undefined || port === null)) {
      all.push({ type: 'all', protocol });
      continue;
    }
    const numbers = mine.flatMap(({ port, endPort }) => (typeof port === 'number' ? [[port, endPort ?? port] as const] : []));
    if (numbers.length > 0) all.push({ type: 'ranges', protocol, ranges: merged(numbers) });
    for (const name of new Set(mine.flatMap(({ port }) => (typeof port === 'string' ? [port] : [])))) all.push({ type: 'named', protocol, name });
  }
  return all;
}

function merged(ranges: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const whole: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = whole.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else whole.push([first, last]);
  }
  return whole;
}

function selectionOf(namespace: string | LabelMatcher, pods: LabelMatcher): PodSelection {
  return { id: digest(typeof namespace === 'string' ? `name ${namespace}` : `labels ${namespace}`, String(pods)), namespace, pods };
}

export function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}
