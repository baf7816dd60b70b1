// The rules of a Service.
import { familyOf, parseIp } from '../../../base/ip.ts';
import type { FieldCause } from '../../error.ts';
import { dnsLabel, dnsSubdomain, qualifiedName } from '../../names.ts';
import type { Service } from '../../types.ts';
import { present, Report } from '../validation/report.ts';
import { checkCidr, checkIp, checkLabels, checkOrdinaryIp, checkPortOrName, protocols } from '../validation/rules.ts';

type Spec = Service['spec'];

/** Reached from outside the cluster: through a port of the nodes, a load balancer, or addresses of its own. */
export function isExternal({ type, externalIPs }: Spec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs?.length ?? 0) > 0);
}

export function needsHealthCheck({ type, externalTrafficPolicy }: Spec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

export function validateService({ spec }: Service): FieldCause[] {
  const report = new Report();
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName') report.required('spec.ports');
  if (isHeadless(spec) && (spec.type === 'LoadBalancer' || spec.type === 'NodePort')) {
    report.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
  }
  if (spec.type === 'ExternalName') checkExternalName(report, spec);
  else checkClusterIps(report, spec);
  checkPorts(report, spec);
  checkLabels(report, 'spec.selector', spec.selector);
  checkAffinity(report, spec);
  spec.externalIPs?.forEach((ip, index) => {
    checkIp(report, `spec.externalIPs[${index}]`, ip);
    checkOrdinaryIp(report, `spec.externalIPs[${index}]`, ip);
  });
  report.requiredWord('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']);
  checkBalancer(report, spec);
  checkTraffic(report, spec);
  return report.causes;
}

export function validateServiceUpdate({ spec }: Service, before: Service): FieldCause[] {
  const report = new Report();
  const old = before.spec;
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName') {
    if (!(isHeadless(spec) && isHeadless(old))) checkKept(report, spec, old, 'clusterIPs', 'clusterIP');
    if (!(isFree(spec) && isFree(old))) checkKept(report, spec, old, 'ipFamilies', 'ipFamily');
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && (spec.loadBalancerClass ?? '') !== (old.loadBalancerClass ?? '')) {
    report.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set');
  }
  if (needsHealthCheck(spec) && needsHealthCheck(old) && spec.healthCheckNodePort !== old.healthCheckNodePort) {
    report.forbidden('spec.healthCheckNodePort', 'field is immutable');
  }
  return report.causes;
}

function isHeadless({ clusterIPs }: Spec): boolean {
  return clusterIPs?.length === 1 && clusterIPs[0] === 'None';
}

/** Headless and without a selector: its endpoints are of whatever family their writer gives them. */
function isFree(spec: Spec): boolean {
  return isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
}

/** The first is for good; a second may come, and goes only where one stack is asked for. */
function checkKept(report: Report, spec: Spec, old: Spec, field: 'clusterIPs' | 'ipFamilies', word: string): void {
  const [now, before] = [spec[field] ?? [], old[field] ?? []] as [string[], string[]];
  if (now.length === before.length) {
    before.forEach((one, index) => now[index] === one || report.invalid(`spec.${field}[${index}]`, now, 'may not change once set'));
    return;
  }
  if (now.length === 0) report.invalid(`spec.${field}[0]`, now, `primary ${word} can not be unset`);
  else if (before.length > 0 && now[0] !== before[0]) report.invalid(`spec.${field}[0]`, now, 'may not change once set');
  if (now.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    report.invalid(`spec.${field}[0]`, now, `\`ipFamilyPolicy\` must be set to 'SingleStack' when releasing the secondary ${word}`);
  }
}

function checkExternalName(report: Report, spec: Spec): void {
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    if (spec[field]?.length) report.forbidden(`spec.${field}`, 'may not be set for ExternalName services');
  }
  if (spec.ipFamilyPolicy) report.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services');
  report.requiredName('spec.externalName', spec.externalName?.replace(/\.$/, ''), dnsSubdomain);
}

