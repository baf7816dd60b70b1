// The controls of the level baseline: what lets a Pod take over its node.
import type { Probe } from '../../../api/types.ts';
import { containersOf, distinct, hasOwnUsers, named, plural, quoted, setters, type Check, type Checked, type Control, type Violation } from './control.ts';

const appArmor: Check = (pod) => {
  const isBad = (type: string | undefined) => type !== 'RuntimeDefault' && type !== 'Localhost';
  const { appArmorProfile } = pod.spec.securityContext ?? {};
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.appArmorProfile && isBad(securityContext.appArmorProfile.type));
  const isPodBad = !!appArmorProfile && isBad(appArmorProfile.type);
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith('container.apparmor.security.beta.kubernetes.io/') && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const types = [...(isPodBad ? [appArmorProfile.type] : []), ...bad.map(({ securityContext }) => securityContext!.appArmorProfile!.type)];
  const values = [...distinct(types), ...annotations];
  if (values.length === 0) return undefined;
  const who = [setters(isPodBad, bad.map(({ name }) => name)), annotations.length > 0 ? plural('annotation', annotations) : ''].filter(Boolean);
  return { reason: plural('forbidden AppArmor profile', values), detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(values)}` };
};

const defaultCapabilities = new Set(['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT']);

const capabilities: Check = (pod) => {
  const added = containersOf(pod).map(({ name, securityContext }) => ({ name, bad: (securityContext?.capabilities?.add ?? []).filter((each) => !defaultCapabilities.has(each)) }));
  const bad = added.filter((each) => each.bad.length > 0);
  if (bad.length === 0) return undefined;
  return {
    reason: 'non-default capabilities',
    detail: `${named('container', bad.map(({ name }) => name))} must not include ${quoted(distinct(bad.flatMap((each) => each.bad)))} in securityContext.capabilities.add`,
  };
};

const hostNamespaces: Check = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
  return shared.length > 0 ? { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') } : undefined;
};

const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  return names.length > 0 ? { reason: 'hostPath volumes', detail: named('volume', names) } : undefined;
};

const hostPorts: Check = (pod) => {
  const used = containersOf(pod).map(({ name, ports = [] }) => ({ name, ports: ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : [])) }));
  const bad = used.filter(({ ports }) => ports.length > 0);
  return uses('hostPort', bad.map(({ name }) => name), 'hostPort', distinct(bad.flatMap(({ ports }) => ports)), (ports) => ports.join(', '));
};

/** The node itself asks, so a host named here is one that the node can reach. */
const handlerHosts: Check = (pod) => {
  const hostsOf = (handler: Pick<Probe, 'httpGet' | 'tcpSocket'> | undefined) => [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => !!host) as string[];
  const used = containersOf(pod).map(({ name, livenessProbe, readinessProbe, startupProbe, lifecycle }) => ({
    name,
    hosts: [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hostsOf),
  }));
  const bad = used.filter(({ hosts }) => hosts.length > 0);
  return uses('probe or lifecycle host', distinct(bad.map(({ name }) => name)), 'probe or lifecycle host', distinct(bad.flatMap(({ hosts }) => hosts)), quoted);
};

const privileged: Check = (pod) => {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.privileged);
  return bad.length > 0 ? { reason: 'privileged', detail: `${named('container', bad.map(({ name }) => name))} must not set securityContext.privileged=true` } : undefined;
};

export const procMount: Check = (pod) => {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.procMount && securityContext.procMount !== 'Default');
  if (bad.length === 0) return undefined;
  const values = distinct(bad.map(({ securityContext }) => securityContext!.procMount!));
  return { reason: 'procMount', detail: `${named('container', bad.map(({ name }) => name))} must not set securityContext.procMount to ${quoted(values)}` };
};

/** Each SELinux type is allowed since a version of its own. */
function seLinux(allowed: readonly string[]): Check {
  return (pod) => {
    const types: string[] = [];
    const notes = new Set<string>();
    const isBad = (options: { type?: string; user?: string; role?: string } | undefined): boolean => {
      const { type = '', user, role } = options ?? {};
      const badType = type !== '' && !allowed.includes(type);
      if (badType) types.push(type);
      if (user) notes.add('user may not be set');
      if (role) notes.add('role may not be set');
      return badType || !!user || !!role;
    };
    const isPodBad = isBad(pod.spec.securityContext?.seLinuxOptions);
    const bad = containersOf(pod).filter(({ securityContext }) => isBad(securityContext?.seLinuxOptions));
    if (!isPodBad && bad.length === 0) return undefined;
    const listed = distinct(types);
    const data = [...(listed.length > 0 ? [`${plural('type', listed)} ${quoted(listed)}`] : []), ...[...notes].sort().reverse()];
    return { reason: 'seLinuxOptions', detail: `${setters(isPodBad, bad.map(({ name }) => name))} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}` };
  };
}

const isBadSeccomp = (type: string | undefined) => type !== 'RuntimeDefault' && type !== 'Localhost';

/** Only what is said explicitly; `restricted` asks that something is said. */
export const seccomp: Check = (pod) => {
  const { seccompProfile } = pod.spec.securityContext ?? {};
  const isPodBad = !!seccompProfile && isBadSeccomp(seccompProfile.type);
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.seccompProfile && isBadSeccomp(securityContext.seccompProfile.type));
  if (!isPodBad && bad.length === 0) return undefined;
  const values = distinct([...(isPodBad ? [seccompProfile.type] : []), ...bad.map(({ securityContext }) => securityContext!.seccompProfile!.type)]);
  return { reason: 'seccompProfile', detail: `${setters(isPodBad, bad.map(({ name }) => name))} must not set securityContext.seccompProfile.type to ${quoted(values)}` };
};

const oldSeccomp: Check = (pod) => {
  const isAllowed = (value: string) => value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
  const keys = ['seccomp.security.alpha.kubernetes.io/pod', ...containersOf(pod).map(({ name }) => `container.seccomp.security.alpha.kubernetes.io/${name}`)];
  const bad = keys.filter((key) => pod.annotations[key] !== undefined && !isAllowed(pod.annotations[key]!));
  const listed = distinct(bad.map((key) => `${key}=${JSON.stringify(pod.annotations[key])}`));
  return listed.length > 0 ? { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', listed)} ${listed.join(', ')}` } : undefined;
};

