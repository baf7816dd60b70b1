// The Service default/kubernetes, by which Pods find the API, with its addresses. Whoever deletes or bends it gets it back.
import { isReason } from '../../api/error.ts';
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { endpoints } from '../../api/kinds/endpoints.ts';
import { services } from '../../api/kinds/service.ts';
import type { Resource } from '../../api/kind.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, New } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { Client } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

export interface KubernetesService {
  /** The API server's own: the Service is its, not the controllers'. */
  readonly client: Client;
  /** Where the API server listens. */
  readonly ip: string;
  readonly port: number;
  readonly clusterIP: string;
}

const key: ObjectKey = { namespace: 'default', name: 'kubernetes' };

export function createKubernetesServiceController(service: KubernetesService, deps: ControllerDeps): Runnable {
  const own = (before: KubeObject | undefined, after: KubeObject | undefined) => itself(before, after).filter(({ namespace, name }) => namespace === key.namespace && name === key.name);
  return createController(
    {
      name: 'kubernetes-service-controller',
      triggers: [services, endpoints, endpointSlices].map((of) => trigger(deps.informers.of(of as Resource), own)),
      async reconcile(_key, signal): Promise<Next> {
        await ensureKubernetesService(service, signal);
        return 'await-change';
      },
    },
    deps,
  );
}

/** Idempotent. */
export async function ensureKubernetesService({ client, ip, port, clusterIP }: KubernetesService, signal: AbortSignal): Promise<void> {
  const ports = [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }];
  const targets = [{ name: 'https', port, protocol: 'TCP' }];
  const families = { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
  await ensure(client, services, { metadata: { ...key, labels: { component: 'apiserver', provider: 'kubernetes' } }, spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ...families, sessionAffinity: 'None', ports } }, { spec: { ports } }, signal);
  const subsets = [{ addresses: [{ ip }], ports: targets }];
  await ensure(client, endpoints, { metadata: { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets }, { subsets }, signal);
  const slice = { endpoints: [{ addresses: [ip], conditions: { ready: true } }], ports: targets };
  await ensure(client, endpointSlices, { metadata: { ...key, labels: { 'kubernetes.io/service-name': key.name } }, addressType: 'IPv4', ...slice }, slice, signal);
}

/** `kept`: what of the object is made true again where it is there already. A patch that changes nothing is no change. */
async function ensure<T extends KubeObject>(client: Client, of: Resource<T>, object: New<T>, kept: object, signal: AbortSignal): Promise<void> {
  try {
    await client.patch(of, key, { type: 'merge', body: kept }, signal);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(of, object, signal);
  }
}
