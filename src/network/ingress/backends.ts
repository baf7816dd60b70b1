// The endpoints behind a Service's port: pure. Those that are ready; where none is, those that still serve while they end.
import type { EndpointSlice, Service } from '../../api/types.ts';
import { chooseEndpoints, type ProxyEndpoint } from '../proxy/choose-endpoints.ts';

export type Backend =
  | { readonly type: 'endpoints'; readonly protocol: 'http' | 'https'; readonly endpoints: readonly { readonly ip: string; readonly port: number }[] }
  | { readonly type: 'missing'; readonly why: string };

/** Of a Service's `appProtocol`: what speaks TLS. Whose certificate is not looked at: it is for names, and Pods have none. */
const overTls: ReadonlySet<string> = new Set(['https', 'wss', 'kubernetes.io/wss']);

export function backendFor(name: string, port: string | number, service: Service | undefined, slices: readonly EndpointSlice[]): Backend {
  if (name === '') return { type: 'missing', why: 'only Services can be backends here' };
  if (!service) return { type: 'missing', why: `Service ${JSON.stringify(name)} does not exist` };
  if (service.spec.type === 'ExternalName') return { type: 'missing', why: `Service ${JSON.stringify(name)} is but a name of something outside` };
  const declared = service.spec.ports?.find((one) => (typeof port === 'number' ? one.port === port : one.name === port));
  if (!declared) return { type: 'missing', why: `Service ${JSON.stringify(name)} has no port ${JSON.stringify(port)}` };
  const endpoints = slices.flatMap((slice): ProxyEndpoint[] => {
    const number = slice.ports?.find((one) => (one.name ?? '') === (declared.name ?? '') && (one.protocol ?? 'TCP') === 'TCP')?.port;
    if (!number || slice.addressType === 'FQDN') return [];
    return (slice.endpoints ?? []).map(({ addresses, conditions }) => {
      const ready = conditions?.ready ?? true;
      return { ip: addresses[0]!, port: number, isLocal: false, ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false, forZones: undefined, forNodes: undefined };
    });
  });
  const chosen = new Map(chooseEndpoints(endpoints).map(({ ip, port }) => [`${ip} ${port}`, { ip, port }]));
  return { type: 'endpoints', protocol: overTls.has(declared.appProtocol ?? '') ? 'https' : 'http', endpoints: [...chosen.values()] };
}
