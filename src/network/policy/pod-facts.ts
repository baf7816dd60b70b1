// What policies must know of a Pod: pure.
import type { EndpointSlice, Pod } from '../../api/types.ts';
import type { Protocol } from './compile-policy.ts';

export interface PolicyPod {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of either family; at least one. */
  readonly ips: readonly string[];
  /** Those that have a name. */
  readonly ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[];
  /** Its packets pass this machine's rules. */
  readonly isLocal: boolean;
  /** Set: no Pod of its own, but a server of the node's that counts as one, at these ports alone. */
  readonly serves?: readonly { readonly protocol: Protocol; readonly port: number }[];
}

/**
 * Undefined: no policy is about it, and none lets it in. So are Pods on the node's network, which no address tells from the node;
 * those without an address yet; and those that have ended, whose address may be another's. `ips`: when they are known before the API has them.
 */
export function policyPod({ metadata, spec, status }: Pod, nodeName: string, ips: readonly string[] = addressesOf(status)): PolicyPod | undefined {
  if (spec.hostNetwork || ips.length === 0 || hasEnded(status)) return undefined;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    ips,
    ports: containers.flatMap(({ ports = [] }) => ports.flatMap(({ name, protocol, containerPort }) => (name ? [{ name, protocol: protocolOf(protocol), port: containerPort }] : []))),
    isLocal: spec.nodeName === nodeName,
  };
}

export function hasEnded({ phase }: Pod['status']): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

export function addressesOf({ podIPs, podIP }: Pod['status']): string[] {
  return podIPs?.length ? podIPs.map(({ ip }) => ip) : podIP ? [podIP] : [];
}

/** DNS is served by this process, not by Pods; to policies it is what it is elsewhere: Pods of kube-system with this label. */
export const dnsNamespace = 'kube-system';
const dnsLabels = { 'k8s-app': 'kube-dns' };

/** The endpoints of the cluster's DNS that are no Pods, by their keys. */
export function dnsServers({ metadata, endpoints, ports = [] }: EndpointSlice): PolicyPod[] {
  const serves = (ports ?? []).flatMap(({ protocol, port }) => (port ? [{ protocol: protocolOf(protocol), port }] : []));
  return (endpoints ?? []).flatMap(({ addresses, targetRef }) => (targetRef ? [] : addresses.map((ip): PolicyPod => ({
    uid: `${metadata.uid}/${ip}`,
    namespace: dnsNamespace,
    labels: dnsLabels,
    ips: [ip],
    ports: (ports ?? []).flatMap(({ name, protocol, port }) => (name && port ? [{ name, protocol: protocolOf(protocol), port }] : [])),
    isLocal: false,
    serves,
  }))));
}

export function samePolicyPod(a: PolicyPod | undefined, b: PolicyPod | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}

function protocolOf(protocol: string | undefined): Protocol {
  return (protocol ?? 'TCP').toLowerCase() as Protocol;
}
