// A load balancer without a cloud: a Service of type LoadBalancer gets the addresses of the nodes, where the proxy leads its ports to its
// endpoints. A port of a node can be had once: who comes later waits, and is told why.
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import { isBeingDeleted, isTrue, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Node, Service } from '../../api/types.ts';
import { familyOf } from '../../base/ip.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

/** Its Services are ours where they name no other class. */
export const loadBalancerClass = 'peapod.dev/node';
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

type Ingress = { readonly ip: string; readonly ipMode: string };

export function createLoadBalancerController(deps: ControllerDeps): Runnable {
  const { client, informers } = deps;
  const services = informers.of(serviceResource);
  const nodes = informers.of(nodeResource);
  const events = deps.recorderFor('service-controller');

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const service = services.get(key);
    if (!service || isBeingDeleted(service)) return 'await-change';
    const wanted = isOurs(service) ? ingressOf(service, services.list(), nodes.list()) : isBalanced(service) ? undefined : [];
    if (wanted === undefined) return 'await-change';
    if (!Array.isArray(wanted)) events.event({ apiVersion: 'v1', kind: 'Service', metadata: service.metadata }, 'Warning', 'SyncLoadBalancerFailed', (wanted as Conflict).message);
    const ingress = Array.isArray(wanted) ? wanted : [];
    if (sameJson(service.status?.loadBalancer?.ingress ?? [], ingress)) return 'await-change';
    await client.patch(serviceResource, key, { type: 'merge', body: { status: { loadBalancer: ingress.length > 0 ? { ingress } : null } }, subresource: 'status' }, signal);
    if (ingress.length > 0) events.event({ apiVersion: 'v1', kind: 'Service', metadata: service.metadata }, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
    return 'await-change';
  }

  /** A port that becomes free, or a node that comes or goes, may concern all of them. */
  const everyOne = () => services.list().filter(isBalanced).map(keyOf);

  return createController(
    {
      name: 'service-lb-controller',
      triggers: [
        trigger(services, (before, after) => (before && isBalanced(before) && !sameJson(before.spec, after?.spec) ? [...itself(before, after), ...everyOne()] : itself(before, after))),
        trigger(nodes, (before, after) => (before && after && sameJson(placeOf(before), placeOf(after)) ? [] : everyOne())),
      ],
      reconcile,
    },
    deps,
  );
}

export interface Conflict {
  readonly message: string;
}

/** The addresses that the Service is to have, or why it can have none; pure. */
export function ingressOf(service: Service, all: readonly Service[], nodes: readonly Node[]): readonly Ingress[] | Conflict {
  const taken = portsOf(service);
  const rival = all.find((other) => isOurs(other) && !isBeingDeleted(other) && comesBefore(other, service) && portsOf(other).some((port) => taken.includes(port)));
  if (rival) {
    const port = portsOf(rival).find((one) => taken.includes(one));
    return { message: `Error syncing load balancer: port ${port} of the nodes is that of Service ${rival.metadata.namespace}/${rival.metadata.name}` };
  }
  const families = service.spec.ipFamilies ?? ['IPv4'];
  const ips = nodes.filter(isBalancing).flatMap((node) => addressesOf(node)).filter((ip) => families.includes(familyOf(ip))).sort();
  return [...new Set(ips)].map((ip) => ({ ip, ipMode: 'VIP' }));
}

function isBalanced({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer';
}

function isOurs(service: Service): boolean {
  const { loadBalancerClass: name } = service.spec;
  return isBalanced(service) && (!name || name === loadBalancerClass);
}

function isBalancing({ metadata, status }: Node): boolean {
  return !(excludeLabel in (metadata.labels ?? {})) && isTrue(status?.conditions, 'Ready');
}

/** The outer ones where a node has any. */
function addressesOf({ status }: Node): string[] {
  const of = (type: string) => (status?.addresses ?? []).filter((one) => one.type === type).map(({ address }) => address);
  const outer = of('ExternalIP');
  return outer.length > 0 ? outer : of('InternalIP');
}

function placeOf(node: Node) {
  return [isBalancing(node), addressesOf(node)];
}

function portsOf({ spec }: Service): string[] {
  return (spec.ports ?? []).map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`);
}

/** The older one, and of two of one moment the first by name. */
function comesBefore(a: Service, b: Service): boolean {
  if (a.metadata.uid === b.metadata.uid) return false;
  const [at, bt] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`);
  return at! < bt!;
}
