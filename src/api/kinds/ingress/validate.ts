// What an Ingress and an IngressClass must be: Kubernetes' rules, in its words.
import { isIP } from 'node:net';
import { dns1035Label, dnsLabel, dnsSubdomain, domainPrefixedPath, pathSegment, portName, wildcardSubdomain } from '../../names.ts';
import type { FieldCause } from '../../error.ts';
import type { Ingress, IngressClass } from '../../types.ts';
import { present, Report } from '../validation/report.ts';

type Spec = NonNullable<Ingress['spec']>;
type Backend = NonNullable<Spec['defaultBackend']>;
type Rule = NonNullable<Spec['rules']>[number];
type Path = NonNullable<Rule['http']>['paths'][number];

export const classAnnotation = 'kubernetes.io/ingress.class';

export function validateIngress({ metadata, spec }: Ingress): FieldCause[] {
  const report = new Report();
  checkSpec(report, spec);
  const annotated = metadata.annotations?.[classAnnotation];
  // Only when it is made: it has no resource version yet.
  if (!metadata.resourceVersion && annotated !== undefined && present(spec.ingressClassName) && annotated !== spec.ingressClassName) {
    report.invalid(`annotations.${classAnnotation}`, annotated, 'must match `ingressClassName` when both are specified');
  }
  return report.causes;
}

function checkSpec(report: Report, { defaultBackend, rules = [], tls = [], ingressClassName }: Spec): void {
  if (rules.length === 0 && !defaultBackend) report.invalid('spec', null, 'either `defaultBackend` or `rules` must be specified');
  if (defaultBackend) checkBackend(report, 'spec.defaultBackend', defaultBackend);
  rules.forEach((rule, index) => checkRule(report, `spec.rules[${index}]`, rule));
  tls.forEach(({ hosts = [], secretName }, index) => {
    hosts.forEach((host, at) => report.follows(`spec.tls[${index}].hosts[${at}]`, host, host.includes('*') ? wildcardSubdomain : dnsSubdomain));
    if (secretName) report.follows(`spec.tls[${index}].secretName`, secretName, dnsSubdomain);
  });
  if (present(ingressClassName)) report.follows('spec.ingressClassName', ingressClassName, dnsSubdomain);
}

function checkRule(report: Report, at: string, { host, http }: Rule): void {
  if (host) {
    if (isIP(host)) report.invalid(`${at}.host`, host, 'must be a DNS name, not an IP address');
    report.follows(`${at}.host`, host, host.includes('*') ? wildcardSubdomain : dnsSubdomain);
  }
  if (!http) return;
  if (!http.paths?.length) report.required(`${at}.http.paths`);
  http.paths?.forEach((path, index) => checkPath(report, `${at}.http.paths[${index}]`, path));
}

const badSequences: readonly string[] = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds: readonly string[] = ['/..', '/.'];

function checkPath(report: Report, at: string, { path = '', pathType, backend }: Path): void {
  if (!present(pathType)) return report.required(`${at}.pathType`, 'pathType must be specified');
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      if (!path.startsWith('/')) report.invalid(`${at}.path`, path, 'must be an absolute path');
      for (const sequence of badSequences) if (path.includes(sequence)) report.invalid(`${at}.path`, path, `must not contain '${sequence}'`);
      for (const end of badEnds) if (path.endsWith(end)) report.invalid(`${at}.path`, path, `cannot end with '${end}'`);
      break;
    case 'ImplementationSpecific':
      if (path && !path.startsWith('/')) report.invalid(`${at}.path`, path, 'must be an absolute path');
      break;
    default:
      report.notSupported(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  }
  checkBackend(report, `${at}.backend`, backend ?? {});
}

function checkBackend(report: Report, at: string, { resource, service }: Backend): void {
  if (resource && service) return report.invalid(at, '', 'cannot set both resource and service backends');
  if (resource) return checkReference(report, `${at}.resource`, resource);
  if (!service) return report.invalid(at, '', 'resource or service backend is required');
  report.requiredName(`${at}.service.name`, service.name, isRelaxed ? dnsLabel : dns1035Label);
  const { name, number } = service.port ?? {};
  if (name && number) report.invalid(at, '', 'cannot set both port name & port number');
  else if (name) report.follows(`${at}.service.port.name`, name, portName);
  else if (number) report.port(`${at}.service.port.number`, number);
  else report.required(at, 'port name or number is required');
}

/** RelaxedServiceNameValidation: a beta that is off where Services' own names are strict. */
const isRelaxed = false;

function checkReference(report: Report, at: string, { apiGroup, kind, name }: { apiGroup?: string; kind?: string; name?: string }): void {
  if (present(apiGroup)) report.follows(`${at}.apiGroup`, apiGroup, dnsSubdomain);
  report.requiredName(`${at}.kind`, kind, pathSegment);
  report.requiredName(`${at}.name`, name, pathSegment);
}

export function validateIngressStatus({ status }: Ingress): FieldCause[] {
  const report = new Report();
  (status?.loadBalancer?.ingress ?? []).forEach(({ ip, hostname }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`;
    if (ip && !isIP(ip)) report.invalid(`${at}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    if (!hostname) return;
    report.follows(`${at}.hostname`, hostname, dnsSubdomain);
    if (isIP(hostname)) report.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  });
  return report.causes;
}

const longestController = 250;

export function validateIngressClass({ spec = {} }: IngressClass): FieldCause[] {
  const report = new Report();
  const { controller, parameters } = spec;
  if (!controller) report.required('spec.controller');
  else {
    if (Buffer.byteLength(controller) > longestController) report.tooLong('spec.controller', longestController);
    report.follows('spec.controller', controller, domainPrefixedPath);
  }
  if (!parameters) return report.causes;
  const at = 'spec.parameters';
  checkReference(report, at, parameters);
  const { scope, namespace } = parameters;
  if (!present(scope)) report.required(`${at}.scope`);
  else if (scope !== 'Cluster' && scope !== 'Namespace') report.notSupported(`${at}.scope`, scope, ['Cluster', 'Namespace']);
  else if (scope === 'Cluster' && present(namespace)) report.forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'");
  else if (scope === 'Namespace' && !present(namespace)) report.required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'");
  else if (scope === 'Namespace') report.follows(`${at}.namespace`, namespace!, dnsLabel);
  return report.causes;
}
