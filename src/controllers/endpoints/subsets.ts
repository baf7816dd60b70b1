// The subsets of a Service's legacy Endpoints, pure: Pods with the same ports share one, ready apart from not ready.
import { isBeingDeleted, isPodReady } from '../../api/meta.ts';
import { familyOf } from '../../base/ip.ts';
import type { Endpoints, Pod, Service } from '../../api/types.ts';
import { isHeadless, portsFor, type EndpointPort } from '../service-pods.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

/** The legacy kind holds no more; beyond it says that it was cut. */
const mostAddresses = 1000;

export function subsetsOf(service: Service, pods: readonly Pod[]): { readonly subsets: Subset[]; readonly isCut: boolean } {
  const { publishNotReadyAddresses = false, ports = [] } = service.spec;
  const groups = new Map<string, { ports: readonly EndpointPort[]; ready: Address[]; notReady: Address[] }>();
  const byAddress = [...pods].sort((a, b) => (a.status.podIP! < b.status.podIP! ? -1 : 1)).filter((pod) => addressFor(service, pod) !== undefined);
  let count = 0;
  for (const pod of byAddress) {
    if (isBeingDeleted(pod) && !publishNotReadyAddresses) continue;
    const served = portsFor(service, pod);
    if (served.length === 0 && !(isHeadless(service) && ports.length === 0)) continue;
    const isReady = publishNotReadyAddresses || isPodReady(pod);
    if (!isReady && (pod.spec.restartPolicy === 'Never' ? pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded' : false)) continue;
    if (++count > mostAddresses) break;
    const key = JSON.stringify(served);
    const group = groups.get(key) ?? { ports: served, ready: [], notReady: [] };
    groups.set(key, group);
    (isReady ? group.ready : group.notReady).push(addressOf(service, pod));
  }
  const subsets = [...groups.values()].map(({ ports, ready, notReady }): Subset => ({
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 ? { ports: ports.map((port) => ({ ...port, port: port.port! })) } : {}),
  }));
  return { subsets, isCut: count > mostAddresses };
}

/** This kind knows one family: the Service's first. */
function addressFor({ spec }: Service, { status }: Pod): string | undefined {
  const family = spec.ipFamilies?.[0] ?? familyOf(spec.clusterIP ?? '');
  return [status.podIP!, ...(status.podIPs ?? []).map(({ ip }) => ip)].find((ip) => familyOf(ip) === family);
}

function addressOf(service: Service, pod: Pod): Address {
  const { metadata, spec } = pod;
  const { name, namespace, uid } = metadata;
  const hostname = spec.hostname && spec.subdomain === service.metadata.name ? { hostname: spec.hostname } : {};
  return { ip: addressFor(service, pod)!, ...hostname, nodeName: spec.nodeName, targetRef: { kind: 'Pod', namespace, name, uid } };
}
