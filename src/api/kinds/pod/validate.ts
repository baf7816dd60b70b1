// The rules of a Pod, in the words and paths of Kubernetes; and those of a template for Pods.
import type { FieldCause } from '../../error.ts';
import { dnsLabel, dnsSubdomain, dnsSubdomainOrUnderscore } from '../../names.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '../../types.ts';
import { present, Report } from '../validation/report.ts';
import { checkAnnotations, checkIp, checkLabels } from '../validation/rules.ts';
import { checkFieldsMatchAnnotations, checkPodAnnotations } from './validate-annotations.ts';
import { checkContainers, checkEphemeralContainers, checkImageSpace, checkInitContainers, type Around } from './validate-container.ts';
import { checkFileKeyVolumes } from './validate-env.ts';
import { checkHostProcess, checkOs } from './validate-os.ts';
import { checkPodClaims, checkPodResources } from './validate-pod-resources.ts';
import { checkResources } from './validate-resources.ts';
import { checkScheduling } from './validate-scheduling.ts';
import { checkPodSecurity } from './validate-security.ts';
import { checkVolumes } from './validate-volume.ts';

export function validatePod(pod: Pod): FieldCause[] {
  const report = new Report();
  const { spec } = pod;
  checkPodAnnotations(report, 'metadata.annotations', pod.metadata.annotations, spec);
  checkPodSpec(report, 'spec', spec, pod.metadata.name ?? '');
  if (!spec.serviceAccountName) checkNoTokens(report, spec);
  for (const list of ['containers', 'initContainers'] as const) {
    spec[list]?.forEach((container, index) => checkImageSpace(report, `spec.${list}[${index}]`, container));
  }
  return report.causes;
}

/** What holds only when a Pod is new. */
export function validateNewPod(pod: Pod): FieldCause[] {
  const report = new Report();
  checkFieldsMatchAnnotations(report, 'spec', pod.metadata.annotations, pod.spec);
  if (pod.spec.ephemeralContainers?.length) report.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  if (pod.spec.nodeName && pod.spec.schedulingGates?.length) {
    report.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  }
  return report.causes;
}

export function checkPodTemplate(report: Report, field: string, template: PodTemplateSpec): void {
  checkLabels(report, `${field}.labels`, template.metadata?.labels);
  checkAnnotations(report, `${field}.annotations`, template.metadata?.annotations);
  const spec = template.spec ?? ({} as PodSpec);
  checkPodAnnotations(report, `${field}.annotations`, template.metadata?.annotations, spec);
  checkPodSpec(report, `${field}.spec`, spec, undefined);
  checkFieldsMatchAnnotations(report, `${field}.spec`, template.metadata?.annotations, spec);
  if (spec.ephemeralContainers?.length) report.forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
}

