// The rules of a Pod's annotations that mean something: mirror Pods, the cost of a deletion, and what seccomp and AppArmor
// were before they had fields.
import type { Container, PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLocalPath } from '../validation/rules.ts';

type Annotations = Readonly<Record<string, string>>;

export const mirrorAnnotation = 'kubernetes.io/config.mirror';
export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompPrefix = 'container.seccomp.security.alpha.kubernetes.io/';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const local = 'localhost/';

export function checkPodAnnotations(report: Report, field: string, annotations: Annotations | undefined, spec: PodSpec): void {
  if (!annotations) return;
  const mirror = annotations[mirrorAnnotation];
  if (present(mirror) && !spec.nodeName) report.invalid(`${field}[${mirrorAnnotation}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set');
  const cost = annotations[deletionCost];
  if (present(cost) && !isInt32(cost)) report.invalid(`${field}[${deletionCost}]`, cost, 'must be a 32bit integer');
  for (const key in annotations) {
    const value = annotations[key]!;
    if (key === seccompPod || key.startsWith(seccompPrefix)) checkSeccomp(report, `${field}.${key}`, value);
    if (!key.startsWith(appArmorPrefix)) continue;
    const name = key.slice(appArmorPrefix.length);
    if (!everyContainer(spec).some(({ container }) => container.name === name)) report.invalid(`${field}[${key}]`, name, 'container not found');
    if (value && value !== 'runtime/default' && value !== 'unconfined' && !value.startsWith(local)) {
      report.invalid(`${field}[${key}]`, value, `invalid AppArmor profile name: ${JSON.stringify(value)}`);
    }
  }
}

function isInt32(text: string): boolean {
  return /^(0|-\d+|[1-9]\d*)$/.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;
}

function checkSeccomp(report: Report, field: string, value: string): void {
  if (value === 'runtime/default' || value === 'docker/default' || value === 'unconfined') return;
  if (value.startsWith(local)) checkLocalPath(report, field, value.slice(local.length));
  else report.invalid(field, value, 'must be a valid seccomp profile');
}

/** Where both speak, they say the same. Only asked of new Pods: older ones may differ. */
export function checkFieldsMatchAnnotations(report: Report, field: string, annotations: Annotations | undefined, spec: PodSpec): void {
  if (!annotations) return;
  const ofPod = spec.securityContext;
  checkMatch(report, 'seccomp', `${field}.securityContext.seccompProfile`, ofPod?.seccompProfile, annotations[seccompPod]);
  for (const { at, container } of everyContainer(spec, field)) {
    const { securityContext } = container;
    checkMatch(report, 'seccomp', `${at}.securityContext.seccompProfile`, securityContext?.seccompProfile, annotations[`${seccompPrefix}${container.name}`]);
    if (spec.os?.name === 'windows') continue;
    const profile = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile;
    checkMatch(report, 'apparmor', `${at}.securityContext.appArmorProfile`, profile, annotations[`${appArmorPrefix}${container.name}`]);
  }
}

function checkMatch(report: Report, what: 'seccomp' | 'apparmor', field: string, profile: { type: string; localhostProfile?: string } | undefined, annotation: string | undefined): void {
  if (!profile || annotation === undefined) return;
  const isSame =
    profile.type === 'Unconfined' ? annotation === 'unconfined'
    : profile.type === 'RuntimeDefault' ? annotation === 'runtime/default' || (what === 'seccomp' && annotation === 'docker/default')
    : profile.type !== 'Localhost' || annotation.startsWith(local);
  if (!isSame) report.forbidden(`${field}.type`, `${what} type in annotation and field must match`);
  else if (profile.type === 'Localhost' && annotation.slice(local.length) !== profile.localhostProfile) {
    report.forbidden(`${field}.localhostProfile`, `${what} profile in annotation and field must match`);
  }
}

/** Init containers first, each with its path. */
export function everyContainer(spec: PodSpec, field = 'spec'): { at: string; container: Container }[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) => (spec[list] ?? []).map((container, index) => ({ at: `${field}.${list}[${index}]`, container: container as Container })));
}
