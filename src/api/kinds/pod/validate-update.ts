// What may change in a Pod once it is there.
import { isIP } from 'node:net';
import type { FieldCause } from '../../error.ts';
import { draftOf, sameJson } from '../../meta.ts';
import { dnsSubdomain, qualifiedName } from '../../names.ts';
import type { ContainerStatus, Pod, PodSpec } from '../../types.ts';
import { present, Report } from '../validation/report.ts';
import { checkIp } from '../validation/rules.ts';
import { isSidecar } from './resources.ts';
import { specDiff } from './spec-diff.ts';
import { appArmorPrefix, everyContainer, mirrorAnnotation } from './validate-annotations.ts';

const mutable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(pod: Pod, before: Pod): FieldCause[] {
  const report = new Report();
  checkFixedAnnotations(report, pod, before);
  for (const list of ['containers', 'initContainers'] as const) {
    if ((pod.spec[list]?.length ?? 0) === (before.spec[list]?.length ?? 0)) continue;
    report.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
    return report.causes;
  }
  checkDeadline(report, pod.spec.activeDeadlineSeconds, before.spec.activeDeadlineSeconds);
  checkAddedTolerations(report, pod.spec, before.spec);
  checkGates(report, pod.spec, before.spec);
  if (!sameJson(pod.spec, before.spec)) checkRest(report, pod.spec, before.spec);
  return report.causes;
}

function checkFixedAnnotations(report: Report, pod: Pod, before: Pod): void {
  const [now, old] = [pod.metadata.annotations ?? {}, before.metadata.annotations ?? {}];
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const what = key === mirrorAnnotation ? 'mirror pod annotation' : key.startsWith(appArmorPrefix) ? 'AppArmor annotations' : undefined;
    if (!what || now[key] === old[key]) continue;
    report.forbidden(`metadata.annotations[${key}]`, present(old[key]) ? `may not remove or update ${what}` : `may not add ${what}`);
  }
}

function checkDeadline(report: Report, now: number | undefined, old: number | undefined): void {
  const field = 'spec.activeDeadlineSeconds';
  if (present(now)) {
    if (present(old) && old < now) report.invalid(field, now, 'must be less than or equal to previous value');
  } else if (present(old)) report.invalid(field, null, 'must not update from a positive integer to nil value');
}

/** New ones may come; of the old ones only the seconds may change. */
function checkAddedTolerations(report: Report, spec: PodSpec, before: PodSpec): void {
  for (const old of before.tolerations ?? []) {
    const isKept = spec.tolerations?.some((now) => sameJson({ ...now, tolerationSeconds: null }, { ...old, tolerationSeconds: null }));
    if (!isKept) return report.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
  }
}

function checkGates(report: Report, spec: PodSpec, before: PodSpec): void {
  spec.schedulingGates?.forEach(({ name }, index) => {
    if (before.schedulingGates?.some((old) => old.name === name)) return;
    report.forbidden(`spec.schedulingGates[${index}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`);
  });
}

/** Puts back what may change and compares the rest. */
function checkRest(report: Report, spec: PodSpec, before: PodSpec): void {
  const rest = draftOf(spec);
  rest.containers.forEach((container, index) => (container.image = before.containers[index]?.image));
  rest.initContainers?.forEach((container, index) => (container.image = before.initContainers?.[index]?.image));
  rest.activeDeadlineSeconds = before.activeDeadlineSeconds;
  rest.schedulingGates = before.schedulingGates;
  rest.tolerations = before.tolerations;
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && rest.terminationGracePeriodSeconds === 1) {
    rest.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  }
  if (before.schedulingGates?.length) checkGated(report, rest, before);
  if (sameJson(rest, before)) return;
  report.forbidden('spec', `pod updates may not change fields other than ${mutable}\n${specDiff('core.PodSpec', before, rest)}`);
}

