// Keeps the legacy Endpoints of each Service with a selector.
import { isReason } from '../../api/error.ts';
import { endpoints as endpointsResource } from '../../api/kinds/endpoints.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import { sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Endpoints, New, Service } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { hasEndpoints, isHeadless, podsOf, servicesOf } from '../service-pods.ts';
import { subsetsOf } from './subsets.ts';

const headlessLabel = 'service.kubernetes.io/headless';
const managedLabel = 'endpoints.kubernetes.io/managed-by';
const cutAnnotation = 'endpoints.kubernetes.io/over-capacity';

export function createEndpointsController(deps: ControllerDeps): Runnable {
  const { client, informers } = deps;
  const services = informers.of(serviceResource);
  const pods = informers.of(podResource);
  const endpoints = informers.of(endpointsResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const service = services.get(key);
    const present = endpoints.get(key);
    if (!service) {
      if (present?.metadata.labels?.[managedLabel]) await removeUnlessGone(key, signal);
      return 'await-change';
    }
    if (!hasEndpoints(service)) return 'await-change';
    const wanted = endpointsOf(service, present);
    if (!present) await client.create(endpointsResource, wanted, signal);
    else if (!isSame(present, wanted)) await client.update(endpointsResource, { ...present, ...wanted, metadata: { ...present.metadata, ...wanted.metadata } }, signal);
    return 'await-change';
  }

  function endpointsOf(service: Service, present: Endpoints | undefined): New<Endpoints> {
    const { name, namespace, labels } = service.metadata;
    const { subsets, isCut } = subsetsOf(service, podsOf(service, pods));
    const { [cutAnnotation]: _, ...annotations } = present?.metadata.annotations ?? {};
    return {
      metadata: {
        name,
        namespace,
        labels: { ...labels, [managedLabel]: 'endpoint-controller', ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) },
        annotations: isCut ? { ...annotations, [cutAnnotation]: 'truncated' } : annotations,
      },
      subsets,
    };
  }

  async function removeUnlessGone(key: ObjectKey, signal: AbortSignal): Promise<void> {
    try {
      await client.delete(endpointsResource, key, {}, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  return createController(
    { name: 'endpoint-controller', triggers: [trigger(services, itself), trigger(pods, servicesOf(services)), trigger(endpoints, itself)], reconcile, workers: 5 },
    deps,
  );
}

function isSame(present: Endpoints, wanted: New<Endpoints>): boolean {
  return (
    sameJson(present.subsets ?? [], wanted.subsets ?? []) &&
    sameJson(present.metadata.labels ?? {}, wanted.metadata.labels ?? {}) &&
    sameJson(present.metadata.annotations ?? {}, wanted.metadata.annotations ?? {})
  );
}
