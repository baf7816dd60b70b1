// What can be seen without asking: why the server of another API cannot be reached, in kube-aggregator's words.
import type { APIService, EndpointSlice, Service } from '../../api/types.ts';

export interface Obstacle {
  readonly reason: string;
  readonly message: string;
}

/** Undefined: nothing is seen to be in the way. */
export function obstacle({ namespace = '', name = '', port = 443 }: NonNullable<APIService['spec']['service']>, service: Service | undefined, slices: readonly EndpointSlice[]): Obstacle | undefined {
  const what = `service/${name} in ${JSON.stringify(namespace)}`;
  if (!service) return { reason: 'ServiceNotFound', message: `${what} is not present` };
  if (service.spec.type !== undefined && service.spec.type !== 'ClusterIP') return undefined;
  const wanted = service.spec.ports?.find((one) => one.port === port);
  if (!wanted) return { reason: 'ServicePortError', message: `${what} is not listening on port ${port}` };
  if (slices.length === 0) return { reason: 'EndpointsNotFound', message: `cannot find endpointslices for ${what}` };
  const portName = wanted.name ?? '';
  const isServed = slices.some(({ endpoints, ports }) => (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) && (ports ?? []).some((one) => (one.name ?? '') === portName && one.port !== undefined));
  return isServed ? undefined : { reason: 'MissingEndpoints', message: `endpointslices for ${what} have no addresses with port name ${JSON.stringify(portName)}` };
}
