// Which sysctls a Pod may set: the safe ones, those that the node's owner allows, and none of a namespace that the Pod
// shares with the node. Pure. The lists are the kubelet's.
import type { Pod } from '../../api/types.ts';

/** Safe ones, and the kernel from which on each is a namespace's own. */
const safe: readonly (readonly [string, readonly [number, number]])[] = [
  ['kernel.shm_rmid_forced', [0, 0]],
  ['net.ipv4.ip_local_port_range', [0, 0]],
  ['net.ipv4.tcp_syncookies', [0, 0]],
  ['net.ipv4.ping_group_range', [0, 0]],
  ['net.ipv4.ip_unprivileged_port_start', [0, 0]],
  ['net.ipv4.ip_local_reserved_ports', [3, 16]],
  ['net.ipv4.tcp_keepalive_time', [4, 5]],
  ['net.ipv4.tcp_fin_timeout', [4, 6]],
  ['net.ipv4.tcp_keepalive_intvl', [4, 5]],
  ['net.ipv4.tcp_keepalive_probes', [4, 5]],
  ['net.ipv4.tcp_rmem', [4, 15]],
  ['net.ipv4.tcp_wmem', [4, 15]],
];

type Namespace = 'ipc' | 'net';

/** Why the Pod's sysctls are refused; undefined: they are not. */
export function forbiddenSysctl(pod: Pod, allowed: readonly string[], kernelVersion: string): string | undefined {
  const patterns = [...safe.filter(([, since]) => isAtLeast(kernelVersion, since)).map(([name]) => name), ...allowed.map(dotted)];
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const wanted = dotted(name);
    const isAllowed = patterns.some((pattern) => (pattern.endsWith('*') ? wanted.startsWith(pattern.slice(0, -1)) : wanted === pattern));
    if (!isAllowed) return `${JSON.stringify(wanted)} not allowlisted`;
    const namespace = namespaceOf(wanted);
    if ((namespace === 'ipc' && pod.spec.hostIPC) || (namespace === 'net' && pod.spec.hostNetwork)) return `${JSON.stringify(wanted)} not allowed with host ${namespace} enabled`;
  }
  return undefined;
}

/** Whether a node's owner can allow it: only what is known to belong to a namespace. A pattern ends in `*`. */
export function mayBeAllowed(pattern: string): boolean {
  return namespaceOf(dotted(pattern).replace(/\*$/, '')) !== undefined;
}

/** `net/ipv4/conf/eth0.1/forwarding` is `net.ipv4.conf.eth0/1.forwarding`: whichever separator comes first is the separator. */
export function dotted(name: string): string {
  const first = name.search(/[./]/);
  if (first < 0 || name[first] === '.') return name;
  return name.replace(/[./]/g, (mark) => (mark === '/' ? '.' : '/'));
}

function namespaceOf(name: string): Namespace | undefined {
  if (name === 'kernel.sem' || ['kernel.shm', 'kernel.msg', 'fs.mqueue.'].some((prefix) => name.startsWith(prefix))) return 'ipc';
  return name.startsWith('net.') ? 'net' : undefined;
}

function isAtLeast(kernelVersion: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernelVersion.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
