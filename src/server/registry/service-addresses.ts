// The cluster IPs and node ports of Services: taken when a Service is written, given back when it goes. What is taken
// is known from the stored Services alone, so nothing else has to be stored.
import { assert } from '../../base/assert.ts';
import { formatIp, formatIpRange, holds, parseIp, parseIpRange, sizeOf, type IpFamily, type IpRange } from '../../base/ip.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, type FieldCause } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { needsHealthCheck } from '../../api/kinds/service/validate.ts';
import type { KubeObject, Service } from '../../api/types.ts';
import { decideFamilies } from './service-families.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What one write took. Disposed without `keep`, it is given back. */
export interface Taken extends Disposable {
  keep(): void;
}

type Spec = Service['spec'];

/** Why a Service should be made anew, in the words of Kubernetes' repair loops. */
export interface AllocationProblem {
  readonly reason: string;
  readonly message: string;
}

export class ServiceAddresses {
  /** The cluster's first family first. */
  readonly #ranges: ReadonlyMap<IpFamily, IpRange>;
  readonly #ports: PortRange;
  readonly #random: Random;
  /** As `fd00::a`: an address has many spellings. */
  readonly #takenIps = new Claims<string>();
  readonly #takenPorts = new Claims<number>();

  /** `serviceRanges`: one of each family that the cluster has. */
  constructor(serviceRanges: readonly string[], nodePortRange: PortRange, random: Random) {
    this.#ranges = new Map(serviceRanges.map((text) => {
      const range = parseIpRange(text);
      if (!range || sizeOf(range) < 4n) throw new Error(`${text} is not a range of addresses for Services`);
      return [range.family, range];
    }));
    this.#ports = nodePortRange;
    this.#random = random;
  }

  /**
   * At the start: what a stored Service holds. What is allocated is known from the Services alone, so nothing can leak; what two of
   * them hold, or what is out of range since the ranges have changed, stays as it is and is told.
   */
  load({ spec }: Service): AllocationProblem[] {
    const problems: AllocationProblem[] = [];
    for (const text of ipsOf(spec)) {
      const ip = parseIp(text)!;
      const range = this.#ranges.get(ip.family);
      const of = `Cluster IP [${ip.family}]:${text}`;
      if (!range || !canBeGiven(range, ip.value)) problems.push({ reason: 'ClusterIPOutOfRange', message: `${of} is not within the service CIDR ${formatIpRange(range ?? this.#ranges.values().next().value!)}; please recreate service` });
      else if (this.#takenIps.has(text)) problems.push({ reason: 'ClusterIPAlreadyAllocated', message: `${of} was assigned to multiple services; please recreate service` });
      this.#takenIps.add(text);
    }
    const { first, last } = this.#ports;
    for (const port of portsOf(spec)) {
      if (port < first || port > last) problems.push({ reason: 'PortOutOfRange', message: `Port ${port} is not within the port range ${first}-${last}; please recreate service` });
      else if (this.#takenPorts.has(port)) problems.push({ reason: 'PortAlreadyAllocated', message: `Port ${port} was assigned to multiple services; please recreate service` });
      this.#takenPorts.add(port);
    }
    return problems;
  }

  /** Before an update is validated: what the new Service leaves out and the old one has, it goes on having. */
  carryOver(kind: Kind, draft: KubeObject, before: KubeObject): void {
    if (!isService(kind)) return;
    const { spec } = draft as Service;
    const old = (before as Service).spec;
    if (!spec || typeof spec !== 'object') return;
    if (wantsIp(spec) && wantsIp(old) && !spec.clusterIPs?.length && (!spec.clusterIP || spec.clusterIP === old.clusterIP)) {
      spec.clusterIP = old.clusterIP;
      spec.clusterIPs = old.clusterIPs && [...old.clusterIPs];
    }
    if (spec.type !== 'ExternalName' && old.type !== 'ExternalName' && !spec.ipFamilies?.length && old.ipFamilies) spec.ipFamilies = [...old.ipFamilies];
    if (!wantsPorts(spec) || !wantsPorts(old)) return;
    const held = new Set((spec.ports ?? []).map((port) => port.nodePort));
    for (const port of spec.ports ?? []) {
      const same = old.ports?.find((other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
      if (!port.nodePort && same?.nodePort && !held.has(same.nodePort)) port.nodePort = same.nodePort;
    }
  }

  /** Fills in the draft what it wants and `before` has not. Throws ApiError Invalid for what is taken or out of range. */
  take(kind: Kind, draft: KubeObject, before: KubeObject | undefined, dryRun: boolean): Taken {
    if (!isService(kind)) return nothingTaken;
    const service = draft as Service;
    decideFamilies(service, (before as Service | undefined)?.spec, [...this.#ranges.keys()]);
    const oldIps = new Set(before ? ipsOf((before as Service).spec) : []);
    const oldPorts = new Set(before ? portsOf((before as Service).spec) : []);
    const ips: string[] = [];
    const ports: number[] = [];
    const giveBack = () => {
      for (const ip of ips.splice(0)) this.#takenIps.delete(ip);
      for (const port of ports.splice(0)) this.#takenPorts.delete(port);
    };
    try {
      if (wantsIp(service.spec)) this.#takeIps(service, oldIps, ips);
      if (wantsPorts(service.spec)) this.#takePorts(service, oldPorts, ports);
      if (needsHealthCheck(service.spec)) this.#takeHealthPort(service, oldPorts, ports);
    } catch (error) {
      giveBack();
      throw error;
    }
    if (dryRun) giveBack();
    return {
      keep: () => {
        if (dryRun) return;
        ips.length = ports.length = 0;
        const still = { ips: new Set(ipsOf(service.spec)), ports: new Set(portsOf(service.spec)) };
        for (const ip of oldIps) if (!still.ips.has(ip)) this.#takenIps.delete(ip);
        for (const port of oldPorts) if (!still.ports.has(port)) this.#takenPorts.delete(port);
      },
      [Symbol.dispose]: giveBack,
    };
  }

  release(kind: Kind, object: KubeObject): void {
    if (!isService(kind)) return;
    for (const ip of ipsOf((object as Service).spec)) this.#takenIps.delete(ip);
    for (const port of portsOf((object as Service).spec)) this.#takenPorts.delete(port);
  }

  /** One of each family; those asked for first, so that what is free is not one of them. */
  #takeIps(service: Service, old: ReadonlySet<string>, taken: string[]): void {
    const { spec } = service;
    const ips = (spec.clusterIPs?.length ? [...spec.clusterIPs] : spec.clusterIP ? [spec.clusterIP] : []).slice(0, spec.ipFamilies!.length);
    const take = (ip: string) => {
      if (this.#takenIps.has(ip)) return;
      taken.push(ip);
      this.#takenIps.add(ip);
    };
    for (const wanted of ips) {
      const refuse = (why: string) => invalid(service, 'spec.clusterIPs', `Invalid value: ${JSON.stringify(ips)}: failed to allocate IP ${wanted}: ${why}`);
      const asked = parseIp(wanted);
      const range = asked && this.#ranges.get(asked.family);
      if (!asked || !range || !canBeGiven(range, asked.value)) throw refuse(`the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${formatIpRange(range ?? this.#ranges.values().next().value!)}`);
      const text = formatIp(asked);
      if (this.#takenIps.has(text) && !old.has(text)) throw refuse('provided IP is already allocated');
      take(text);
    }
    for (const family of spec.ipFamilies!.slice(ips.length)) {
      const free = this.#freeIp(family as IpFamily);
      if (free === undefined) throw new ApiError(500, 'InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
      take(free);
      ips.push(free);
    }
    spec.clusterIP = ips[0]!;
    spec.clusterIPs = ips;
  }

  #takePorts(service: Service, old: ReadonlySet<number>, taken: number[]): void {
    const { first, last } = this.#ports;
    /** One number may serve the same Service once for each protocol. */
    const own = new Set<string>();
    for (const [index, port] of (service.spec.ports ?? []).entries()) {
      const field = `spec.ports[${index}].nodePort`;
      const protocol = port.protocol ?? 'TCP';
      if (port.nodePort) {
        const refuse = (why: string) => invalid(service, field, `Invalid value: ${port.nodePort}: ${why}`);
        if (port.nodePort < first || port.nodePort > last) throw refuse(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
        const isOurs = old.has(port.nodePort) || taken.includes(port.nodePort);
        if ((this.#takenPorts.has(port.nodePort) && !isOurs) || own.has(`${protocol}/${port.nodePort}`)) throw refuse('provided port is already allocated');
      } else {
        const free = this.#freePort();
        if (free === undefined) throw new ApiError(500, 'InternalError', `Internal error occurred: failed to allocate a nodePort: range is full`);
        port.nodePort = free;
      }
      own.add(`${protocol}/${port.nodePort}`);
      if (this.#takenPorts.has(port.nodePort)) continue;
      taken.push(port.nodePort);
      this.#takenPorts.add(port.nodePort);
    }
  }

  /** Where outside load balancers ask whether a node has endpoints. */
  #takeHealthPort({ spec }: Service, old: ReadonlySet<number>, taken: number[]): void {
    const { first, last } = this.#ports;
    const wanted = spec.healthCheckNodePort;
    if (wanted && old.has(wanted)) return;
    const refuse = (what: string, why: string) => new ApiError(500, 'InternalError', `Internal error occurred: failed to allocate ${what} ${wanted ?? 0}: ${why}`);
    if (wanted && (wanted < first || wanted > last)) throw refuse('requested HealthCheck NodePort', `provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    if (wanted && this.#takenPorts.has(wanted)) throw refuse('requested HealthCheck NodePort', 'provided port is already allocated');
    const port = wanted || this.#freePort();
    if (port === undefined) throw refuse('a HealthCheck NodePort', 'range is full');
    taken.push(port);
    this.#takenPorts.add(port);
    spec.healthCheckNodePort = port;
  }

  /** By chance from the upper part of the range; the lower is left, as long as it goes, to those who choose for themselves. */
  #freeIp(family: IpFamily): string | undefined {
    const range = this.#ranges.get(family)!;
    const size = Number(givable(range));
    const chosen = Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1);
    const textAt = (index: number) => formatIp({ family, value: range.first + 1n + BigInt(index) });
    const isFree = (index: number) => !this.#takenIps.has(textAt(index));
    const index = freeOf(isFree, chosen, size - chosen, this.#random) ?? freeOf(isFree, 0, chosen, this.#random);
    return index === undefined ? undefined : textAt(index);
  }

  #freePort(): number | undefined {
    const { first, last } = this.#ports;
    const size = last - first + 1;
    const chosen = Math.min(Math.max(16, Math.floor(size / 32)), 128, size - 1);
    const isFree = (port: number) => !this.#takenPorts.has(port);
    return freeOf(isFree, first + chosen, size - chosen, this.#random) ?? freeOf(isFree, first, chosen, this.#random);
  }
}

/** Who has what; two may hold the same where they came so out of the store, and then it is free when both have given it back. */
class Claims<T> {
  readonly #counts = new Map<T, number>();

  has(item: T): boolean {
    return this.#counts.has(item);
  }

  add(item: T): void {
    this.#counts.set(item, (this.#counts.get(item) ?? 0) + 1);
  }

  delete(item: T): void {
    const left = (this.#counts.get(item) ?? 0) - 1;
    if (left > 0) this.#counts.set(item, left);
    else this.#counts.delete(item);
  }
}

function freeOf(isFree: (candidate: number) => boolean, first: number, size: number, random: Random): number | undefined {
  const start = Math.floor(random.next() * size);
  for (let step = 0; step < size; step++) {
    const candidate = first + ((start + step) % size);
    if (isFree(candidate)) return candidate;
  }
  return undefined;
}

/** Of larger ranges only so many are given out. */
const mostGiven = 1n << 16n;

/** How many can be given out: without the first, which stands for the range, and for IPv4 without the last, its broadcast address. */
function givable(range: IpRange): bigint {
  const size = sizeOf(range) - (range.family === 'IPv4' ? 2n : 1n);
  return size < mostGiven ? size : mostGiven;
}

function canBeGiven(range: IpRange, value: bigint): boolean {
  const last = range.first + sizeOf(range) - 1n;
  return holds(range, { family: range.family, value }) && value !== range.first && !(range.family === 'IPv4' && value === last);
}

const nothingTaken: Taken = { keep: () => {}, [Symbol.dispose]: () => {} };

function isService({ group, plural }: Kind): boolean {
  return group === '' && plural === 'services';
}

function wantsIp(spec: Spec): boolean {
  return spec.type !== 'ExternalName' && spec.clusterIP !== 'None' && spec.clusterIPs?.[0] !== 'None';
}

function wantsPorts(spec: Spec): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

function ipsOf(spec: Spec): string[] {
  if (!wantsIp(spec)) return [];
  return (spec.clusterIPs ?? [spec.clusterIP ?? '']).map(parseIp).filter((ip) => ip !== undefined).map(formatIp);
}

function portsOf(spec: Spec): number[] {
  const all = [...(spec.ports ?? []).map((port) => port.nodePort), spec.healthCheckNodePort].filter((port) => !!port) as number[];
  // One number may serve several protocols.
  return [...new Set(all)];
}

function invalid(service: Service, field: string, message: string): ApiError {
  const cause: FieldCause = { reason: 'FieldValueInvalid', field, message };
  assert(service.metadata.name, 'a Service has its name before its addresses');
  return ApiError.invalid({ group: '', kind: 'Service' }, service.metadata.name, [cause]);
}