function checkClusterIps(report: Report, spec: Spec): void {
  const { clusterIP, clusterIPs = [], ipFamilies = [] } = spec;
  if (clusterIP) {
    if (clusterIPs.length === 0) report.required('spec.clusterIPs');
    else if (clusterIPs[0] !== clusterIP) report.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  } else if (clusterIPs.length > 0) report.invalid('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified');
  ipFamilies.forEach((family, index) => {
    report.word(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6']);
    if (ipFamilies.indexOf(family) < index) report.duplicate(`spec.ipFamilies[${index}]`, family);
  });
  report.word('spec.ipFamilyPolicy', spec.ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']);
  clusterIPs.forEach((ip, index) => {
    if (index === 0 && ip === 'None') {
      if (clusterIPs.length > 1) report.invalid('spec.clusterIPs', clusterIPs, "'None' must be the first and only value");
    } else checkIp(report, `spec.clusterIPs[${index}]`, ip);
  });
  if (clusterIPs.length > 2) report.invalid('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values');
  const ips = clusterIPs[0] === 'None' ? [] : clusterIPs;
  if (!ips.every((ip) => parseIp(ip))) return;
  if (ips.length > 1 && !(ips.length === 2 && familyOf(ips[0]!) !== familyOf(ips[1]!))) report.invalid('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family');
  ips.forEach((ip, index) => {
    const family = ipFamilies[index];
    if (family && family !== familyOf(ip)) report.invalid(`spec.clusterIPs[${index}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``);
  });
}

function checkPorts(report: Report, { ports = [], type }: Spec): void {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  ports.forEach(({ name, port, protocol, targetPort, nodePort, appProtocol }, index) => {
    const at = `spec.ports[${index}]`;
    if (name) {
      report.follows(`${at}.name`, name, dnsLabel);
      if (names.has(name)) report.duplicate(`${at}.name`, name);
      names.add(name);
    } else if (ports.length > 1) report.required(`${at}.name`);
    report.port(`${at}.port`, port);
    report.requiredWord(`${at}.protocol`, protocol, protocols);
    checkPortOrName(report, `${at}.targetPort`, targetPort as number | string | undefined);
    if (present(appProtocol)) report.follows(`${at}.appProtocol`, appProtocol, qualifiedName);
    if (nodePort && type === 'ClusterIP') report.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'");
    if (nodePort && nodePorts.has(`${protocol}/${nodePort}`)) report.duplicate(`${at}.nodePort`, nodePort);
    if (nodePort) nodePorts.add(`${protocol}/${nodePort}`);
    if (numbers.has(`${protocol}/${port}`)) report.duplicate(at, { protocol, port });
    numbers.add(`${protocol}/${port}`);
  });
}

const mostAffinitySeconds = 86_400;

function checkAffinity(report: Report, { sessionAffinity, sessionAffinityConfig }: Spec): void {
  report.requiredWord('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  const field = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None' && sessionAffinityConfig) report.forbidden(field, 'must not be set when session affinity is None');
  if (sessionAffinity !== 'ClientIP') return;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (!present(seconds)) report.required(`${field}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP');
  else if (seconds <= 0 || seconds > mostAffinitySeconds) {
    report.invalid(`${field}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${mostAffinitySeconds}`);
  }
}

const onlyBalancer = "may only be used when `type` is 'LoadBalancer'";

function checkBalancer(report: Report, spec: Spec): void {
  const isBalancer = spec.type === 'LoadBalancer';
  if (spec.loadBalancerSourceRanges?.length) {
    if (!isBalancer) report.forbidden('spec.LoadBalancerSourceRanges', onlyBalancer);
    spec.loadBalancerSourceRanges.forEach((range, index) => checkCidr(report, `spec.LoadBalancerSourceRanges[${index}]`, range.trim()));
  }
  if (present(spec.allocateLoadBalancerNodePorts) && !isBalancer) report.forbidden('spec.allocateLoadBalancerNodePorts', onlyBalancer);
  if (!present(spec.loadBalancerClass)) return;
  if (isBalancer) report.follows('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName);
  else report.forbidden('spec.loadBalancerClass', onlyBalancer);
}

function checkTraffic(report: Report, spec: Spec): void {
  if (isExternal(spec)) report.requiredWord('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local']);
  else if (spec.externalTrafficPolicy) {
    report.invalid('spec.externalTrafficPolicy', spec.externalTrafficPolicy, 'may only be set for externally-accessible services');
  }
  if (spec.healthCheckNodePort && !needsHealthCheck(spec)) {
    report.invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
  }
  report.word('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']);
  report.word('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose', 'PreferSameNode', 'PreferSameZone']);
}
