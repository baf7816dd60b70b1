// Where the server finds what is behind a Service that it is told to ask: webhooks, and servers of other APIs.
import { endpointSlices } from '../api/kinds/endpoint-slice.ts';
import type { EndpointSlice, Service } from '../api/types.ts';
import type { Random } from '../base/random.ts';
import type { AdmissionWorld } from './admission/admission.ts';

/** One of its endpoints that is ready: the server need not go through the Service's own address. Throws Error. */
export function serviceEndpoint(service: Service, namespace: string, port: number, world: AdmissionWorld, random: Random): { host: string; port: number } {
  const { name } = service.metadata;
  if (service.spec.type === 'ExternalName') return { host: service.spec.externalName!, port };
  const wanted = service.spec.ports?.find((one) => one.port === port);
  if (!wanted) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const found = world.list<EndpointSlice>(endpointSlices, namespace).filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name).flatMap(({ endpoints = [], ports = [] }) => {
    const to = ports.find((one) => (one.name ?? '') === (wanted.name ?? ''))?.port;
    return to === undefined ? [] : endpoints.filter(({ conditions }) => conditions?.ready !== false).map(({ addresses }) => ({ host: addresses[0]!, port: to }));
  });
  const chosen = found[Math.floor(random.next() * found.length)];
  if (!chosen) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return chosen;
}
