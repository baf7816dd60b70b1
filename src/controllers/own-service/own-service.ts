// A Service of the cluster itself, with the address where its server listens: default/kubernetes, by which Pods find the API, and
// kube-system/kube-dns. Whoever deletes or bends one gets it back.
import { isReason } from '../../api/error.ts';
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { endpoints } from '../../api/kinds/endpoints.ts';
import { services } from '../../api/kinds/service.ts';
import type { Resource } from '../../api/kind.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, New } from '../../api/types.ts';
import { familyOf } from '../../base/ip.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { Client } from '../../client/client.ts';
import type { SharedInformers } from '../../client/shared-informers.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';

export interface OwnService {
  readonly key: ObjectKey;
  readonly labels: Readonly<Record<string, string>>;
  /** One for each family that it has: where it is called, and where its server listens. */
  readonly addresses: readonly { readonly clusterIP: string; readonly ip: string }[];
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP'; readonly port: number; readonly targetPort: number }[];
}

export interface OwnServiceDeps {
  /** The API server's own: the Service is its, not the controllers'. */
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly log: Log;
}

export function createOwnServiceController(service: OwnService, deps: OwnServiceDeps): Runnable {
  const { namespace, name } = service.key;
  const own = (before: KubeObject | undefined, after: KubeObject | undefined) => itself(before, after).filter((key) => key.namespace === namespace && (key.name === name || key.name === `${name}-ipv6`));
  return createController(
    {
      name: `${name}-service-controller`,
      triggers: [services, endpoints, endpointSlices].map((of) => trigger(deps.informers.of(of as Resource), own)),
      async reconcile(_key, signal): Promise<Next> {
        await ensureOwnService(service, deps.client, signal);
        return 'await-change';
      },
    },
    deps,
  );
}

/** Idempotent. */
export async function ensureOwnService({ key, labels, addresses, ports }: OwnService, client: Client, signal: AbortSignal): Promise<void> {
  const targets = ports.map(({ name, protocol, targetPort }) => ({ name, port: targetPort, protocol }));
  const clusterIPs = addresses.map(({ clusterIP }) => clusterIP);
  const families = { ipFamilies: clusterIPs.map(familyOf), ipFamilyPolicy: clusterIPs.length > 1 ? 'PreferDualStack' : 'SingleStack' };
  await ensure(client, services, key, { metadata: { ...key, labels }, spec: { type: 'ClusterIP', clusterIP: clusterIPs[0], clusterIPs, ...families, sessionAffinity: 'None', ports } }, { spec: { ports } }, signal);
  const subsets = [{ addresses: [{ ip: addresses[0]!.ip }], ports: targets }];
  await ensure(client, endpoints, key, { metadata: { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets }, { subsets }, signal);
  for (const [index, { ip }] of addresses.entries()) {
    const sliceKey = index === 0 ? key : { ...key, name: `${key.name}-${familyOf(ip).toLowerCase()}` };
    const slice = { endpoints: [{ addresses: [ip], conditions: { ready: true } }], ports: targets };
    await ensure(client, endpointSlices, sliceKey, { metadata: { ...sliceKey, labels: { 'kubernetes.io/service-name': key.name } }, addressType: familyOf(ip), ...slice }, slice, signal);
  }
}

/** `kept`: what of the object is made true again where it is there already. A patch that changes nothing is no change. */
async function ensure<T extends KubeObject>(client: Client, of: Resource<T>, key: ObjectKey, object: object, kept: object, signal: AbortSignal): Promise<void> {
  try {
    await client.patch(of, key, { type: 'merge', body: kept }, signal);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(of, object as New<T>, signal);
  }
}
