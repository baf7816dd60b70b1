// Keeps the EndpointSlices of each Service with a selector.
import { endpointSlices as sliceResource } from '../../api/kinds/endpoint-slice.ts';
import { isReason } from '../../api/error.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import { controllerReference, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { EndpointSlice, New, Service } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import type { ControllerDeps } from '../deps.ts';
import { hasEndpoints, isHeadless, podsOf, servicesOf } from '../service-pods.ts';
import { planSlices, wantedContents, type Content } from './plan.ts';

const serviceLabel = 'kubernetes.io/service-name';
const managedLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
const zoneLabel = 'topology.kubernetes.io/zone';

const sliceIndexes = {
  service: ({ metadata }: EndpointSlice) => (metadata.labels?.[managedLabel] === managedBy ? [`${metadata.namespace}/${metadata.labels[serviceLabel]}`] : []),
};

export function createEndpointSliceController(deps: ControllerDeps): Runnable {
  const { client, clock, informers } = deps;
  const services = informers.of(serviceResource);
  const pods = informers.of(podResource);
  const nodes = informers.of(nodeResource);
  const slices = informers.of(sliceResource, { indexes: sliceIndexes });
  const expectations = new Expectations(slices, clock);
  const zoneOf = (name: string) => nodes.get({ namespace: '', name })?.metadata.labels?.[zoneLabel];

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const service = services.get(key);
    // The slices of a Service that is gone go by their owner reference.
    if (!service) expectations.forget(keyText(key));
    if (!service || !hasEndpoints(service)) return 'await-change';
    await expectations.settle(keyText(key), () => client.list(sliceResource, { namespace: key.namespace, labelSelector: `${serviceLabel}=${key.name}` }, signal));
    if (!expectations.met(keyText(key))) return 'await-change';
    const present = slices.by('service', keyText(key));
    const { create, change, remove } = planSlices(wantedContents(service, podsOf(service, pods), zoneOf), present);
    const labels = labelsFor(service);
    const changed = new Set(change.map(({ slice }) => slice));
    const relabelled = present.filter((slice) => !changed.has(slice) && !remove.includes(slice) && !sameJson(slice.metadata.labels, labels));
    const results = await Promise.allSettled([
      ...create.map((content) => make(key, newSlice(service, content, labels), signal)),
      ...change.map(({ slice, endpoints }) => write({ ...slice, endpoints: [...endpoints] }, labels, signal)),
      ...relabelled.map((slice) => write(slice, labels, signal)),
      ...remove.map((slice) => removeUnlessGone(key, slice, signal)),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return 'await-change';
  }

  async function make(key: ObjectKey, slice: New<EndpointSlice>, signal: AbortSignal): Promise<void> {
    try {
      expectations.created(keyText(key), await client.create(sliceResource, slice, signal));
    } catch (error) {
      expectations.failed(keyText(key), error);
      throw error;
    }
  }

  function write(slice: EndpointSlice, labels: Record<string, string>, signal: AbortSignal): Promise<EndpointSlice> {
    return client.update(sliceResource, { ...slice, metadata: { ...slice.metadata, labels } }, signal);
  }

  async function removeUnlessGone(key: ObjectKey, slice: EndpointSlice, signal: AbortSignal): Promise<void> {
    try {
      await client.delete(sliceResource, keyOf(slice), { preconditions: { uid: slice.metadata.uid } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    expectations.deleted(keyText(key), slice);
  }

  function* serviceOfSlice(before: EndpointSlice | undefined, after: EndpointSlice | undefined): Generator<ObjectKey> {
    for (const slice of [before, after]) {
      const name = slice?.metadata.labels?.[serviceLabel];
      if (name && slice!.metadata.labels?.[managedLabel] === managedBy) yield { namespace: slice!.metadata.namespace ?? '', name };
    }
  }

  return createController(
    {
      name: 'endpointslice-controller',
      triggers: [trigger(services, itself), trigger(pods, servicesOf(services)), trigger(slices, serviceOfSlice)],
      reads: [nodes],
      reconcile,
      workers: 5,
    },
    deps,
  );
}

function labelsFor(service: Service): Record<string, string> {
  return { ...service.metadata.labels, [serviceLabel]: service.metadata.name, [managedLabel]: managedBy, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) };
}

function newSlice(service: Service, { addressType, ports, endpoints }: Content, labels: Record<string, string>): New<EndpointSlice> {
  const { name, namespace } = service.metadata;
  return {
    metadata: { generateName: `${name}-`, namespace, labels, ownerReferences: [controllerReference(service, serviceResource)] },
    addressType,
    ports: ports.map((port) => ({ name: '', ...port })),
    endpoints: [...endpoints],
  };
}
