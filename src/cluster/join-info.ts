// What a machine that joins must know of the cluster, as objects: who may read kube-public/cluster-info (everybody), and what nodes
// find in kube-system/peapod-cluster.
import { isReason } from '../api/error.ts';
import { configMaps } from '../api/kinds/config-map.ts';
import { roleBindings } from '../api/kinds/role-binding.ts';
import { roles } from '../api/kinds/role.ts';
import type { Resource } from '../api/kind.ts';
import type { KubeObject, New } from '../api/types.ts';
import type { Client } from '../client/client.ts';
import { dnsAddress } from './own-services.ts';
import { clusterDomain } from './service-network.ts';
import type { Settings } from './settings.ts';

export interface JoinInfo {
  readonly podRange: string;
  readonly serviceRange: string;
  readonly dnsIP: string;
  readonly domain: string;
}

export const joinInfoKey = { namespace: 'kube-system', name: 'peapod-cluster' } as const;
const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' } as const;

/** Idempotent. */
export async function publishJoinInfo(client: Client, { podRange, clusterRange = podRange, serviceRange }: Settings, signal: AbortSignal): Promise<void> {
  const info: JoinInfo = { podRange: clusterRange, serviceRange, dnsIP: dnsAddress(serviceRange), domain: clusterDomain };
  const mayRead = ({ namespace, name }: { readonly namespace: string; readonly name: string }, kind: 'User' | 'Group', subject: string) => {
    const metadata = { namespace, name: `peapod:${name}` };
    return [
      put(client, roles, { metadata, rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [name], verbs: ['get'] }] }, signal),
      put(client, roleBindings, { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind, name: subject }] }, signal),
    ];
  };
  await Promise.all([
    put(client, configMaps, { metadata: joinInfoKey, data: { ...info } }, signal),
    ...mayRead(joinInfoKey, 'Group', 'system:nodes'),
    ...mayRead(clusterInfo, 'User', 'system:anonymous'),
  ]);
}

async function put<T extends KubeObject>(client: Client, of: Resource<T>, object: New<T>, signal: AbortSignal): Promise<void> {
  try {
    await client.create(of, object, signal);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const { metadata, ...body } = object;
    await client.patch(of, { namespace: metadata.namespace ?? '', name: metadata.name! }, { type: 'merge', body }, signal);
  }
}
