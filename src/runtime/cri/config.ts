// Our specs as CRI's configurations; pure.
import type { AppArmorProfile, ContainerSpec, LinuxResources, Mount, NamespaceMode, SandboxSpec, SeccompProfile } from '../runtime.ts';
import { configAnnotation, containerAnnotations, containerLabels, sandboxLabels } from './labels.ts';
import type { PodSandboxStatus } from './messages.ts';
import type { Message } from './wire/protobuf.ts';

/** A PodSandboxConfig, as starting the sandbox and creating its containers need it. */
export function sandboxConfig(spec: SandboxSpec, owner: string | undefined): Message {
  const { security } = spec;
  const kept: KeptConfig = {
    hostname: spec.network === 'node' ? '' : spec.hostname, logDirectory: spec.logDirectory, cgroupParent: spec.cgroupParent, privileged: spec.privileged,
    network: spec.network, ipc: spec.ipc, pid: spec.pid,
  };
  return {
    metadata: { ...spec.pod, attempt: spec.attempt },
    // On the node's network there is no host name to set, and runtimes refuse one.
    hostname: kept.hostname,
    log_directory: spec.logDirectory,
    dns_config: { servers: spec.dns.servers, searches: spec.dns.searches, options: spec.dns.options },
    port_mappings: spec.portMappings.map((port) => ({ protocol: port.protocol, container_port: port.containerPort, host_port: port.hostPort, host_ip: port.hostIP })),
    labels: sandboxLabels(spec, owner),
    annotations: { ...spec.annotations, [configAnnotation]: JSON.stringify(kept) },
    linux: {
      cgroup_parent: spec.cgroupParent,
      sysctls: spec.sysctls,
      security_context: {
        namespace_options: namespaces(kept),
        run_as_user: security.runAsUser === undefined ? undefined : { value: security.runAsUser },
        run_as_group: security.runAsGroup === undefined ? undefined : { value: security.runAsGroup },
        supplemental_groups: security.supplementalGroups,
        supplemental_groups_policy: security.supplementalGroupsStrict ? 'Strict' : undefined,
        privileged: spec.privileged,
        seccomp: seccomp(security.seccomp),
      },
    },
  };
}

interface KeptConfig {
  readonly hostname: string;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly privileged: boolean;
  readonly network: 'pod' | 'node';
  readonly ipc: 'pod' | 'node';
  readonly pid: NamespaceMode;
}

/** What creating a container needs of its sandbox' configuration, from what the runtime keeps: for sandboxes that an earlier process made. */
export function keptSandboxConfig(status: PodSandboxStatus): Message {
  const kept = JSON.parse(status.annotations[configAnnotation] ?? '{}') as Partial<KeptConfig>;
  return {
    metadata: status.metadata,
    hostname: kept.hostname ?? '',
    log_directory: kept.logDirectory ?? '',
    labels: status.labels,
    annotations: status.annotations,
    linux: {
      cgroup_parent: kept.cgroupParent ?? '',
      security_context: { namespace_options: namespaces({ network: kept.network ?? 'pod', ipc: kept.ipc ?? 'pod', pid: kept.pid ?? 'container' }), privileged: kept.privileged ?? false },
    },
  };
}

/** A ContainerConfig. `sandbox` is the PodSandboxConfig it goes into, whose namespaces it joins. */
export function containerConfig(spec: ContainerSpec, sandbox: Message, owner: string | undefined): Message {
  const { security } = spec;
  const target = typeof security.pid === 'object' ? security.pid.targetContainerId : undefined;
  return {
    metadata: { name: spec.name, attempt: spec.attempt },
    image: { image: spec.imageId, user_specified_image: spec.image },
    command: spec.command,
    args: spec.args,
    working_dir: spec.workingDir,
    envs: spec.env.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })),
    mounts: spec.mounts.map(mountConfig),
    devices: spec.devices.map((device) => ({ host_path: device.hostPath, container_path: device.containerPath, permissions: device.permissions })),
    labels: containerLabels(spec, owner),
    annotations: containerAnnotations(spec),
    log_path: spec.logPath,
    stdin: spec.stdin,
    stdin_once: spec.stdinOnce,
    tty: spec.tty,
    stop_signal: spec.stopSignal,
    linux: {
      resources: linuxResources(spec.resources),
      security_context: {
        privileged: security.privileged,
        capabilities: { add_capabilities: security.addCapabilities, drop_capabilities: security.dropCapabilities },
        namespace_options: { ...sandbox.linux.security_context.namespace_options, pid: target ? 'TARGET' : modes[security.pid as NamespaceMode], target_id: target },
        run_as_user: security.runAsUser === undefined ? undefined : { value: security.runAsUser },
        run_as_username: security.runAsUserName,
        run_as_group: security.runAsGroup === undefined ? undefined : { value: security.runAsGroup },
        supplemental_groups: security.supplementalGroups,
        supplemental_groups_policy: security.supplementalGroupsStrict ? 'Strict' : undefined,
        readonly_rootfs: security.readOnlyRootfs,
        no_new_privs: security.noNewPrivileges,
        masked_paths: security.maskedPaths,
        readonly_paths: security.readonlyPaths,
        seccomp: seccomp(security.seccomp),
        ...appArmor(security.appArmor),
      },
    },
  };
}

function mountConfig({ hostPath, containerPath, readOnly, recursiveReadOnly, propagation, imageId }: Mount): Message {
  if (imageId) return { container_path: containerPath, readonly: true, image: { image: imageId }, image_sub_path: hostPath };
  return { host_path: hostPath, container_path: containerPath, readonly: readOnly, propagation: propagations[propagation], ...(recursiveReadOnly ? { recursive_read_only: true } : {}) };
}

export function linuxResources(resources: LinuxResources): Message {
  return {
    cpu_shares: resources.cpuShares,
    cpu_quota: resources.cpuQuotaUs,
    cpu_period: resources.cpuPeriodUs,
    memory_limit_in_bytes: resources.memoryLimitBytes,
    oom_score_adj: resources.oomScoreAdj,
    unified: resources.unified,
  };
}

const modes: Readonly<Record<NamespaceMode, string>> = { pod: 'POD', node: 'NODE', container: 'CONTAINER' };
const propagations = { None: 'PROPAGATION_PRIVATE', HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER', Bidirectional: 'PROPAGATION_BIDIRECTIONAL' } as const;

function namespaces({ network, ipc, pid }: Pick<KeptConfig, 'network' | 'ipc' | 'pid'>): Message {
  return { network: modes[network], ipc: modes[ipc], pid: modes[pid] };
}

/** No profile means unconfined, said outright: CRI's zero value is RuntimeDefault. */
function seccomp(profile: SeccompProfile | undefined): Message {
  return profile?.type === 'Localhost' ? { profile_type: 'Localhost', localhost_ref: profile.path } : { profile_type: profile?.type ?? 'Unconfined' };
}

/** In the form of now, and in the one that older runtimes read. */
function appArmor(profile: AppArmorProfile | undefined): Message {
  switch (profile?.type) {
    case undefined: return {};
    case 'Localhost': return { apparmor: { profile_type: 'Localhost', localhost_ref: profile.name }, apparmor_profile: `localhost/${profile.name}` };
    case 'Unconfined': return { apparmor: { profile_type: 'Unconfined' }, apparmor_profile: 'unconfined' };
    default: return { apparmor: { profile_type: 'RuntimeDefault' }, apparmor_profile: 'runtime/default' };
  }
}
