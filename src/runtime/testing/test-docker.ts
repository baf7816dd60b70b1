// A private Docker Engine for tests, with a network that touches nothing of the machine, and the proof that it left nothing.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock as clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { ensureBaseImages, pauseImage } from '../containerd/images/base-images.ts';
import { createDockerRuntime, type DockerRuntime } from '../docker/docker-runtime.ts';

/** Why tests on Docker cannot run here; false when they can. */
export const cannotRunDocker: string | false =
  process.getuid?.() !== 0 ? 'needs root: it runs real containers' : findDockerd() ? false : 'dockerd is not installed: apt-get install --no-install-recommends docker.io';

export interface PrivateDocker {
  /** `unix:///…` */
  readonly endpoint: string;
  /** Ends dockerd, and what it runs. */
  stop(): Promise<void>;
}

const readyMs = 30_000;

/** Resolves once it answers. It makes no bridge and no packet rules of its own. */
export async function startPrivateDocker(directory: string): Promise<PrivateDocker> {
  mkdirSync(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  const log = openSync(at('dockerd.log'), 'a');
  const child = spawn(findDockerd()!, [
    '--data-root', at('root'), '--exec-root', at('exec'), '--pidfile', at('dockerd.pid'), '-H', `unix://${at('docker.sock')}`,
    '--bridge=none', '--iptables=false', '--ip6tables=false', '--exec-opt', 'native.cgroupdriver=cgroupfs',
  ], { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = once(child, 'exit');
  const signal = AbortSignal.timeout(readyMs);
  const endpoint = `unix://${at('docker.sock')}`;
  while (!(await answers(endpoint))) {
    if (child.exitCode !== null || signal.aborted) throw new Error(`dockerd does not answer: ${readFileSync(at('dockerd.log'), 'utf8').split('\n').slice(-5).join('\n')}`);
    await clock.sleep(20, signal);
  }
  return {
    endpoint,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      // It leaves the mount of the machine's own network namespace.
      for (const mount of mountsBelow(directory)) execFileSync('umount', ['-l', mount]);
    },
  };
}

export interface TestDocker {
  readonly directory: string;
  readonly endpoint: string;
  readonly runtime: DockerRuntime;
  readonly cgroupParent: string;
  readonly logs: string;
  connect(options?: { writesLogs: boolean }): Promise<DockerRuntime>;
  /** Ends and removes everything, and asserts that nothing is left. */
  end(): Promise<void>;
}

let count = 0;

export async function startTestDocker(): Promise<TestDocker> {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-docker-'));
  const docker = await startPrivateDocker(directory);
  const name = `peapod-test-${process.pid}-${++count}`;
  // A range of 64 addresses for each test process: they are used only between a Pod's namespace and the machine.
  const number = process.pid % 1024;
  const [network, bridge] = [`10.${90 + (number >> 10)}.${(number >> 2) & 255}.${(number & 3) * 64}`, `peat${process.pid % 100_000}`];
  const gateway = network.replace(/\d+$/, (last) => String(Number(last) + 1));
  const connect = ({ writesLogs } = { writesLogs: false }) => createDockerRuntime({ endpoint: docker.endpoint, clock, log: silentLog, owner: name, network: name, pauseImage, writesLogs });
  const runtime = await connect({ writesLogs: true });
  await ensureBaseImages({ runtime, load: (archive, signal) => runtime.loadImages(archive, signal), dataDir: join(directory, 'images'), clock, log: silentLog }, AbortSignal.timeout(60_000));
  await runtime.ensureNetwork({ bridge, podRange: `${network}/26`, gateway }, AbortSignal.timeout(60_000));
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  return {
    directory, endpoint: docker.endpoint, runtime, connect, logs, cgroupParent: `/${name}`,
    async end() {
      await runtime.removeNetwork(AbortSignal.timeout(60_000));
      await runtime.close();
      await docker.stop();
      removeCgroups(`/${name}`);
      assert.deepEqual(mentions(directory), [], 'processes and mounts that are left');
      assert.ok(!existsSync(`/sys/class/net/${bridge}`), 'the bridge is left');
      rmSync(directory, { recursive: true });
    },
  };
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await (await createDockerRuntime({ endpoint, clock, log: silentLog, owner: 'test', network: 'none', pauseImage, writesLogs: false })).close();
    return true;
  } catch {
    return false;
  }
}

function findDockerd(): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].map((folder) => join(folder, 'dockerd')).find((path) => existsSync(path));
}

/** The Pods' parents are the node's to remove. */
function removeCgroups(parent: string): void {
  for (const hierarchy of ['.', ...readdirSync('/sys/fs/cgroup')]) {
    const path = join('/sys/fs/cgroup', hierarchy, parent);
    if (existsSync(path)) removeCgroup(path);
  }
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  // A cgroup has files, and yet is removed as an empty directory.
  rmdirSync(path);
}

/** The innermost first. */
function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${directory}/`)).toReversed();
}

function mentions(directory: string): string[] {
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [];
    }
  });
  return [...mountsBelow(directory), ...commands.filter((command) => command.includes(directory))];
}
