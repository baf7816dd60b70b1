// Our specs as the engine's create requests; pure.
import { readFileSync } from 'node:fs';
import { RuntimeError, type AppArmorProfile, type ContainerSpec, type LinuxResources, type Mount, type NamespaceMode, type SandboxSpec, type SeccompProfile } from '../runtime.ts';
import type { KeptSandbox } from './labels.ts';

type Request = Readonly<Record<string, unknown>>;

/** What holds a Pod's namespaces: the pause image, which does nothing but reap. */
export function sandboxRequest(spec: SandboxSpec, pauseImage: string, network: string, labels: Readonly<Record<string, string>>): Request {
  const onNode = spec.network === 'node';
  const ports = onNode ? [] : spec.portMappings.filter(({ hostPort }) => hostPort > 0);
  const portName = ({ containerPort, protocol }: (typeof ports)[number]) => `${containerPort}/${protocol.toLowerCase()}`;
  const bindings = Map.groupBy(ports, portName);
  const { runAsUser, runAsGroup, supplementalGroups, seccomp } = spec.security;
  return {
    Image: pauseImage,
    Labels: labels,
    ...(onNode ? {} : { Hostname: spec.hostname }),
    User: userOf(runAsUser, undefined, runAsGroup),
    ExposedPorts: Object.fromEntries([...bindings.keys()].map((name) => [name, {}])),
    HostConfig: {
      ...(spec.handler ? { Runtime: spec.handler } : {}),
      NetworkMode: onNode ? 'host' : network,
      ...(onNode ? { UTSMode: 'host' } : {}),
      IpcMode: spec.ipc === 'node' ? 'host' : 'shareable',
      PidMode: spec.pid === 'node' ? 'host' : '',
      CgroupParent: spec.cgroupParent,
      Privileged: spec.privileged,
      Sysctls: spec.sysctls,
      PortBindings: Object.fromEntries([...bindings].map(([name, all]) => [name, all.map(({ hostIP, hostPort }) => ({ HostIp: hostIP, HostPort: String(hostPort) }))])),
      GroupAdd: supplementalGroups.map(String),
      SecurityOpt: ['no-new-privileges', ...seccompOption(seccomp)],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none' },
      ...noRestart,
    },
  };
}

/** How much of a log the engine keeps for a Peapod that is away; the node's own log has its own bounds. */
const keptLog = { Type: 'json-file', Config: { 'max-size': '64m', 'max-file': '2' } };
const noRestart = { RestartPolicy: { Name: 'no' } };

export function containerRequest(spec: ContainerSpec, sandboxId: string, sandbox: KeptSandbox, labels: Readonly<Record<string, string>>): Request {
  const { security } = spec;
  return {
    Image: spec.imageId,
    Labels: labels,
    ...(spec.command.length > 0 ? { Entrypoint: spec.command } : {}),
    ...(spec.args.length > 0 ? { Cmd: spec.args } : {}),
    ...(spec.workingDir ? { WorkingDir: spec.workingDir } : {}),
    ...(spec.stopSignal ? { StopSignal: spec.stopSignal } : {}),
    Env: spec.env.map(({ name, value }) => `${name}=${value}`),
    User: userOf(security.runAsUser, security.runAsUserName, security.runAsGroup),
    Tty: spec.tty,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    // Probes are the Pod's, not the image's.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...(sandbox.handler ? { Runtime: sandbox.handler } : {}),
      NetworkMode: `container:${sandboxId}`,
      ...(sandbox.network === 'node' ? { UTSMode: 'host' } : {}),
      IpcMode: sandbox.ipc === 'node' ? 'host' : `container:${sandboxId}`,
      PidMode: pidMode(security.pid, sandboxId),
      CgroupParent: sandbox.cgroupParent,
      Mounts: spec.mounts.map(mountRequest),
      Devices: spec.devices.map((device) => ({ PathOnHost: device.hostPath, PathInContainer: device.containerPath, CgroupPermissions: device.permissions })),
      ...resourcesRequest(spec.resources),
      ...(spec.resources.oomScoreAdj === undefined ? {} : { OomScoreAdj: spec.resources.oomScoreAdj }),
      Privileged: security.privileged,
      CapAdd: security.addCapabilities,
      CapDrop: security.dropCapabilities,
      GroupAdd: security.supplementalGroups.map(String),
      SecurityOpt: [...(security.noNewPrivileges ? ['no-new-privileges'] : []), ...seccompOption(security.seccomp), ...appArmorOption(security.appArmor)],
      ReadonlyRootfs: security.readOnlyRootfs,
      // An empty list is said outright: absent means the engine's own.
      MaskedPaths: security.maskedPaths,
      ReadonlyPaths: security.readonlyPaths,
      LogConfig: keptLog,
      ...noRestart,
    },
  };
}

function mountRequest({ hostPath, containerPath, readOnly, recursiveReadOnly, propagation, imageId }: Mount): Request {
  if (imageId) return { Type: 'image', Source: imageId, Target: containerPath, ReadOnly: true, ...(hostPath ? { ImageOptions: { Subpath: hostPath } } : {}) };
  // Newer engines make all below read-only when they can, which a Pod must ask for.
  const recursion = readOnly ? (recursiveReadOnly ? { ReadOnlyForceRecursive: true } : { ReadOnlyNonRecursive: true }) : {};
  return { Type: 'bind', Source: hostPath, Target: containerPath, ReadOnly: readOnly, BindOptions: { Propagation: propagations[propagation], ...recursion } };
}

/** Also the request that changes them. Memory and swap together are bound by the memory limit, as Pods have no swap. */
export function resourcesRequest(resources: LinuxResources): Request {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes } = resources;
  return {
    ...(cpuShares === undefined ? {} : { CpuShares: cpuShares }),
    ...(cpuQuotaUs === undefined ? {} : { CpuQuota: cpuQuotaUs }),
    ...(cpuPeriodUs === undefined ? {} : { CpuPeriod: cpuPeriodUs }),
    ...(memoryLimitBytes ? { Memory: memoryLimitBytes, MemorySwap: memoryLimitBytes } : {}),
  };
}

const propagations = { None: 'rprivate', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

function pidMode(pid: ContainerSpec['security']['pid'], sandboxId: string): string {
  if (typeof pid === 'object') return `container:${pid.targetContainerId}`;
  const modes: Readonly<Record<NamespaceMode, string>> = { pod: `container:${sandboxId}`, node: 'host', container: '' };
  return modes[pid];
}

function userOf(uid: number | undefined, name: string | undefined, gid: number | undefined): string {
  const user = uid === undefined ? (name ?? '') : String(uid);
  return gid === undefined ? user : `${user}:${gid}`;
}

/** Without an option the engine applies its own profile, which is RuntimeDefault. */
function seccompOption(profile: SeccompProfile | undefined): string[] {
  if (profile?.type === 'RuntimeDefault') return [];
  return [profile?.type === 'Localhost' ? `seccomp=${readProfile(profile.path)}` : 'seccomp=unconfined'];
}

function readProfile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : (cause as Error).message;
    throw new RuntimeError('failed', `cannot load seccomp profile ${JSON.stringify(path)}: ${why}`, { cause });
  }
}

/** Without an option the engine applies its own profile where the kernel has AppArmor. */
function appArmorOption(profile: AppArmorProfile | undefined): string[] {
  if (profile === undefined || profile.type === 'RuntimeDefault') return [];
  return [`apparmor=${profile.type === 'Localhost' ? profile.name : 'unconfined'}`];
}
