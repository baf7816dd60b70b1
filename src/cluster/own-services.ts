// The Services of the cluster itself.
import { addressAt, parseRange } from '../network/pod-network/ipv4-range.ts';
import type { OwnService } from '../controllers/own-service/own-service.ts';

/** By which Pods find the API: at the first address of the Services. */
export function kubernetesService(serviceRange: string, listens: { readonly ip: string; readonly port: number }): OwnService {
  return {
    key: { namespace: 'default', name: 'kubernetes' },
    labels: { component: 'apiserver', provider: 'kubernetes' },
    clusterIP: addressAt(parseRange(serviceRange)!, 1),
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: listens.port }],
    ip: listens.ip,
  };
}

/** By which Pods find names: at the tenth, as nearly everywhere. */
export function dnsService(serviceRange: string, listens: { readonly ip: string; readonly port: number }): OwnService {
  return {
    key: { namespace: 'kube-system', name: 'kube-dns' },
    labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'PeapodDNS' },
    clusterIP: addressAt(parseRange(serviceRange)!, 10),
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: listens.port },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: listens.port },
    ],
    ip: listens.ip,
  };
}
