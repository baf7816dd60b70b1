// What a Pod's security context asks for and this node cannot give: refused when the Pod arrives, in the kubelet's words,
// rather than run otherwise than asked. Pure.
import type { Container, Pod } from '../../api/types.ts';
import { forbiddenSysctl } from './sysctls.ts';

export interface SecurityFeatures {
  readonly kernelVersion: string;
  readonly allowedUnsafeSysctls: readonly string[];
  /** The kernel enforces AppArmor profiles. */
  readonly appArmor: boolean;
  /** The runtime can leave out the groups that the image gives its user. */
  readonly supplementalGroupsPolicy: boolean;
}

export interface Unsupported {
  readonly reason: string;
  readonly message: string;
}

export function unsupportedSecurity(pod: Pod, features: SecurityFeatures): Unsupported | undefined {
  if (pod.spec.os && pod.spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  if (pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict' && !features.supplementalGroupsPolicy) {
    return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' };
  }
  const sysctl = forbiddenSysctl(pod, features.allowedUnsafeSysctls, features.kernelVersion);
  if (sysctl) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${sysctl}` };
  if (wantsAppArmor(pod) && !features.appArmor) return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  return undefined;
}

function wantsAppArmor(pod: Pod): boolean {
  const containers: readonly Container[] = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])];
  const profiles = [pod.spec.securityContext?.appArmorProfile, ...containers.map(({ securityContext }) => securityContext?.appArmorProfile)];
  return profiles.some((profile) => profile !== undefined && profile.type !== 'Unconfined');
}
