// Which bridge and which ranges a cluster takes: pure. Nothing that the machine already routes or calls its own is taken,
// so clusters side by side, VPNs and other container networks go on undisturbed.
import { formatIpRange, ipAt, parseIpRange, rangesOverlap, type IpRange } from '../../base/ip.ts';
import { addressAt, formatRange, overlap, parseRange, type Ipv4Range } from './ipv4-range.ts';

export interface PodNetworkPlan {
  readonly bridge: string;
  /** Of the Pods of this node, as 10.85.0.0/24; a part of the cluster's. */
  readonly podRange: string;
  /** Of the Pods of all nodes, as 10.85.0.0/18. */
  readonly clusterRange: string;
  readonly serviceRange: string;
  /** Of a cluster with both families: their IPv6 ranges, always together. The Pods' is this node's alone. */
  readonly podRange6?: string;
  readonly serviceRange6?: string;
}

/** What the user asks for; `podRange` is the cluster's. */
export interface WantedNetwork extends Partial<PodNetworkPlan> {
  /** IPv6 beside IPv4; who names an IPv6 range means it too. */
  readonly ipv6?: boolean;
}

/** What the machine has already. */
export interface MachineNetwork {
  readonly links: readonly string[];
  /** Destinations of routes in any table but default routes, and the machine's own addresses; IPv4. */
  readonly ranges: readonly string[];
  /** The same of IPv6. */
  readonly ranges6: readonly string[];
  /** It has an IPv6 address that others could reach, and may forward packets. */
  readonly hasIPv6: boolean;
}

/** The smallest Pod range that can hold a node's 110 Pods. */
const smallestPodBits = 25;
const smallestPodBits6 = 120;
const smallestServiceBits6 = 124;

/** How large the range of a node is, where the cluster's is not smaller. */
export const nodeBits = 24;

/** Throws an Error with what is wrong when a wanted range cannot be had, or none is free. The first node has the first part of the cluster's IPv4 range. */
export function choosePodNetwork(machine: MachineNetwork, wanted: WantedNetwork = {}): PodNetworkPlan {
  const taken = machine.ranges.map(parseRange).filter((range) => range !== undefined && range.bits > 0) as Ipv4Range[];
  const clusterRange = wanted.podRange === undefined ? firstFree(podCandidates(), taken, 'Pods') : asWanted(wanted.podRange, taken, 'Pod');
  if (clusterRange.bits > smallestPodBits) throw new Error(`the Pod range ${formatRange(clusterRange)} is too small: /${smallestPodBits} is the smallest`);
  const podRange = { first: clusterRange.first, bits: Math.max(clusterRange.bits, nodeBits) };
  const alsoTaken = [...taken, clusterRange];
  const serviceRange = wanted.serviceRange === undefined ? firstFree(serviceCandidates(), alsoTaken, 'Services') : asWanted(wanted.serviceRange, alsoTaken, 'service');
  return { bridge: wanted.bridge ?? freeBridge(machine.links), podRange: formatRange(podRange), clusterRange: formatRange(clusterRange), serviceRange: formatRange(serviceRange), ...chooseRanges6(machine, wanted) };
}

function chooseRanges6({ ranges6, hasIPv6 }: MachineNetwork, wanted: WantedNetwork): Pick<PodNetworkPlan, 'podRange6' | 'serviceRange6'> {
  if (!wanted.ipv6 && wanted.podRange6 === undefined && wanted.serviceRange6 === undefined) return {};
  if (!hasIPv6) throw new Error('this machine has no IPv6: it has no address of its own that others could reach, or may not forward');
  const taken = ranges6.map(parseIpRange).filter((range) => range !== undefined && range.bits > 0) as IpRange[];
  const choose = (text: string | undefined, candidates: Iterable<IpRange>, what: string, smallestBits: number) => {
    const range = text === undefined ? firstFree6(candidates, taken, what) : asWanted6(text, taken, what);
    if (range.bits > smallestBits) throw new Error(`the ${what} range ${formatIpRange(range)} is too small: /${smallestBits} is the smallest`);
    taken.push(range);
    return formatIpRange(range);
  };
  return { podRange6: choose(wanted.podRange6, candidates6('fd00:10:85::', 64), 'Pod', smallestPodBits6), serviceRange6: choose(wanted.serviceRange6, candidates6('fd00:10:96::', 112), 'service', smallestServiceBits6) };
}

