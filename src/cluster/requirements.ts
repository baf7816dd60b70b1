// What the machine must have for real containers, and how to get what it lacks.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Requirement {
  readonly name: string;
  readonly purpose: string;
  /** The Debian package that brings it. */
  readonly debianPackage: string;
  /** Where it is; undefined when it is missing. */
  readonly find: () => string | undefined;
}

const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
export const cniFolders = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];

export function findProgram(name: string): string | undefined {
  return findIn([...(process.env['PATH'] ?? '').split(delimiter), ...sbin], name);
}

function findIn(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

const program = (name: string, debianPackage: string, purpose: string): Requirement => ({ name, debianPackage, purpose, find: () => findProgram(name) });
const plugin = (name: string): Requirement => ({
  name: `CNI ${name}`, debianPackage: 'containernetworking-plugins', purpose: 'the Pod network', find: () => findIn(cniFolders, name),
});

/** For a container runtime of our own. */
export const runtimeRequirements: readonly Requirement[] = [
  program('containerd', 'containerd', 'runs sandboxes and containers'),
  program('containerd-shim-runc-v2', 'containerd', 'keeps containers running'),
  program('ctr', 'containerd', 'imports images'),
  program('runc', 'runc', 'starts processes in their namespaces'),
  plugin('bridge'),
  plugin('host-local'),
  plugin('portmap'),
  plugin('loopback'),
  program('catatonit', 'catatonit', 'the pause image'),
  program('busybox', 'busybox-static', 'the localhost/busybox image'),
];

/** For a Docker Engine, which has its own parts for all else. */
export const dockerRequirements: readonly Requirement[] = [
  program('nsenter', 'util-linux', 'port-forward'),
  ...runtimeRequirements.filter(({ name }) => name === 'catatonit' || name === 'busybox'),
];

/** For the machine's network. */
export const networkRequirements: readonly Requirement[] = [
  program('ip', 'iproute2', 'links and routes'),
  program('iptables', 'iptables', 'host ports'),
  program('nft', 'nftables', 'packet rules'),
  program('tc', 'iproute2', 'limits of bandwidth'),
  program('conntrack', 'conntrack', 'ends flows to endpoints that have gone'),
  program('mount', 'mount', 'volumes'),
];

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  /** The line that mends it; absent when nothing is wrong. */
  readonly remedy?: string;
}

export function missing(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter((requirement) => requirement.find() === undefined);
}

/** Everything that `peapod doctor` tells of this machine. */
export function examine(): Finding[] {
  const root = process.getuid?.() === 0;
  const found = [...runtimeRequirements, ...networkRequirements].map((requirement): Finding => {
    const path = requirement.find();
    return path
      ? { name: requirement.name, ok: true, detail: path }
      : { name: requirement.name, ok: false, detail: `missing (${requirement.purpose})`, remedy: installLine([requirement]) };
  });
  return [
    { name: 'system', ok: process.platform === 'linux', detail: `${process.platform} ${process.arch}`, ...(process.platform === 'linux' ? {} : { remedy: 'run Peapod on Linux: its containers are Linux containers' }) },
    { name: 'root', ok: root, detail: root ? 'yes' : `uid ${process.getuid?.()}`, ...(root ? {} : { remedy: 'run it as root, for example: sudo ./peapod up' }) },
    ...found,
    cgroups(),
    fileSystem(),
  ];
}

export function installLine(requirements: readonly Requirement[]): string {
  const packages = [...new Set(requirements.map((requirement) => requirement.debianPackage))].join(' ');
  return isDebian()
    ? `apt-get install --no-install-recommends ${packages}`
    : `install ${packages} (Debian's package names) with your system's package manager`;
}

export function isDebian(): boolean {
  return existsSync('/etc/debian_version') && findProgram('apt-get') !== undefined;
}

function cgroups(): Finding {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return { name: 'cgroups', ok: true, detail: 'v2' };
  const mounts = readText('/proc/mounts');
  const lacking = ['cpu', 'memory', 'pids'].filter((name) => !mounts.split('\n').some((line) => / cgroup /.test(line) && line.split(' ')[3]?.split(',').includes(name)));
  return lacking.length === 0
    ? { name: 'cgroups', ok: true, detail: 'v1' }
    : { name: 'cgroups', ok: false, detail: `controllers ${lacking.join(', ')} are not mounted`, remedy: 'mount -t cgroup2 none /sys/fs/cgroup' };
}

function fileSystem(): Finding {
  const overlay = /\toverlay$/m.test(readText('/proc/filesystems'));
  return overlay
    ? { name: 'overlayfs', ok: true, detail: 'supported' }
    : { name: 'overlayfs', ok: false, detail: 'not loaded; images will be unpacked as plain copies', remedy: 'modprobe overlay' };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
