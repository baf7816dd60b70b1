// A Pod → the sandbox that its containers share. Pure.
import type { Pod } from '../../api/types.ts';
import type { SandboxSpec } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { identityOf, podLabels } from './labels.ts';
import { dnsOf, fittingDns, kernelHostname, type ClusterDns, type DnsSettings } from './names.ts';
import { isSandboxPrivileged, pidModeOf, sandboxSecurity } from './security.ts';

export interface SandboxPlace {
  readonly attempt: number;
  /** That of the Pod's RuntimeClass. */
  readonly handler?: string;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly clusterDns: ClusterDns;
  readonly nodeDns: DnsSettings;
  readonly nodeHostname: string;
  readonly seccompRoot: string;
}

export function sandboxSpec(pod: Pod, place: SandboxPlace): SandboxSpec {
  const { hostNetwork, hostIPC } = pod.spec;
  return {
    pod: identityOf(pod),
    attempt: place.attempt,
    hostname: hostNetwork ? place.nodeHostname : kernelHostname(pod, place.clusterDns.domain),
    logDirectory: place.logDirectory,
    labels: podLabels(pod),
    annotations: { ...pod.metadata.annotations },
    cgroupParent: place.cgroupParent,
    ...(place.handler ? { handler: place.handler } : {}),
    network: hostNetwork ? 'node' : 'pod',
    ipc: hostIPC ? 'node' : 'pod',
    pid: pidModeOf(pod),
    privileged: isSandboxPrivileged(pod),
    sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    dns: fittingDns(dnsOf(pod, place.clusterDns, place.nodeDns)).dns,
    portMappings: hostNetwork ? [] : portMappings(pod),
    security: sandboxSecurity(pod, place.seccompRoot),
  };
}

function portMappings(pod: Pod): SandboxSpec['portMappings'] {
  const { init, app } = containersOf(pod);
  const open = [...init.filter(({ role }) => role === 'sidecar'), ...app];
  return open.flatMap(({ spec }) =>
    (spec.ports ?? [])
      .filter(({ hostPort }) => hostPort)
      .map(({ protocol = 'TCP', containerPort, hostPort, hostIP = '' }) => ({ protocol: protocol as 'TCP', containerPort, hostPort: hostPort!, hostIP })),
  );
}