/** While gates hold a Pod back, where it may go can be narrowed. */
function checkGated(report: Report, rest: PodSpec, before: PodSpec): void {
  for (const key in before.nodeSelector) {
    if (rest.nodeSelector?.[key] === before.nodeSelector[key]) continue;
    report.invalid('spec.nodeSelector', rest.nodeSelector, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)');
    break;
  }
  rest.nodeSelector = before.nodeSelector;
  const old = before.affinity?.nodeAffinity;
  const oldTerms = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const terms = rest.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (oldTerms.length > 0 && oldTerms.length !== terms.length) {
    report.invalid(field, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
  } else {
    oldTerms.forEach((term, index) => {
      const parts = (['matchExpressions', 'matchFields'] as const).map((part) => ({ was: term[part] ?? [], now: terms[index]![part] ?? [] }));
      const wasEmpty = parts.every(({ was }) => was.length === 0);
      const onlyAdds = wasEmpty ? parts.every(({ now }) => now.length === 0) : parts.every(({ was, now }) => sameJson(now.slice(0, was.length), was));
      if (!onlyAdds) report.invalid(`${field}[${index}]`, terms[index], 'only additions are allowed (no mutations or deletions)');
    });
  }
  const { nodeAffinity: _, ...others } = rest.affinity ?? {};
  const affinity = { ...others, ...(old ? { nodeAffinity: old } : {}) };
  rest.affinity = Object.keys(affinity).length === 0 && !before.affinity ? undefined : affinity;
}

export function validatePodStatus(pod: Pod, before: Pod): FieldCause[] {
  const report = new Report();
  const { status } = pod;
  status.conditions?.forEach(({ type }, index) => report.follows(`metadata.conditions[${index}].Type`, type ?? '', qualifiedName));
  if (status.nominatedNodeName && status.nominatedNodeName !== before.status.nominatedNodeName) {
    report.follows('status.nominatedNodeName', status.nominatedNodeName, dnsSubdomain);
  }
  const { initContainers = [] } = before.spec;
  const sidecars = initContainers.filter(isSidecar).map(({ name }) => name);
  checkTransitions(report, 'status.containerStatuses', status.containerStatuses, before.status.containerStatuses, before.spec, []);
  checkTransitions(report, 'status.initContainerStatuses', status.initContainerStatuses, before.status.initContainerStatuses, before.spec, sidecars);
  checkTransitions(report, 'status.ephemeralContainerStatuses', status.ephemeralContainerStatuses, before.status.ephemeralContainerStatuses, 'never', []);
  checkClaimStatuses(report, 'status.resourceClaimStatuses', pod);
  checkAddresses(report, 'status.podIPs', status.podIPs);
  if (status.hostIPs?.[0] && status.hostIPs[0].ip !== status.hostIP) {
    report.invalid('status.hostIPs[0].ip', status.hostIPs[0].ip, 'must be equal to `hostIP`');
  }
  checkAddresses(report, 'status.hostIPs', status.hostIPs);
  checkUsers(report, 'status.containerStatuses', status.containerStatuses, before.spec);
  checkUsers(report, 'status.initContainerStatuses', status.initContainerStatuses, before.spec);
  checkUsers(report, 'status.ephemeralContainerStatuses', status.ephemeralContainerStatuses, before.spec);
  return report.causes;
}

/** One of each family at most. */
function checkAddresses(report: Report, field: string, addresses: Pod['status']['podIPs']): void {
  if (!addresses) return;
  addresses.forEach(({ ip }, index) => checkIp(report, `${field}[${index}]`, ip));
  if (addresses.length < 2) return;
  const families = addresses.map(({ ip }) => isIP(ip ?? ''));
  if (addresses.length > 2 || families[0] === families[1]) report.invalid(field, addresses, 'may specify no more than one IP for each IP family');
  addresses.forEach((address, index) => {
    if (addresses.findIndex(({ ip }) => ip === address.ip) < index) report.duplicate(`${field}[${index}]`, address);
  });
}

function checkClaimStatuses(report: Report, field: string, { spec, status }: Pod): void {
  const names = new Set<string>();
  status.resourceClaimStatuses?.forEach(({ name, resourceClaimName }, index) => {
    const at = `${field}[${index}].name`;
    if (!spec.resourceClaims?.some((claim) => claim.name === name)) report.invalid(at, name, 'must match the name of an entry in `spec.resourceClaims`');
    if (names.has(name)) report.duplicate(at, name);
    names.add(name);
    if (present(resourceClaimName)) report.follows(at, resourceClaimName, dnsSubdomain);
  });
}

const mostId = 2 ** 31 - 1;

function checkUsers(report: Report, field: string, statuses: readonly ContainerStatus[] | undefined, spec: PodSpec): void {
  statuses?.forEach(({ user }, index) => {
    const at = `${field}[${index}].linux`;
    if (!user?.linux) return;
    if (spec.os?.name === 'windows') return report.forbidden(at, 'cannot be set for a windows pod');
    report.between(`${at}.uid`, user.linux.uid, 0, mostId);
    report.between(`${at}.gid`, user.linux.gid, 0, mostId);
    user.linux.supplementalGroups?.forEach((gid, groupIndex) => report.between(`${at}.supplementalGroups[${groupIndex}]`, gid, 0, mostId));
  });
}

/** What has ended for good does not run again. */
function checkTransitions(
  report: Report,
  field: string,
  statuses: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  spec: PodSpec | 'never',
  restartable: readonly string[],
): void {
  before?.forEach((old, index) => {
    const ended = old.state?.terminated;
    if (!ended || restartable.includes(old.name) || (spec !== 'never' && mayRestart(spec, old.name, ended.exitCode))) return;
    const now = statuses?.find(({ name }) => name === old.name);
    if (now && !now.state?.terminated) report.forbidden(`${field}[${index}].state`, 'may not be transitioned to non-terminated state');
  });
}

/** By the container's own rules and policy, or else the Pod's. */
function mayRestart(spec: PodSpec, name: string, exitCode: number): boolean {
  const container = everyContainer(spec).find((each) => each.container.name === name)?.container;
  const isMeant = container?.restartPolicyRules?.some(({ exitCodes }) => exitCodes && (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In'));
  const policy = container?.restartPolicy ?? spec.restartPolicy;
  return isMeant || spec.restartPolicy === 'Always' || policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}
