// The cluster IPs and node ports of Services: taken when a Service is written, given back when it goes. What is taken
// is known from the stored Services alone, so nothing else has to be stored.
import { assert } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, type FieldCause } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, Service } from '../../api/types.ts';
import { ipv4Number, ipv4Range, ipv4Text, type Ipv4Range } from './ipv4-range.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What one write took. Disposed without `keep`, it is given back. */
export interface Taken extends Disposable {
  keep(): void;
}

type Spec = Service['spec'];

export class ServiceAddresses {
  readonly #ips: Ipv4Range;
  readonly #ports: PortRange;
  readonly #random: Random;
  readonly #takenIps = new Set<number>();
  readonly #takenPorts = new Set<number>();

  constructor(serviceRange: string, nodePortRange: PortRange, random: Random) {
    this.#ips = ipv4Range(serviceRange);
    this.#ports = nodePortRange;
    this.#random = random;
  }

  /** At the start: what a stored Service holds. */
  load(service: Service): void {
    for (const ip of ipsOf(service.spec)) this.#takenIps.add(ip);
    for (const port of portsOf(service.spec)) this.#takenPorts.add(port);
  }

  /** Before an update is validated: what the new Service leaves out and the old one has, it goes on having. */
  carryOver(kind: Kind, draft: KubeObject, before: KubeObject): void {
    if (!isService(kind)) return;
    const { spec } = draft as Service;
    const old = (before as Service).spec;
    if (!spec || typeof spec !== 'object') return;
    if (wantsIp(spec) && wantsIp(old) && !spec.clusterIP && !spec.clusterIPs?.length) {
      spec.clusterIP = old.clusterIP;
      spec.clusterIPs = old.clusterIPs && [...old.clusterIPs];
    }
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
    const oldIps = new Set(before ? ipsOf((before as Service).spec) : []);
    const oldPorts = new Set(before ? portsOf((before as Service).spec) : []);
    const ips: number[] = [];
    const ports: number[] = [];
    const giveBack = () => {
      for (const ip of ips.splice(0)) this.#takenIps.delete(ip);
      for (const port of ports.splice(0)) this.#takenPorts.delete(port);
    };
    try {
      if (wantsIp(service.spec)) this.#takeIp(service, oldIps, ips);
      if (wantsPorts(service.spec)) this.#takePorts(service, oldPorts, ports);
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

  #takeIp(service: Service, old: ReadonlySet<number>, taken: number[]): void {
    const { spec } = service;
    const wanted = spec.clusterIP || spec.clusterIPs?.[0];
    let ip: number;
    if (wanted) {
      const refuse = (why: string) => invalid(service, 'spec.clusterIPs', `Invalid value: [${JSON.stringify(wanted)}]: failed to allocate IP ${wanted}: ${why}`);
      const asked = ipv4Number(wanted);
      if (asked === undefined || !this.#ips.holds(asked)) throw refuse(`the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${this.#ips.text}`);
      if (this.#takenIps.has(asked) && !old.has(asked)) throw refuse('provided IP is already allocated');
      ip = asked;
    } else {
      const free = this.#freeIp();
      if (free === undefined) throw new ApiError(500, 'InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
      ip = free;
    }
    if (!this.#takenIps.has(ip)) taken.push(ip);
    this.#takenIps.add(ip);
    spec.clusterIP = ipv4Text(ip);
    spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies = ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
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
      if (!this.#takenPorts.has(port.nodePort)) taken.push(port.nodePort);
      this.#takenPorts.add(port.nodePort);
    }
  }

  /** By chance from the upper part of the range; the lower is left, as long as it goes, to those who choose for themselves. */
  #freeIp(): number | undefined {
    const { first, size } = this.#ips;
    const chosen = Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1);
    return freeOf(this.#takenIps, first + chosen, size - chosen, this.#random) ?? freeOf(this.#takenIps, first, chosen, this.#random);
  }

  #freePort(): number | undefined {
    const { first, last } = this.#ports;
    const size = last - first + 1;
    const chosen = Math.min(Math.max(16, Math.floor(size / 32)), 128, size - 1);
    return freeOf(this.#takenPorts, first + chosen, size - chosen, this.#random) ?? freeOf(this.#takenPorts, first, chosen, this.#random);
  }
}

function freeOf(taken: ReadonlySet<number>, first: number, size: number, random: Random): number | undefined {
  const start = Math.floor(random.next() * size);
  for (let step = 0; step < size; step++) {
    const candidate = first + ((start + step) % size);
    if (!taken.has(candidate)) return candidate;
  }
  return undefined;
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

function ipsOf(spec: Spec): number[] {
  return wantsIp(spec) ? (spec.clusterIPs ?? [spec.clusterIP ?? '']).map(ipv4Number).filter((ip) => ip !== undefined) : [];
}

function portsOf(spec: Spec): number[] {
  return (spec.ports ?? []).map((port) => port.nodePort).filter((port) => !!port) as number[];
}

function invalid(service: Service, field: string, message: string): ApiError {
  const cause: FieldCause = { reason: 'FieldValueInvalid', field, message };
  assert(service.metadata.name, 'a Service has its name before its addresses');
  return ApiError.invalid({ group: '', kind: 'Service' }, service.metadata.name, [cause]);
}
