// The EndpointSlices of a Service, pure: what is wanted, and the fewest writes that lead there from what is there.
import { isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { EndpointSlice, Pod, Service } from '../../api/types.ts';
import { isHeadless, isPodServing, portsFor, type EndpointPort } from '../service-pods.ts';

export type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];
export type AddressType = 'IPv4' | 'IPv6';

/** What one slice holds: endpoints of one family with the same ports. */
export interface Content {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface Plan {
  readonly create: readonly Content[];
  readonly change: readonly { readonly slice: EndpointSlice; readonly endpoints: readonly Endpoint[] }[];
  readonly remove: readonly EndpointSlice[];
}

const mostPerSlice = 100;

/** Endpoints in groups, each group to be cut into slices. A family without any gets one empty group, so that a slice says so. */
export function wantedContents(service: Service, pods: readonly Pod[], zoneOf: (nodeName: string) => string | undefined): readonly Content[] {
  const contents: Content[] = [];
  for (const addressType of familiesOf(service)) {
    const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
    for (const pod of pods) {
      const addresses = addressesOf(pod, addressType);
      const ports = portsFor(service, pod);
      if (addresses.length === 0 || (ports.length === 0 && !(isHeadless(service) && !service.spec.ports?.length))) continue;
      const key = JSON.stringify(ports);
      const group = groups.get(key) ?? { ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpointOf(service, pod, addresses, zoneOf));
    }
    if (groups.size === 0) contents.push({ addressType, ports: [], endpoints: [] });
    for (const group of groups.values()) contents.push({ addressType, ...group });
  }
  return contents;
}

export function planSlices(wanted: readonly Content[], present: readonly EndpointSlice[]): Plan {
  const left = new Set(present.filter((slice) => !isBeingDeleted(slice)));
  const create: Content[] = [];
  const change: { slice: EndpointSlice; endpoints: readonly Endpoint[] }[] = [];
  for (const content of wanted) {
    const own = [...left].filter((slice) => holds(slice, content));
    const missing = new Map(content.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
    const kept = own.map((slice) => ({
      slice,
      endpoints: (slice.endpoints ?? []).flatMap((endpoint) => {
        const identity = identityOf(endpoint);
        const now = missing.get(identity);
        missing.delete(identity);
        return now ? [now] : [];
      }),
    }));
    const rest = [...missing.values()];
    // Slices that change anyway take new ones first, then any with room.
    const isChanged = ({ slice, endpoints }: (typeof kept)[number]) => !sameJson(slice.endpoints ?? [], endpoints);
    for (const slot of [...kept.filter(isChanged), ...kept.filter((slot) => !isChanged(slot))]) slot.endpoints.push(...rest.splice(0, mostPerSlice - slot.endpoints.length));
    const isEmptyWanted = content.endpoints.length === 0;
    for (const [index, slot] of kept.entries()) {
      if (slot.endpoints.length === 0 && !(isEmptyWanted && index === 0)) continue;
      left.delete(slot.slice);
      if (isChanged(slot)) change.push(slot);
    }
    while (rest.length > 0) create.push({ ...content, endpoints: rest.splice(0, mostPerSlice) });
    if (isEmptyWanted && own.length === 0) create.push(content);
  }
  return { create, change, remove: [...left] };
}

function holds(slice: EndpointSlice, { addressType, ports }: Content): boolean {
  return slice.addressType === addressType && sameJson((slice.ports ?? []).map(withoutEmptyName), ports);
}

/** The API keeps a port's missing name as ''. */
function withoutEmptyName({ name, ...port }: EndpointPort): EndpointPort {
  return name ? { name, ...port } : port;
}

/** A Pod is the same endpoint whatever becomes of its address; what is no Pod is its address. */
function identityOf({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses[0] ?? '';
}

function endpointOf(service: Service, pod: Pod, addresses: string[], zoneOf: (nodeName: string) => string | undefined): Endpoint {
  const { metadata, spec } = pod;
  const serving = isPodServing(pod);
  const terminating = isBeingDeleted(pod);
  const zone = spec.nodeName ? zoneOf(spec.nodeName) : undefined;
  return {
    addresses,
    conditions: { ready: !!service.spec.publishNotReadyAddresses || (serving && !terminating), serving, terminating },
    ...(spec.hostname && spec.subdomain === service.metadata.name ? { hostname: spec.hostname } : {}),
    ...(spec.nodeName ? { nodeName: spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
    ...(zone ? { zone } : {}),
    ...hintsFor(service, spec.nodeName, zone),
  };
}

/** For whom an endpoint is near, where the Service wants its traffic near (KEP-4444, KEP-3015). */
function hintsFor({ spec }: Service, nodeName: string | undefined, zone: string | undefined): Pick<Endpoint, 'hints'> {
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  switch (spec.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone ? { hints: forZones } : {};
    case 'PreferSameNode':
      return nodeName ? { hints: { ...forZones, forNodes: [{ name: nodeName }] } } : {};
    default:
      return {};
  }
}

function familiesOf({ spec }: Service): readonly AddressType[] {
  const families = spec.ipFamilies?.length ? spec.ipFamilies : [spec.clusterIP?.includes(':') ? 'IPv6' : 'IPv4'];
  return families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'));
}

function addressesOf({ status }: Pod, family: AddressType): string[] {
  const all = status.podIPs?.length ? status.podIPs.map(({ ip }) => ip) : [status.podIP!];
  return all.filter((ip): ip is string => !!ip && ip.includes(':') === (family === 'IPv6'));
}
