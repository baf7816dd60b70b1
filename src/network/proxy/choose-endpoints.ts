// Which endpoints get traffic: pure. Those that are ready; where none is, those that still serve while they end (KEP-1669);
// of these the near ones, where the slices' hints say so for every endpoint (KEP-2433, KEP-3015).

export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly forZones: readonly string[] | undefined;
  readonly forNodes: readonly string[] | undefined;
}

/** Where the proxy is. */
export interface NodePlace {
  readonly nodeName: string;
  /** The node's label topology.kubernetes.io/zone. */
  readonly zone: string | undefined;
}

/** `here`: absent for endpoints that are not to be sorted by nearness. */
export function chooseEndpoints(all: readonly ProxyEndpoint[], here?: NodePlace): readonly ProxyEndpoint[] {
  const ready = all.filter((endpoint) => endpoint.ready);
  if (ready.length > 0) return here ? near(ready, here) : ready;
  return all.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

/** A node or zone without any endpoint of its own, or an endpoint without a hint, and nearness does not count. */
function near(endpoints: readonly ProxyEndpoint[], { nodeName, zone }: NodePlace): readonly ProxyEndpoint[] {
  const onNode = endpoints.filter(({ forNodes }) => forNodes?.includes(nodeName));
  if (onNode.length > 0 && endpoints.every(({ forNodes }) => forNodes?.length)) return onNode;
  if (zone === undefined) return endpoints;
  const inZone = endpoints.filter(({ forZones }) => forZones?.includes(zone));
  return inZone.length > 0 && endpoints.every(({ forZones }) => forZones?.length) ? inZone : endpoints;
}
