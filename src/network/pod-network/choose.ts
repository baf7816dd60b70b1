// Which bridge and which ranges a cluster takes: pure. Nothing that the machine already routes or calls its own is taken,
// so clusters side by side, VPNs and other container networks go on undisturbed.
import { addressAt, formatRange, overlap, parseRange, type Ipv4Range } from './ipv4-range.ts';

export interface PodNetworkPlan {
  readonly bridge: string;
  /** Of the Pods of this node, as 10.85.0.0/24. */
  readonly podRange: string;
  readonly serviceRange: string;
}

/** What the machine has already. */
export interface MachineNetwork {
  readonly links: readonly string[];
  /** Destinations of routes in any table but default routes, and the machine's own addresses; IPv4. */
  readonly ranges: readonly string[];
}

/** The smallest Pod range that can hold a node's 110 Pods. */
const smallestPodBits = 25;

/** Throws an Error with what is wrong when a wanted range cannot be had, or none is free. */
export function choosePodNetwork(machine: MachineNetwork, wanted: Partial<PodNetworkPlan> = {}): PodNetworkPlan {
  const taken = machine.ranges.map(parseRange).filter((range) => range !== undefined && range.bits > 0) as Ipv4Range[];
  const podRange = wanted.podRange === undefined ? firstFree(podCandidates(), taken, 'Pods') : asWanted(wanted.podRange, taken, 'Pod');
  if (podRange.bits > smallestPodBits) throw new Error(`the Pod range ${formatRange(podRange)} is too small: /${smallestPodBits} is the smallest`);
  const alsoTaken = [...taken, podRange];
  const serviceRange = wanted.serviceRange === undefined ? firstFree(serviceCandidates(), alsoTaken, 'Services') : asWanted(wanted.serviceRange, alsoTaken, 'service');
  return { bridge: wanted.bridge ?? freeBridge(machine.links), podRange: formatRange(podRange), serviceRange: formatRange(serviceRange) };
}

/** The node's address in the Pod network: the Pods' gateway. */
export function gatewayOf(plan: PodNetworkPlan): string {
  return addressAt(parseRange(plan.podRange)!, 1);
}

function freeBridge(links: readonly string[]): string {
  for (let n = 0; ; n++) if (!links.includes(`peapod${n}`)) return `peapod${n}`;
}

/** 10.85.0.0/24, 10.85.1.0/24 … 10.85.255.0/24, then 10.86 and 10.87 likewise. */
function* podCandidates(): Generator<Ipv4Range> {
  for (let n = 0; n < 3 * 256; n++) yield { first: parseRange('10.85.0.0')!.first + n * 256, bits: 24 };
}

/** 10.96.0.0/20, 10.96.16.0/20 … within 10.96.0.0/12, where Kubernetes' own default lies. */
function* serviceCandidates(): Generator<Ipv4Range> {
  for (let n = 0; n < 256; n++) yield { first: parseRange('10.96.0.0')!.first + n * 4096, bits: 20 };
}

function firstFree(candidates: Iterable<Ipv4Range>, taken: readonly Ipv4Range[], whose: string): Ipv4Range {
  for (const candidate of candidates) if (!taken.some((range) => overlap(range, candidate))) return candidate;
  throw new Error(`no IPv4 range is free for ${whose}: this machine routes all that were tried; name one yourself`);
}

function asWanted(text: string, taken: readonly Ipv4Range[], what: string): Ipv4Range {
  const range = parseRange(text);
  if (!range) throw new Error(`${text} is no IPv4 range`);
  const other = taken.find((candidate) => overlap(candidate, range));
  if (other) throw new Error(`the ${what} range ${text} overlaps ${formatRange(other)}, which this machine already uses`);
  return range;
}
