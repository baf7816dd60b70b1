// What may change in a Pod once it is there.
import type { FieldCause } from '../../error.ts';
import { draftOf, sameJson } from '../../meta.ts';
import { dnsSubdomain, qualifiedName } from '../../names.ts';
import type { ContainerStatus, Pod, PodSpec } from '../../types.ts';
import { present, Report } from '../validation/report.ts';
import { checkIp } from '../validation/rules.ts';
import { isSidecar } from './resources.ts';

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
  const mirror = 'kubernetes.io/config.mirror';
  const [now, old] = [pod.metadata.annotations?.[mirror], before.metadata.annotations?.[mirror]];
  if (now === old) return;
  report.forbidden(`metadata.annotations[${mirror}]`, present(old) ? 'may not remove or update mirror pod annotation' : 'may not add mirror pod annotation');
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
  const changed = [...new Set([...Object.keys(rest), ...Object.keys(before)])]
    .filter((field) => !sameJson(rest[field as keyof PodSpec], before[field as keyof PodSpec]))
    .map((field) => `spec.${field}`);
  report.forbidden('spec', `pod updates may not change fields other than ${mutable}\nchanged: ${changed.join(', ')}`);
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
  const { restartPolicy, initContainers = [] } = before.spec;
  const sidecars = initContainers.filter(isSidecar).map(({ name }) => name);
  checkTransitions(report, 'status.containerStatuses', status.containerStatuses, before.status.containerStatuses, restartPolicy, []);
  checkTransitions(report, 'status.initContainerStatuses', status.initContainerStatuses, before.status.initContainerStatuses, restartPolicy, sidecars);
  checkTransitions(report, 'status.ephemeralContainerStatuses', status.ephemeralContainerStatuses, before.status.ephemeralContainerStatuses, 'Never', []);
  status.podIPs?.forEach(({ ip }, index) => checkIp(report, `status.podIPs[${index}]`, ip));
  status.hostIPs?.forEach(({ ip }, index) => checkIp(report, `status.hostIPs[${index}]`, ip));
  if (status.hostIPs?.[0] && status.hostIPs[0].ip !== status.hostIP) {
    report.invalid('status.hostIPs[0].ip', status.hostIPs[0].ip, 'must be equal to `hostIP`');
  }
  return report.causes;
}

/** What has ended for good does not run again. */
function checkTransitions(
  report: Report,
  field: string,
  statuses: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  restartPolicy: string | undefined,
  restartable: readonly string[],
): void {
  if (restartPolicy === 'Always') return;
  before?.forEach((old, index) => {
    const ended = old.state?.terminated;
    if (!ended || restartable.includes(old.name) || (ended.exitCode !== 0 && restartPolicy === 'OnFailure')) return;
    const now = statuses?.find(({ name }) => name === old.name);
    if (now && !now.state?.terminated) report.forbidden(`${field}[${index}].state`, 'may not be transitioned to non-terminated state');
  });
}
