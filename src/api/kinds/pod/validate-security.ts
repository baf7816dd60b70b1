// The rules of security contexts, of a Pod and of its containers.
import { isSysctlName, sysctlPattern } from '../../names.ts';
import type { Container, PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLocalPath } from '../validation/rules.ts';
import { checkWindowsOptions } from './validate-os.ts';

type PodSecurity = NonNullable<PodSpec['securityContext']>;
type ContainerSecurity = NonNullable<Container['securityContext']>;

/** Upstream's bound, though Linux has more. */
const mostId = 2 ** 31 - 1;
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

export function checkPodSecurity(report: Report, field: string, spec: PodSpec): void {
  const security: PodSecurity = spec.securityContext ?? {};
  for (const id of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) report.between(`${field}.${id}`, security[id], 0, mostId);
  security.supplementalGroups?.forEach((id, index) => report.between(`${field}.supplementalGroups[${index}]`, id, 0, mostId));
  if (spec.shareProcessNamespace && spec.hostPID) {
    report.invalid(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  }
  checkSysctls(report, `${field}.sysctls`, spec, security.sysctls);
  report.word(`${field}.fsGroupChangePolicy`, security.fsGroupChangePolicy, ['Always', 'OnRootMismatch']);
  checkSeccomp(report, `${field}.seccompProfile`, security.seccompProfile);
  checkWindowsOptions(report, `${field}.windowsOptions`, security.windowsOptions);
  checkAppArmor(report, `${field}.appArmorProfile`, security.appArmorProfile);
  report.word(`${field}.supplementalGroupsPolicy`, security.supplementalGroupsPolicy, ['Merge', 'Strict']);
  report.word(`${field}.seLinuxChangePolicy`, security.seLinuxChangePolicy, ['MountOption', 'Recursive']);
}

export function checkSecurityContext(report: Report, field: string, security: ContainerSecurity | undefined, spec: PodSpec): void {
  if (!security) return;
  for (const id of ['runAsUser', 'runAsGroup'] as const) report.between(`${field}.${id}`, security[id], 0, mostId);
  report.word(`${field}.procMount`, security.procMount, ['Default', 'Unmasked']);
  if (security.procMount === 'Unmasked' && spec.hostUsers !== false) {
    report.invalid(`${field}.procMount`, security.procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  checkSeccomp(report, `${field}.seccompProfile`, security.seccompProfile);
  if (security.allowPrivilegeEscalation === false) {
    if (security.privileged) report.invalid(field, security, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
    if (security.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      report.invalid(field, security, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN');
    }
  }
  checkWindowsOptions(report, `${field}.windowsOptions`, security.windowsOptions);
  checkAppArmor(report, `${field}.appArmorProfile`, security.appArmorProfile);
}

function checkSeccomp(report: Report, field: string, profile: PodSecurity['seccompProfile']): void {
  if (!profile) return;
  if (profile.type) report.word(`${field}.type`, profile.type, profileTypes);
  else report.required(`${field}.type`, 'type is required when seccompProfile is set');
  const { localhostProfile } = profile;
  if (profile.type === 'Localhost') {
    if (present(localhostProfile)) checkLocalPath(report, `${field}.localhostProfile`, localhostProfile);
    else report.required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost');
  } else if (present(localhostProfile)) report.invalid(`${field}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost');
}

const longestProfile = 4095;

function checkAppArmor(report: Report, field: string, profile: PodSecurity['appArmorProfile']): void {
  if (!profile) return;
  if (!profile.type) return report.required(`${field}.type`, 'type is required when appArmorProfile is set');
  const at = `${field}.localhostProfile`;
  const { type, localhostProfile } = profile;
  if (!profileTypes.includes(type)) report.notSupported(`${field}.type`, type, profileTypes);
  else if (type !== 'Localhost') {
    if (present(localhostProfile)) report.invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost');
  } else if (!localhostProfile) report.required(at, 'must be set when AppArmor type is Localhost');
  else {
    if (localhostProfile.trim() !== localhostProfile) report.invalid(at, localhostProfile, 'must not be padded with whitespace');
    if (Buffer.byteLength(localhostProfile) > longestProfile) report.tooLong(at, longestProfile);
  }
}

function checkSysctls(report: Report, field: string, spec: PodSpec, sysctls: PodSecurity['sysctls']): void {
  const names = new Set<string>();
  sysctls?.forEach(({ name }, index) => {
    const at = `${field}[${index}].name`;
    if (!name) report.required(at);
    else if (!isSysctlName(name)) report.invalid(at, name, `must have at most 253 characters and match regex ^${sysctlPattern}$`);
    else if (names.has(name)) report.duplicate(at, name);
    names.add(name);
    const dotted = (name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.')) report.invalid(at, name, "may not be specified when 'hostNetwork' is true");
    if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted)) report.invalid(at, name, "may not be specified when 'hostIPC' is true");
  });
}