function checkPodSpec(report: Report, field: string, spec: PodSpec, podName: string | undefined): void {
  const isPod = podName !== undefined;
  const claims = (spec.resourceClaims ?? []).flatMap(({ name }) => (name ? [name] : []));
  const around: Around = { spec, claims, volumes: checkVolumes(report, `${field}.volumes`, spec, podName) };
  checkPodClaims(report, `${field}.resourceClaims`, spec.resourceClaims);
  checkContainers(report, `${field}.containers`, around);
  checkInitContainers(report, `${field}.initContainers`, around);
  checkEphemeralContainers(report, `${field}.ephemeralContainers`, around);
  checkFileKeyVolumes(report, field, spec);
  checkPodResources(report, `${field}.resources`, spec);
  if (spec.hostNetwork) checkHostNetworkPorts(report, `${field}.containers`, spec, isPod);
  report.requiredWord(`${field}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  report.requiredWord(`${field}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
  checkPodSecurity(report, `${field}.securityContext`, spec);
  checkDns(report, `${field}.dnsConfig`, spec);
  checkScheduling(report, field, spec);
  checkHostUsers(report, field, spec);
  if (spec.serviceAccountName) report.follows(`${field}.serviceAccountName`, spec.serviceAccountName, dnsSubdomain);
  if (spec.nodeName) report.follows(`${field}.nodeName`, spec.nodeName, dnsSubdomain);
  report.between(`${field}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, 2 ** 31 - 1);
  if (spec.hostname) report.follows(`${field}.hostname`, spec.hostname, dnsLabel);
  if (spec.subdomain) report.follows(`${field}.subdomain`, spec.subdomain, dnsLabel);
  checkHostnameOverride(report, field, spec);
  spec.hostAliases?.forEach(({ ip, hostnames }, index) => {
    checkIp(report, `${field}.hostAliases[${index}].ip`, ip);
    hostnames?.forEach((name, nameIndex) => report.follows(`${field}.hostAliases[${index}].hostnames[${nameIndex}]`, name, dnsSubdomain));
  });
  if (spec.priorityClassName) report.follows(`${field}.priorityClassName`, spec.priorityClassName, dnsSubdomain);
  if (present(spec.runtimeClassName)) report.follows(`${field}.runtimeClassName`, spec.runtimeClassName, dnsSubdomain);
  report.word(`${field}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']);
  if (spec.overhead) checkResources(report, `${field}.overhead`, { limits: spec.overhead }, []);
  checkHostProcess(report, field, spec);
  checkOs(report, field, spec);
}

const longestHostname = 64;

/** It stands alone: neither beside a name made of parts, nor where the node's own name is seen. */
function checkHostnameOverride(report: Report, field: string, spec: PodSpec): void {
  const name = spec.hostnameOverride;
  if (!name) return;
  const at = `${field}.hostnameOverride`;
  report.follows(at, name, dnsSubdomain);
  if (name.length > longestHostname) report.tooLong(at, longestHostname);
  if (spec.setHostnameAsFQDN) report.forbidden(`${field}.setHostnameAsFQDN`, 'may not be true when `hostnameOverride` is set');
  if (spec.hostNetwork) report.forbidden(`${field}.hostNetwork`, 'may not be true when `hostnameOverride` is set');
}

/** A token is somebody's. */
function checkNoTokens(report: Report, spec: PodSpec): void {
  spec.volumes?.forEach(({ projected }, index) => {
    projected?.sources?.forEach(({ serviceAccountToken }, sourceIndex) => {
      if (serviceAccountToken) report.forbidden(`spec.volumes[${index}].projected.sources[${sourceIndex}].serviceAccountToken`, 'must not be specified when serviceAccountName is not set');
    });
  });
}

const mostNameservers = 3;
const mostSearches = 32;
const mostSearchCharacters = 2048;

function checkDns(report: Report, field: string, spec: PodSpec): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (!config) return report.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None');
    if (!config.nameservers?.length) return report.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
  }
  if (!config) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > mostNameservers) report.invalid(`${field}.nameservers`, nameservers, `must not have more than ${mostNameservers} nameservers`);
  nameservers.forEach((address, index) => checkIp(report, `${field}.nameservers[${index}]`, address));
  if (searches.length > mostSearches) report.invalid(`${field}.searches`, searches, `must not have more than ${mostSearches} search paths`);
  if (searches.join(' ').length > mostSearchCharacters) {
    report.invalid(`${field}.searches`, searches, `must not have more than ${mostSearchCharacters} characters (including spaces) in the search list`);
  }
  searches.forEach((domain, index) => {
    if (domain !== '.') report.follows(`${field}.searches[${index}]`, domain.replace(/\.$/, ''), dnsSubdomainOrUnderscore);
  });
  options.forEach(({ name }, index) => {
    if (!name) report.required(`${field}.options[${index}]`, 'must not be empty');
  });
}

function checkHostUsers(report: Report, field: string, spec: PodSpec): void {
  if (spec.hostUsers !== false) return;
  const why = 'when `pod.Spec.HostUsers` is false';
  if (spec.hostNetwork) report.forbidden(`${field}.hostNetwork`, why);
  if (spec.hostPID) report.forbidden(`${field}.HostPID`, why);
  if (spec.hostIPC) report.forbidden(`${field}.HostIPC`, why);
}

/** In a template nothing may be said instead, for the Pod is filled in when it is made. */
function checkHostNetworkPorts(report: Report, field: string, spec: PodSpec, isPod: boolean): void {
  spec.containers?.forEach((container, index) => {
    container.ports?.forEach(({ hostPort = 0, containerPort }, portIndex) => {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort) {
        report.invalid(`${field}[${index}].ports[${portIndex}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
      }
    });
  });
}