/** The node's address in the Pod network: the Pods' gateway. */
export function gatewayOf(plan: Pick<PodNetworkPlan, 'podRange'>): string {
  return addressAt(parseRange(plan.podRange)!, 1);
}

/** The same of its IPv6 addresses; undefined where the cluster has none. */
export function gateway6Of({ podRange6 }: Pick<PodNetworkPlan, 'podRange6'>): string | undefined {
  return podRange6 && ipAt(parseIpRange(podRange6)!, 1);
}

export function freeBridge(links: readonly string[]): string {
  for (let n = 0; ; n++) if (!links.includes(`peapod${n}`)) return `peapod${n}`;
}

/** 10.85.0.0/18, 10.85.64.0/18 … up to where the Services' candidates begin, then from 10.64.0.0/18 on: room for 64 nodes in each. */
function* podCandidates(): Generator<Ipv4Range> {
  const [first, size] = [parseRange('10.64.0.0')!.first, 2 ** 14];
  const skipped = (parseRange('10.85.0.0')!.first - first) / size;
  for (let n = 0; n < 128; n++) yield { first: first + ((n + skipped) % 128) * size, bits: 18 };
}

/** 10.96.0.0/20, 10.96.16.0/20 … within 10.96.0.0/12, where Kubernetes' own default lies. */
function* serviceCandidates(): Generator<Ipv4Range> {
  for (let n = 0; n < 256; n++) yield { first: parseRange('10.96.0.0')!.first + n * 4096, bits: 20 };
}

function firstFree(candidates: Iterable<Ipv4Range>, taken: readonly Ipv4Range[], whose: string): Ipv4Range {
  for (const candidate of candidates) if (!taken.some((range) => overlap(range, candidate))) return candidate;
  throw new Error(`no IPv4 range is free for ${whose}: this machine routes all that were tried; name one yourself`);
}

/** Local addresses (RFC 4193) that look like the IPv4 ones: fd00:10:85::/64, fd00:10:85:1::/64 … */
function* candidates6(first: string, bits: number): Generator<IpRange> {
  const { first: start } = parseIpRange(first)!;
  for (let n = 0n; n < 4096n; n++) yield { family: 'IPv6', first: start + (n << 64n), bits };
}

function firstFree6(candidates: Iterable<IpRange>, taken: readonly IpRange[], whose: string): IpRange {
  for (const candidate of candidates) if (!taken.some((range) => rangesOverlap(range, candidate))) return candidate;
  throw new Error(`no IPv6 ${whose} range is free: this machine routes all that were tried; name one yourself`);
}

function asWanted6(text: string, taken: readonly IpRange[], what: string): IpRange {
  const range = parseIpRange(text);
  if (range?.family !== 'IPv6') throw new Error(`${text} is no IPv6 range`);
  const other = taken.find((candidate) => rangesOverlap(candidate, range));
  if (other) throw new Error(`the ${what} range ${text} overlaps ${formatIpRange(other)}, which this machine already uses`);
  return range;
}

function asWanted(text: string, taken: readonly Ipv4Range[], what: string): Ipv4Range {
  const range = parseRange(text);
  if (!range) throw new Error(`${text} is no IPv4 range`);
  const other = taken.find((candidate) => overlap(candidate, range));
  if (other) throw new Error(`the ${what} range ${text} overlaps ${formatRange(other)}, which this machine already uses`);
  return range;
}
