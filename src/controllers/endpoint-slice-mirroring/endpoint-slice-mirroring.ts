// Endpoints that somebody writes by hand, for a Service without a selector, are mirrored into EndpointSlices, which is where proxies and
// DNS look (KEP-0752). Endpoints that a controller keeps, or that ask not to be mirrored, are left alone.
import { isReason } from '../../api/error.ts';
import { endpointSlices as sliceResource } from '../../api/kinds/endpoint-slice.ts';
import { endpoints as endpointsResource } from '../../api/kinds/endpoints.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import { controllerReference } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Endpoints, EndpointSlice, New } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import type { ControllerDeps } from '../deps.ts';
import { planSlices, type Content, type Endpoint } from '../endpoint-slice/plan.ts';
import { hasEndpoints } from '../service-pods.ts';

const serviceLabel = 'kubernetes.io/service-name';
const managedLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const lastTriggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Of one subset; more are left out. */
const mostMirrored = 1000;

const isMirror = ({ metadata }: EndpointSlice) => metadata.labels?.[managedLabel] === managedBy;

export function createEndpointSliceMirroringController(deps: ControllerDeps): Runnable {
  const { client, clock, informers } = deps;
  const services = informers.of(serviceResource);
  const endpoints = informers.of(endpointsResource);
  const slices = informers.of(sliceResource, { indexes: { mirrored: (slice) => (isMirror(slice) ? [keyText(serviceKeyOf(slice))] : []) } });
  const expectations = new Expectations(slices, clock);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const text = keyText(key);
    const service = services.get(key);
    const source = endpoints.get(key);
    const isWanted = service && source && !hasEndpoints(service) && service.spec.type !== 'ExternalName' && isMirrorable(source);
    if (!isWanted) expectations.forget(text);
    await expectations.settle(text, () => client.list(sliceResource, { namespace: key.namespace, labelSelector: `${serviceLabel}=${key.name}` }, signal));
    if (isWanted && !expectations.met(text)) return 'await-change';
    const present = slices.by('mirrored', text);
    const { create, change, remove } = planSlices(isWanted ? contentsOf(source) : [], present);
    const results = await Promise.allSettled([
      ...create.map((content) => client.create(sliceResource, newSlice(source!, content), signal).then(
        (made) => expectations.created(text, made),
        (error: unknown) => {
          expectations.failed(text, error);
          throw error;
        },
      )),
      ...change.map(({ slice, endpoints: now }) => client.update(sliceResource, { ...slice, endpoints: [...now] }, signal)),
      ...remove.map((slice) => client.delete(sliceResource, keyOf(slice), { preconditions: { uid: slice.metadata.uid } }, signal).then(
        () => expectations.deleted(text, slice),
        (error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error;
        },
      )),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return 'await-change';
  }

  return createController(
    {
      name: 'endpointslice-mirroring-controller',
      triggers: [trigger(services, itself), trigger(endpoints, itself), trigger(slices, (before, after) => [before, after].flatMap((slice) => (slice && isMirror(slice) ? [serviceKeyOf(slice)] : [])))],
      reconcile,
    },
    deps,
  );
}

function serviceKeyOf({ metadata }: EndpointSlice): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.labels?.[serviceLabel] ?? '' };
}

function isMirrorable({ metadata }: Endpoints): boolean {
  return metadata.labels?.[skipLabel] !== 'true' && !(leaderAnnotation in (metadata.annotations ?? {}));
}

/** One for each subset and family, in the words of slices. */
export function contentsOf({ subsets = [] }: Pick<Endpoints, 'subsets'>): Content[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const all = [...addresses.map((address) => ({ ...address, ready: true })), ...notReadyAddresses.map((address) => ({ ...address, ready: false }))].slice(0, mostMirrored);
    const families = (['IPv4', 'IPv6'] as const).map((addressType) => ({ addressType, own: all.filter(({ ip }) => ip.includes(':') === (addressType === 'IPv6')) }));
    return families.filter(({ own }) => own.length > 0).map(({ addressType, own }): Content => ({
      addressType,
      ports: ports.map(({ name, port, protocol = 'TCP', appProtocol }) => ({ ...(name ? { name } : {}), port, protocol, ...(appProtocol ? { appProtocol } : {}) })),
      endpoints: own.map(({ ip, hostname, nodeName, targetRef, ready }): Endpoint => ({
        addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), ...(targetRef ? { targetRef } : {}),
      })),
    }));
  });
}

function newSlice(source: Endpoints, { addressType, ports, endpoints }: Content): New<EndpointSlice> {
  const { name, namespace, labels, annotations } = source.metadata;
  const { [lastTriggerAnnotation]: _, 'kubectl.kubernetes.io/last-applied-configuration': __, ...kept } = annotations ?? {};
  return {
    metadata: {
      generateName: `${name}-`, namespace, labels: { ...labels, [serviceLabel]: name, [managedLabel]: managedBy }, annotations: kept,
      ownerReferences: [controllerReference(source, endpointsResource)],
    },
    addressType,
    ports: ports.map((port) => ({ name: '', ...port })),
    endpoints: [...endpoints],
  };
}
