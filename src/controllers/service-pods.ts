// What Endpoints and EndpointSlices have in common: which Pods stand behind a Service, and on which ports.
import { isBeingDeleted, isPodFinished, isPodReady, isTrue, sameJson } from '../api/meta.ts';
import type { ObjectKey } from '../api/request.ts';
import { labelSelectorOf, type LabelMatcher } from '../api/selectors.ts';
import type { Pod, Service } from '../api/types.ts';
import { keyOf } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';

export interface EndpointPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

/** Services without a selector are somebody else's to fill; those of type ExternalName are only names. */
export function hasEndpoints({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && !!spec.selector && Object.keys(spec.selector).length > 0;
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None';
}

export function podsOf(service: Service, pods: Informer<Pod>): readonly Pod[] {
  const selector = selectorOf(service);
  return pods.list(service.metadata.namespace ?? '').filter((pod) => selector.matches(pod.metadata.labels) && !isPodFinished(pod) && !!pod.status.podIP);
}

/** The Service's ports as this Pod serves them; a port that the Pod does not name is left out. */
export function portsFor(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const { name, port, targetPort, protocol = 'TCP', appProtocol } of service.spec.ports ?? []) {
    const number = typeof targetPort === 'string' ? namedPort(pod, targetPort, protocol) : Number(targetPort ?? port) || port;
    if (number === undefined) continue;
    ports.push({ ...(name ? { name } : {}), port: number, protocol, ...(appProtocol ? { appProtocol } : {}) });
  }
  return ports;
}

/** Services that the change of a Pod concerns: none when nothing changed that endpoints show. */
export function servicesOf(services: Informer<Service>): (before: Pod | undefined, after: Pod | undefined) => Iterable<ObjectKey> {
  return function* (before, after) {
    if (before && after && !showsOther(before, after)) return;
    for (const service of services.list((after ?? before)!.metadata.namespace ?? '')) {
      if (!hasEndpoints(service)) continue;
      const selector = selectorOf(service);
      if ((before && selector.matches(before.metadata.labels)) || (after && selector.matches(after.metadata.labels))) yield keyOf(service);
    }
  };
}

/**
 * Whether the Pod answers, by what its probes say. An ending Pod is no longer Ready, but it may serve to its last moment:
 * its containers' readiness goes on being told by ContainersReady.
 */
export function isPodServing(pod: Pod): boolean {
  return isBeingDeleted(pod) ? isTrue(pod.status.conditions, 'ContainersReady') : isPodReady(pod);
}

function showsOther(before: Pod, after: Pod): boolean {
  return (
    isPodServing(before) !== isPodServing(after) ||
    isBeingDeleted(before) !== isBeingDeleted(after) ||
    isPodFinished(before) !== isPodFinished(after) ||
    before.metadata.uid !== after.metadata.uid ||
    before.spec.nodeName !== after.spec.nodeName ||
    !sameJson(before.status.podIPs, after.status.podIPs) ||
    before.status.podIP !== after.status.podIP ||
    !sameJson(before.metadata.labels, after.metadata.labels)
  );
}

function namedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports } of [...spec.containers, ...sidecars]) {
    const found = ports?.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

function selectorOf(service: Service): LabelMatcher {
  let selector = selectors.get(service);
  if (!selector) selectors.set(service, (selector = labelSelectorOf({ matchLabels: service.spec.selector })));
  return selector;
}

const selectors = new WeakMap<Service, LabelMatcher>();
