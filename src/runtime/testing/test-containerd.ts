// A private containerd for tests, with a network that touches nothing of the machine, and the proof that it left nothing.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { ensureBaseImages, pauseImage } from '../containerd/images/base-images.ts';
import { importImages } from '../containerd/images/import-images.ts';
import { startPrivateContainerd, type PrivateContainerd } from '../containerd/private-containerd.ts';
import { removeAll } from '../containerd/remove-all.ts';
import { createCriRuntime } from '../cri/cri-runtime.ts';
import type { Runtime } from '../runtime.ts';

/** Why tests on real containers cannot run here; false when they can. */
export const cannotRun: string | false = process.getuid?.() === 0 ? false : 'needs root: it runs real containers';

export interface TestContainerd {
  readonly directory: string;
  readonly containerd: PrivateContainerd;
  readonly runtime: Runtime;
  readonly cgroupParent: string;
  readonly logs: string;
  connect(): Promise<Runtime>;
  /** Starts, or adopts, containerd as another process of ours would. */
  start(): Promise<PrivateContainerd>;
  /** Ends and removes everything, and asserts that nothing is left. */
  end(): Promise<void>;
}

let count = 0;

export async function startTestContainerd(): Promise<TestContainerd> {
  const signal = AbortSignal.timeout(60_000);
  const before = traces();
  const directory = mkdtempSync(join(tmpdir(), 'peapod-runtime-'));
  // A range of 64 addresses for each test process: they are used only between a Pod's namespace and the machine.
  const number = (process.pid * 4 + count++) % 1024;
  const subnet = `10.${87 + (number >> 10)}.${(number >> 2) & 255}.${(number & 3) * 64}/26`;
  const cniConfDir = join(directory, 'net.d');
  mkdirSync(cniConfDir);
  writeFileSync(join(cniConfDir, '10-test.conflist'), JSON.stringify({
    cniVersion: '0.4.0', name: `peapod-test-${process.pid}-${count}`,
    plugins: [{ type: 'ptp', ipam: { type: 'host-local', dataDir: join(directory, 'ipam'), ranges: [[{ subnet }]] } }],
  }));
  const cgroupParent = `/peapod-test-${process.pid}-${count}`;
  const options = { dataDir: join(directory, 'containerd'), cniConfDir, cniBinDirs: ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'], pauseImage, ipamDir: join(directory, 'ipam'), clock, log: silentLog };
  const start = () => startPrivateContainerd(options, signal);
  const containerd = await start();
  const connect = () => createCriRuntime({ endpoint: containerd.endpoint, calls: containerd.calls, clock, log: silentLog, events: 'auto' });
  const runtime = await connect();
  await ensureBaseImages({ runtime, load: (archive, end) => importImages(containerd.endpoint, archive, end), dataDir: join(directory, 'images'), clock, log: silentLog }, signal);
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  return {
    directory, containerd, runtime, cgroupParent, logs, connect, start,
    async end() {
      await runtime.close();
      await containerd.stop();
      await removeAll({ ...options, cgroupParent }, AbortSignal.timeout(60_000));
      assert.deepEqual(mentions(directory), [], 'processes and mounts that are left');
      rmSync(directory, { recursive: true });
      assert.deepEqual(cgroupsNamed(cgroupParent), [], 'cgroups that are left');
      const left = traces().filter((trace) => !before.includes(trace) && trace.includes(`peapod-test-${process.pid}-`));
      assert.deepEqual(left, [], 'what is left on the machine');
    },
  };
}

function traces(): string[] {
  return ['/var/lib/cni/results', '/var/lib/cni/cache/results'].filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder));
}

function mentions(directory: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(directory));
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [];
    }
  });
  return [...mounts, ...commands.filter((command) => command.includes(directory))];
}

function cgroupsNamed(name: string): string[] {
  return readdirSync('/sys/fs/cgroup').map((hierarchy) => join('/sys/fs/cgroup', hierarchy, name)).filter((path) => existsSync(path));
}