const sysctls0 = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start'];
const sysctls27 = [...sysctls0, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [...sysctls27, 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

function sysctls(allowed: readonly string[]): Check {
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
    return bad.length > 0 ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
  };
}

const hostProcess: Check = (pod) => {
  const isPodBad = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.windowsOptions?.hostProcess);
  if (!isPodBad && bad.length === 0) return undefined;
  return { reason: 'hostProcess', detail: `${setters(isPodBad, bad.map(({ name }) => name))} must not set securityContext.windowsOptions.hostProcess=true` };
};

/** `container "a" uses hostPort 80`, `containers "a", "b" use hostPorts 80, 81`. */
function uses(reason: string, containers: readonly string[], word: string, things: readonly string[], shown: (things: readonly string[]) => string): Violation | undefined {
  if (containers.length === 0) return undefined;
  return { reason, detail: `${named('container', containers)} ${plural('uses', containers, 'use')} ${plural(word, things)} ${shown(things)}` };
}

const seLinuxTypes = ['container_t', 'container_init_t', 'container_kvm_t'];
const unlessOwnUsers = (check: Check): Check => (pod: Checked) => (hasOwnUsers(pod) ? undefined : check(pod));

/** By their ids, as they are told. */
export const baseline: readonly Control[] = [
  { id: 'appArmorProfile', since: [[0, appArmor]] },
  { id: 'capabilities_baseline', since: [[0, capabilities]] },
  { id: 'hostNamespaces', since: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', since: [[0, hostPathVolumes]] },
  { id: 'hostPorts', since: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', since: [[34, handlerHosts]] },
  { id: 'privileged', since: [[0, privileged]] },
  { id: 'procMount_baseline', since: [[0, procMount], [35, unlessOwnUsers(procMount)]] },
  { id: 'seLinuxOptions', since: [[0, seLinux(seLinuxTypes)], [31, seLinux([...seLinuxTypes, 'container_engine_t'])]] },
  { id: 'seccompProfile_baseline', since: [[0, oldSeccomp], [19, seccomp]] },
  { id: 'sysctls', since: [[0, sysctls(sysctls0)], [27, sysctls(sysctls27)], [29, sysctls(sysctls29)], [32, sysctls(sysctls32)]] },
  { id: 'windowsHostProcess', since: [[0, hostProcess]] },
];
