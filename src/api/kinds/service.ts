// The Service: one name and address for the Pods that a selector finds.
import { dns1035Label } from '../names.ts';
import { sameJson } from '../meta.ts';
import { labelSelectorOf } from '../selectors.ts';
import type { Service } from '../types.ts';
import { ageColumn, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { isExternal, needsHealthCheck, validateService, validateServiceUpdate } from './service/validate.ts';
import { ipWarnings } from './validation/warnings.ts';
import { cidrWarnings } from './validation/cidr.ts';

type Spec = Service['spec'];

export const services = defineKind<Service>({
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  hasStatus: true,
  connects: ['proxy'],
  allowCreateOnUpdate: true,
  validateName: dns1035Label,
  defaults,
  prepareCreate(draft) {
    draft.spec ??= {};
    draft.status = { loadBalancer: {} };
    alignClusterIps(draft.spec, undefined);
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
    keepAllocated(draft.spec, before.spec);
    alignClusterIps(draft.spec, before.spec);
  },
  warnings: serviceWarnings,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  columns: [
    nameColumn,
    text('Type', 'How the Service is reached.', ({ spec }) => spec.type ?? ''),
    text('Cluster-IP', 'Its address within the cluster.', ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || '<none>'),
    text('External-IP', 'Its addresses from outside.', externalAddresses),
    text('Port(s)', 'Its ports, with those of the node behind the colon.', ports),
    ageColumn,
    wide(text('Selector', 'The labels that its Pods have.', ({ spec }) => (spec.selector && labelSelectorOf(spec.selector).toString()) || '<none>')),
  ],
});

const topologyHints = 'service.kubernetes.io/topology-aware-hints';

/** Words: pkg/api/service/warnings.go. */
function serviceWarnings({ metadata, spec }: Service): string[] {
  const { type = 'ClusterIP', clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP, loadBalancerSourceRanges = [], sessionAffinity, externalName, trafficDistribution } = spec;
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None';
  const warnings: string[] = [];
  if (metadata.annotations?.[topologyHints] !== undefined) warnings.push(`annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  if (!isHeadless) clusterIPs.forEach((ip, i) => warnings.push(...ipWarnings(`spec.clusterIPs[${i}]`, ip)));
  if (isHeadless) {
    if (loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services');
    if (sessionAffinity && sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  externalIPs.forEach((ip, i) => warnings.push(...ipWarnings(`spec.externalIPs[${i}]`, ip)));
  if (externalIPs.length > 0 && !isHeadless && type !== 'ExternalName') warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', loadBalancerIP));
  loadBalancerSourceRanges.forEach((range, i) => warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, range)));
  if (type === 'ExternalName' && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (type !== 'ExternalName' && externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (trafficDistribution === 'PreferClose') warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

const clientIpSeconds = 10_800;

function defaults(draft: Service): void {
  draft.spec ??= {};
  draft.status ??= { loadBalancer: {} };
  const { spec } = draft;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && !spec.sessionAffinityConfig?.clientIP?.timeoutSeconds) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientIpSeconds } };
  }
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    port.targetPort ||= port.port as never;
  }
  if (isExternal(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** `clusterIP` is the old way to say the first of `clusterIPs`; whoever writes one of them means both. */
function alignClusterIps(spec: Spec, before: Spec | undefined): void {
  if (before?.clusterIPs?.length && !spec.clusterIPs?.length && spec.clusterIP === before.clusterIP) spec.clusterIPs = [...before.clusterIPs];
  const changed = before !== undefined && spec.clusterIP !== before.clusterIP && (spec.clusterIPs ?? []).join() === (before.clusterIPs ?? []).join();
  if (spec.clusterIP && (!spec.clusterIPs?.length || changed)) spec.clusterIPs = [spec.clusterIP];
  else if (!spec.clusterIP && before?.clusterIP && changed) delete spec.clusterIPs;
  else if (!spec.clusterIP && spec.clusterIPs?.[0] && !before) spec.clusterIP = spec.clusterIPs[0];
}

/**
 * What an update leaves out of addresses and node ports the registry, which allocates them, has carried over already;
 * here goes what the new type has no use for, where the writer has only left it as it was, and stays what is not the registry's.
 */
function keepAllocated(spec: Spec, before: Spec): void {
  const drop = (isPast: boolean, ...fields: (keyof Spec)[]) => {
    if (isPast) for (const field of fields) if (sameJson(spec[field], before[field])) delete spec[field];
  };
  const had = (has: (spec: Spec) => boolean) => has(before) && !has(spec);
  drop(had(({ type }) => type !== 'ExternalName'), 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy');
  drop(had(({ type }) => type === 'LoadBalancer'), 'allocateLoadBalancerNodePorts', 'loadBalancerClass');
  drop(had(isExternal), 'externalTrafficPolicy');
  drop(had(needsHealthCheck), 'healthCheckNodePort');
  if (had(({ type }) => type === 'LoadBalancer' || type === 'NodePort') && sameNodePorts(spec, before)) for (const port of spec.ports ?? []) delete port.nodePort;
  if (needsHealthCheck(spec) && needsHealthCheck(before)) spec.healthCheckNodePort ||= before.healthCheckNodePort;
}

function sameNodePorts(a: Spec, b: Spec): boolean {
  const of = ({ ports = [] }: Spec) => ports.map(({ nodePort }) => nodePort ?? 0).sort();
  return sameJson(of(a), of(b));
}

function externalAddresses({ spec, status }: Service): string {
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  const given = spec.externalIPs ?? [];
  if (spec.type !== 'LoadBalancer') return given.join(',') || '<none>';
  const balanced = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter(Boolean);
  return [...balanced, ...given].join(',') || '<pending>';
}

function ports({ spec }: Service): string {
  const all = (spec.ports ?? []).map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`));
  return all.join(',') || '<none>';
}
