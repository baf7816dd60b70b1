// Specs for tests: the least that runs, and what a test wants otherwise.
import type { ContainerSpec, PodIdentity, SandboxSpec } from '../runtime.ts';

export function sandboxSpec(pod: PodIdentity, rest: Partial<SandboxSpec> & Pick<SandboxSpec, 'logDirectory' | 'cgroupParent'>): SandboxSpec {
  return {
    pod, attempt: 0, hostname: pod.name, labels: {}, annotations: {}, network: 'pod', ipc: 'pod', pid: 'container', privileged: false, sysctls: {},
    dns: { servers: [], searches: [], options: [] }, portMappings: [], security: { supplementalGroups: [] }, ...rest,
  };
}

export function containerSpec(pod: PodIdentity, name: string, rest: Partial<ContainerSpec> & Pick<ContainerSpec, 'imageId' | 'image'>): ContainerSpec {
  return {
    pod, name, attempt: 0, command: [], args: [], env: [], mounts: [], devices: [], labels: {}, annotations: {}, logPath: `${name}.log`,
    stdin: false, stdinOnce: false, tty: false, resources: {}, security: containerSecurity, ...rest,
  };
}

export const containerSecurity: ContainerSpec['security'] = {
  privileged: false, supplementalGroups: [], addCapabilities: [], dropCapabilities: [], readOnlyRootfs: false, noNewPrivileges: false, maskedPaths: [], readonlyPaths: [], pid: 'container',
};
