// How older versions of some kinds become the stored ones, and the other way; each pair gives back what it was given.
import type { CertificateSigningRequest, EndpointSlice, Ingress, KubeObject, PriorityLevelConfiguration } from '../../types.ts';

type Backend = NonNullable<NonNullable<Ingress['spec']>['defaultBackend']>;
interface LegacyBackend {
  readonly serviceName?: string;
  readonly servicePort?: string | number;
  readonly resource?: Backend['resource'];
}
interface LegacyPath {
  pathType?: string;
  readonly backend?: LegacyBackend;
}
interface LegacyIngress extends KubeObject {
  spec?: { backend?: LegacyBackend; rules?: { http?: { paths?: LegacyPath[] } }[] };
}

export function fillPaths(draft: KubeObject): void {
  for (const { http } of (draft as LegacyIngress).spec?.rules ?? []) for (const path of http?.paths ?? []) path.pathType ??= 'ImplementationSpecific';
}

export function toServiceBackends(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as LegacyIngress;
  if (!spec) return object;
  const { backend, rules, ...kept } = spec;
  const turned = { ...kept, ...(backend ? { defaultBackend: serviceBackend(backend) } : {}), ...(rules ? { rules: withBackends(rules, serviceBackend) } : {}) };
  return { ...rest, spec: turned } as KubeObject;
}

export function legacyBackends(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as Ingress;
  if (!spec) return object;
  const { defaultBackend, rules, ...kept } = spec;
  const turned = { ...kept, ...(defaultBackend ? { backend: legacyBackend(defaultBackend) } : {}), ...(rules ? { rules: withBackends(rules, legacyBackend as never) } : {}) };
  return { ...rest, spec: turned } as KubeObject;
}

function withBackends(rules: readonly { http?: { paths?: readonly { backend?: unknown }[] } }[], turn: (backend: LegacyBackend) => unknown): unknown {
  return rules.map((rule) => (rule.http?.paths ? { ...rule, http: { ...rule.http, paths: rule.http.paths.map((path) => ({ ...path, ...(path.backend ? { backend: turn(path.backend) } : {}) })) } } : rule));
}

function serviceBackend({ serviceName, servicePort, ...rest }: LegacyBackend): Backend {
  if (!serviceName && (servicePort === undefined || servicePort === 0)) return rest as Backend;
  const port = typeof servicePort === 'string' ? { name: servicePort } : servicePort ? { number: servicePort } : undefined;
  return { ...rest, service: { name: serviceName ?? '', ...(port ? { port } : {}) } } as Backend;
}

function legacyBackend({ service, ...rest }: Backend): LegacyBackend {
  if (!service) return rest;
  const servicePort = service.port?.name || service.port?.number;
  return { ...rest, serviceName: service.name, ...(servicePort === undefined ? {} : { servicePort }) };
}

const zone = 'topology.kubernetes.io/zone';
const hostname = 'kubernetes.io/hostname';

/** A topology's zone and host are fields of their own now; what else it says is kept. */
export function toZones(object: KubeObject): KubeObject {
  const { endpoints, ...rest } = object as EndpointSlice;
  if (!endpoints) return object;
  return {
    ...rest,
    endpoints: endpoints.map((endpoint) => {
      const { topology, ...kept } = endpoint as typeof endpoint & { topology?: Record<string, string> };
      if (!topology) return endpoint;
      const { [zone]: ofZone, ...others } = topology;
      const nodeName = kept.nodeName ?? others[hostname];
      if (others[hostname] === nodeName) delete others[hostname];
      return { ...kept, ...(ofZone === undefined ? {} : { zone: ofZone }), ...(nodeName === undefined ? {} : { nodeName }), ...(Object.keys(others).length > 0 ? { deprecatedTopology: others } : {}) };
    }),
  } as KubeObject;
}

export function topologies(object: KubeObject): KubeObject {
  const { endpoints, ...rest } = object as EndpointSlice;
  if (!endpoints) return object;
  return {
    ...rest,
    endpoints: endpoints.map(({ deprecatedTopology, zone: ofZone, ...kept }) => {
      if (deprecatedTopology === undefined && ofZone === undefined && kept.nodeName === undefined) return kept;
      const topology: Record<string, string> = { ...deprecatedTopology, ...(ofZone === undefined ? {} : { [zone]: ofZone }) };
      if (kept.nodeName !== undefined) topology[hostname] ||= kept.nodeName;
      return { ...kept, topology };
    }),
  } as unknown as KubeObject;
}

/** What is shared out was said to be assured before it was called nominal. */
export function toNominalShares(object: KubeObject): KubeObject {
  return sharesRenamed(object, 'assuredConcurrencyShares', 'nominalConcurrencyShares');
}

export function assuredShares(object: KubeObject): KubeObject {
  return sharesRenamed(object, 'nominalConcurrencyShares', 'assuredConcurrencyShares');
}

function sharesRenamed(object: KubeObject, from: string, to: string): KubeObject {
  const { spec, ...rest } = object as PriorityLevelConfiguration;
  const limited = spec?.limited as Record<string, unknown> | undefined;
  if (limited?.[from] === undefined) return object;
  const { [from]: shares, ...kept } = limited;
  return { ...rest, spec: { ...spec, limited: { ...kept, [to]: shares } } } as unknown as KubeObject;
}

/** Requests of v1beta1 need not say what the certificate is for; whom they ask they must, as nobody here signs for the legacy name. */
export function fillRequest(draft: KubeObject): void {
  const { spec } = draft as CertificateSigningRequest;
  if (spec) spec.usages ??= ['digital signature', 'key encipherment'];
}
