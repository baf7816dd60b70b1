// The objects that every cluster has from its first moment: the namespaces, and the Service by which Pods find the API.
import { isReason } from '../api/error.ts';
import { endpoints } from '../api/kinds/endpoints.ts';
import { namespaces } from '../api/kinds/namespace.ts';
import { services } from '../api/kinds/service.ts';
import type { Resource } from '../api/kind.ts';
import type { KubeObject, New } from '../api/types.ts';
import type { Client } from '../client/client.ts';

/** Idempotent. `apiAddress` is where the API server listens, as the endpoints of default/kubernetes name it. */
export async function bootstrap(client: Client, apiAddress: { ip: string; port: number }, firstServiceIp: string, signal: AbortSignal): Promise<void> {
  const namespaceNames = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
  await Promise.all(namespaceNames.map((name) => ensure(client, namespaces, { metadata: { name }, spec: {} }, signal)));
  await ensure(client, services, {
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: firstServiceIp,
      clusterIPs: [firstServiceIp],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: apiAddress.port }],
    },
  }, signal);
  const subsets = [{ addresses: [{ ip: apiAddress.ip }], ports: [{ name: 'https', port: apiAddress.port, protocol: 'TCP' }] }];
  const key = { namespace: 'default', name: 'kubernetes' };
  await ensure(client, endpoints, { metadata: { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets }, signal);
  await client.patch(endpoints, key, { type: 'merge', body: { subsets } }, signal);
}

async function ensure<T extends KubeObject>(client: Client, of: Resource<T>, object: New<T>, signal: AbortSignal): Promise<void> {
  try {
    await client.get(of, { namespace: object.metadata.namespace ?? '', name: object.metadata.name! }, signal);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(of, object, signal);
  }
}
