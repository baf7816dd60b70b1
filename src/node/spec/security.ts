// Security contexts → what the runtime is told. A container's own setting wins over its Pod's.
import type { Container, Pod } from '../../api/types.ts';
import type { AppArmorProfile, ContainerSpec, ImageInfo, NamespaceMode, SandboxSpec, SeccompProfile } from '../../runtime/runtime.ts';
import { ConfigError } from './config-error.ts';

export const maskedPaths: readonly string[] = [
  '/proc/asound', '/proc/acpi', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list',
  '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap',
];

export const readonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function pidModeOf(pod: Pod): NamespaceMode {
  if (pod.spec.hostPID) return 'node';
  return pod.spec.shareProcessNamespace ? 'pod' : 'container';
}

export function sandboxSecurity(pod: Pod, seccompRoot: string): SandboxSpec['security'] {
  const context = pod.spec.securityContext ?? {};
  return {
    runAsUser: context.runAsUser,
    // A sandbox runs nothing that its group matters to, and runtimes refuse a group without a user.
    runAsGroup: context.runAsUser === undefined ? undefined : context.runAsGroup,
    supplementalGroups: supplementalGroupsOf(pod),
    supplementalGroupsStrict: context.supplementalGroupsPolicy === 'Strict',
    seccomp: seccompOf(context.seccompProfile, seccompRoot) ?? { type: 'RuntimeDefault' },
  };
}

export function isSandboxPrivileged(pod: Pod): boolean {
  return [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].some(({ securityContext }) => securityContext?.privileged);
}

export function containerSecurity(pod: Pod, container: Container, image: ImageInfo, seccompRoot: string, targetContainerId?: string): ContainerSpec['security'] {
  const whole = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const privileged = own.privileged ?? false;
  const runAsUser = own.runAsUser ?? whole.runAsUser ?? image.uid;
  const runAsUserName = runAsUser === undefined ? image.userName : undefined;
  const open = privileged || own.procMount === 'Unmasked';
  refuseRoot(pod, container, image);
  return {
    privileged,
    runAsUser,
    runAsUserName,
    runAsGroup: own.runAsGroup ?? whole.runAsGroup,
    supplementalGroups: supplementalGroupsOf(pod),
    supplementalGroupsStrict: whole.supplementalGroupsPolicy === 'Strict',
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    readOnlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false && !privileged,
    maskedPaths: open ? [] : maskedPaths,
    readonlyPaths: open ? [] : readonlyPaths,
    seccomp: privileged ? { type: 'Unconfined' } : seccompOf(own.seccompProfile ?? whole.seccompProfile, seccompRoot),
    appArmor: privileged ? undefined : appArmorOf(own.appArmorProfile ?? whole.appArmorProfile),
    pid: targetContainerId ? { targetContainerId } : pidModeOf(pod),
  };
}

function refuseRoot(pod: Pod, container: Container, image: ImageInfo): void {
  const whole = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  if (!(own.runAsNonRoot ?? whole.runAsNonRoot)) return;
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  const asked = own.runAsUser ?? whole.runAsUser;
  if (asked === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
  if (asked !== undefined) return;
  if (image.uid === 0 || (image.uid === undefined && !image.userName)) throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  if (image.uid === undefined) throw new ConfigError(`container has runAsNonRoot and image has non-numeric user (${image.userName}), cannot verify user is non-root ${where}`);
}

function supplementalGroupsOf(pod: Pod): number[] {
  const { supplementalGroups = [], fsGroup } = pod.spec.securityContext ?? {};
  return fsGroup === undefined ? [...supplementalGroups] : [...new Set([...supplementalGroups, fsGroup])];
}

function seccompOf(profile: { type: string; localhostProfile?: string } | undefined, root: string): SeccompProfile | undefined {
  switch (profile?.type) {
    case 'RuntimeDefault':
    case 'Unconfined':
      return { type: profile.type };
    case 'Localhost':
      return { type: 'Localhost', path: `${root}/${profile.localhostProfile}` };
    default:
      return undefined;
  }
}

function appArmorOf(profile: { type: string; localhostProfile?: string } | undefined): AppArmorProfile | undefined {
  if (profile?.type === 'Localhost') return { type: 'Localhost', name: profile.localhostProfile ?? '' };
  return profile?.type === 'RuntimeDefault' || profile?.type === 'Unconfined' ? { type: profile.type } : undefined;
}
