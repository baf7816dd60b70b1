// Where `pods/NAME/proxy`, `services/NAME/proxy` and `nodes/NAME/proxy` lead, from what is stored. A name may carry a scheme
// and a port: `https:web:443`.
import { isIP } from 'node:net';
import { ApiError } from '../../api/error.ts';
import { endpoints as endpointsKind, pods as podKind } from '../../api/kinds/index.ts';
import type { Endpoints, Node, Pod, Service } from '../../api/types.ts';
import type { Random } from '../../base/random.ts';
import type { Upstream } from '../../base/reverse-proxy/forward.ts';
import { get, type Registry } from '../registry/registry.ts';

export interface ProxiedName {
  readonly protocol: 'http' | 'https';
  readonly name: string;
  /** '' when none is given. */
  readonly port: string;
}

/** Throws ApiError BadRequest. */
export function splitName(of: 'pod' | 'service' | 'node', text: string): ProxiedName {
  const parts = text.split(':');
  const [scheme, name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme!)) throw ApiError.badRequest(`invalid ${of} request ${JSON.stringify(text)}`);
  return { protocol: scheme === 'https' ? 'https' : 'http', name, port };
}

/** A number, or the name of one of its container ports; the first of those where none is given. */
export function podUpstream(pod: Pod, { protocol, port }: ProxiedName): Upstream {
  const ports = pod.spec.containers.flatMap(({ ports = [] }) => ports);
  const number = port === '' ? ports[0]?.containerPort : (ports.find(({ name }) => name === port)?.containerPort ?? portNumber(port));
  return { protocol, host: allowed(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP), port: number ?? defaultPort(protocol) };
}

/**
 * Any of the Service's ready endpoints, as its Endpoints have them. The port is one of the Service's, by number or name; none
 * is the one without a name. Only addresses that are really those of Pods in the Service's namespace count, or whoever may
 * write Endpoints could send the server anywhere. Throws ApiError.
 */
export function serviceUpstream(registry: Registry, service: Service, asked: string, { protocol, port }: ProxiedName, random: Random): Upstream {
  const { namespace = '', name } = service.metadata;
  let wanted = port;
  if (/^\d+$/.test(port)) {
    const declared = service.spec.ports?.find((one) => one.port === Number(port));
    if (!declared) throw ApiError.unavailable(`no service port ${Number(port)} found for service ${JSON.stringify(name)}`);
    wanted = declared.name ?? '';
  }
  const { subsets = [] } = get(registry, registry.cache.of(endpointsKind).kind, namespace, name).object as Endpoints;
  if (subsets.length === 0) throw ApiError.unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  const found = subsets.flatMap(({ addresses = [], ports = [] }) => {
    const of = ports.find((one) => (one.name ?? '') === wanted);
    return of ? addresses.filter((address) => isOfPod(registry, namespace, address)).map(({ ip }) => ({ ip, port: of.port })) : [];
  });
  const chosen = found[Math.floor(random.next() * found.length)];
  if (!chosen) throw ApiError.unavailable(`no endpoints available for service ${JSON.stringify(asked)}`);
  return { protocol, host: chosen.ip, port: chosen.port };
}

function isOfPod(registry: Registry, namespace: string, { ip, targetRef }: { readonly ip: string; readonly targetRef?: { readonly namespace?: string; readonly name?: string } }): boolean {
  if (targetRef?.namespace !== namespace || !targetRef.name) return false;
  const pod = registry.cache.of(podKind).get(namespace, targetRef.name)?.object as Pod | undefined;
  return (pod?.status?.podIPs ?? []).some((one) => one.ip === ip);
}

/** A port of the node that is not its agent's. */
export function nodeUpstream(node: Node, { protocol, port }: ProxiedName): Upstream {
  const addresses = node.status?.addresses ?? [];
  const address = ['InternalIP', 'ExternalIP'].map((type) => addresses.find((one) => one.type === type)?.address).find((one) => one !== undefined);
  return { protocol, host: allowed(address), port: portNumber(port) };
}

function defaultPort(protocol: 'http' | 'https'): number {
  return protocol === 'https' ? 443 : 80;
}

function portNumber(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (number >= 1 && number <= 65_535) return number;
  throw ApiError.unavailable(/^\d+$/.test(text) ? `error trying to reach service: dial tcp: address ${text}: invalid port` : `error trying to reach service: dial tcp: lookup tcp/${text}: unknown port`);
}

/** Only what can be the address of another machine or a Pod: nothing of this machine's own, or of its links. Throws ApiError. */
function allowed(address: string | undefined): string {
  if (address !== undefined && isGlobalUnicast(address)) return address;
  throw ApiError.badRequest('address not allowed');
}

function isGlobalUnicast(address: string): boolean {
  if (isIP(address) === 4) return !/^(0\.0\.0\.0$|255\.255\.255\.255$|127\.|169\.254\.|2(2[4-9]|3\d)\.)/.test(address);
  return isIP(address) === 6 && !/^(::1?$|fe[89ab]|ff)/i.test(address) && !/^::ffff:/i.test(address);
}
