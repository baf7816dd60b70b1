// The Services of the cluster itself.
import { ipAt, parseIpRange } from '../base/ip.ts';
import type { OwnService } from '../controllers/own-service/own-service.ts';

/** By which Pods find the API: at the first address of the Services. */
export function kubernetesService(serviceRange: string, listens: { readonly ip: string; readonly port: number }): OwnService {
  return {
    key: { namespace: 'default', name: 'kubernetes' },
    labels: { component: 'apiserver', provider: 'kubernetes' },
    addresses: [{ clusterIP: ipAt(parseIpRange(serviceRange)!, 1), ip: listens.ip }],
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: listens.port }],
  };
}

/** The address of the DNS Service in a range: the tenth, as nearly everywhere. */
export function dnsAddress(serviceRange: string): string {
  return ipAt(parseIpRange(serviceRange)!, 10);
}

/** By which Pods find names. It has an address in each range, led to that of `ips` in the same place. */
export function dnsService(serviceRanges: readonly string[], listens: { readonly ips: readonly string[]; readonly port: number }): OwnService {
  return {
    key: { namespace: 'kube-system', name: 'kube-dns' },
    labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'PeapodDNS' },
    addresses: serviceRanges.map((range, index) => ({ clusterIP: dnsAddress(range), ip: listens.ips[index]! })),
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: listens.port },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: listens.port },
    ],
  };
}
