// What a Service's traffic of one IP family needs on one node: pure. Each port of a Service becomes one ServicePort, with the
// addresses it is called at and the endpoints that answer.
import { familyOf, type IpFamily } from '../../base/ip.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { chooseEndpoints, type NodePlace, type ProxyEndpoint } from './choose-endpoints.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Backend {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
}

export interface ServicePort {
  /** `namespace/name/port`, the port by its name or number. */
  readonly id: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  /** Given by a load balancer (ingress of mode Proxy goes past us). */
  readonly balancerIPs: readonly string[];
  /** Who may call the balancer's addresses; empty: everybody. */
  readonly sourceRanges: readonly string[];
  readonly nodePort: number | undefined;
  /** A client keeps its endpoint for so long. */
  readonly affinitySeconds: number | undefined;
  readonly internalPolicy: 'Cluster' | 'Local';
  readonly externalPolicy: 'Cluster' | 'Local';
  /** Of all nodes, after topology. Empty also where nothing asks for them. */
  readonly cluster: readonly Backend[];
  /** Of this node. Empty also where nothing asks for them. */
  readonly local: readonly Backend[];
  /** True: some endpoint could answer, be it elsewhere. */
  readonly hasEndpoints: boolean;
}

/** Left to another proxy, or without an address to lead from. */
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name';
const headlessLabel = 'service.kubernetes.io/headless';

export function servicePorts(service: Service, slices: readonly EndpointSlice[], here: NodePlace, family: IpFamily = 'IPv4'): ServicePort[] {
  const { metadata, spec } = service;
  const labels = metadata.labels ?? {};
  const own = (addresses: readonly string[]) => addresses.filter((address) => familyOf(address) === family);
  const clusterIPs = own(spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));
  if (spec.type === 'ExternalName' || clusterIPs.length === 0 || clusterIPs[0] === 'None' || otherProxyLabel in labels || headlessLabel in labels) return [];
  const internalPolicy = spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster';
  const externalPolicy = spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster';
  const externalIPs = own(spec.externalIPs ?? []);
  const balancerIPs = own((service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : [])));
  const affinitySeconds = spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
  return (spec.ports ?? []).map((port) => {
    const endpoints = endpointsOf(port.name ?? '', slices, family, here);
    const isReachedFromOutside = Boolean(port.nodePort) || externalIPs.length > 0 || balancerIPs.length > 0;
    const needsLocal = internalPolicy === 'Local' || (externalPolicy === 'Local' && isReachedFromOutside);
    const needsCluster = internalPolicy === 'Cluster' || isReachedFromOutside;
    const cluster = chooseEndpoints(endpoints, here);
    return {
      id: `${metadata.namespace}/${metadata.name}/${port.name || port.port}`,
      protocol: (port.protocol ?? 'TCP').toLowerCase() as Protocol,
      port: port.port,
      clusterIPs,
      externalIPs,
      balancerIPs,
      sourceRanges: own((spec.loadBalancerSourceRanges ?? []).map((range) => range.trim())),
      nodePort: port.nodePort || undefined,
      affinitySeconds,
      internalPolicy,
      externalPolicy,
      cluster: needsCluster ? backends(cluster) : [],
      local: needsLocal ? backends(chooseEndpoints(endpoints.filter(({ isLocal }) => isLocal))) : [],
      hasEndpoints: cluster.length > 0,
    };
  });
}

/** The family's endpoints behind a port, each address and port once. */
function endpointsOf(portName: string, slices: readonly EndpointSlice[], family: IpFamily, here: NodePlace): ProxyEndpoint[] {
  const found = new Map<string, ProxyEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const port = slice.ports?.find(({ name }) => (name ?? '') === portName)?.port;
    if (!port) continue;
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
      const [ip] = addresses;
      if (!ip) continue;
      const ready = conditions?.ready ?? true;
      const endpoint: ProxyEndpoint = {
        ip,
        port,
        isLocal: nodeName !== undefined && nodeName === here.nodeName,
        ready,
        serving: conditions?.serving ?? ready,
        terminating: conditions?.terminating ?? false,
        forZones: hints?.forZones?.map(({ name }) => name),
        forNodes: hints?.forNodes?.map(({ name }) => name),
      };
      // While slices are re-sorted an endpoint may stand in two of them; the one that is ready counts.
      const key = `${ip}:${port}`;
      if (!found.get(key)?.ready) found.set(key, endpoint);
    }
  }
  return [...found.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
}

function backends(endpoints: readonly ProxyEndpoint[]): Backend[] {
  return endpoints.map(({ ip, port, isLocal }) => ({ ip, port, isLocal }));
}
