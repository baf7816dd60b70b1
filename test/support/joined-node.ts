// Another machine for a scenario: a network namespace of its own, joined to this machine's by one link, and in it a node that
// `peapod join` has made, a process of its own with its own data directory and containerd.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { eventually, runProgram, type RealCluster } from './real-cluster.ts';

const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));

export interface OtherMachine {
  readonly namespace: string;
  /** Of this machine, on the link: where the cluster listens. */
  readonly here: string;
  /** Of the other machine. */
  readonly there: string;
  /** Runs a program on it; throws when that fails. Resolves with what it wrote. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Pulls the cable, or puts it in again. */
  setLink(state: 'up' | 'down'): void;
  remove(): void;
}

let machines = 0;

/** `mtu`: of the link. Addresses are of the range for tests of networks (RFC 2544), by this process' id. */
export function addMachine(mtu = 1500): OtherMachine {
  const index = machines++;
  const namespace = `peapod-test-${process.pid}-${index}`;
  const link = `pt${process.pid}x${index}`;
  const number = (process.pid * 4 + index) % (2 ** 15);
  const address = (n: number) => `198.${18 + (number >> 14)}.${(number >> 6) & 255}.${((number & 63) << 2) + n}`;
  const [here, there] = [address(1), address(2)];
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  ip('netns', 'add', namespace);
  ip('link', 'add', link, 'mtu', String(mtu), 'type', 'veth', 'peer', 'name', 'eth0', 'mtu', String(mtu), 'netns', namespace);
  ip('address', 'add', `${here}/30`, 'dev', link);
  ip('link', 'set', link, 'up');
  // Without its cable nobody looks for it elsewhere.
  ip('route', 'add', 'unreachable', `${address(0)}/30`, 'metric', '4294967040');
  for (const device of ['lo', 'eth0']) ip('-n', namespace, 'link', 'set', device, 'up');
  ip('-n', namespace, 'address', 'add', `${there}/30`, 'dev', 'eth0');
  ip('-n', namespace, 'route', 'add', 'default', 'via', here);
  return {
    namespace,
    here,
    there,
    run: (program, ...args) =>
      new Promise((resolve, reject) => {
        execFile('nsenter', [`--net=/run/netns/${namespace}`, program, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => (error ? reject(new Error(`${program} ${args.join(' ')}: ${stderr}`, { cause: error })) : resolve(stdout)));
      }),
    setLink: (state) => ip('link', 'set', link, state),
    remove() {
      // With it go its links and rules.
      ip('netns', 'delete', namespace);
      ip('route', 'delete', 'unreachable', `${address(0)}/30`, 'metric', '4294967040');
    },
  };
}

export interface JoinedNode {
  readonly name: string;
  readonly machine: OtherMachine;
  readonly dataDir: string;
  /** Of the node's process. */
  readonly pid: number;
  /** Starts it again, without a token. */
  start(): Promise<void>;
  /** Sends a signal to its process; resolves once that has gone, where it must. */
  signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** `peapod down` there, and its data. */
  leave(): Promise<void>;
}

/** The line by which a machine joins, from the cluster itself. */
export async function joinLine(house: RealCluster): Promise<string[]> {
  const made = await runProgram(peapod, ['token', 'create', '--data-dir', house.dataDir], {});
  assert.equal(made.code, 0, made.stderr);
  return made.stdout.trim().split(' ').slice(1);
}

/** Resolves once the node is Ready. */
export async function joinNode(house: RealCluster, name: string, machine: OtherMachine, ...more: string[]): Promise<JoinedNode> {
  const dataDir = join(house.dataDir, name);
  const line = await joinLine(house);
  const there = (...args: string[]) => runProgram('nsenter', [`--net=/run/netns/${machine.namespace}`, peapod, ...args], {});
  const start = async (args: readonly string[]) => {
    const ran = await there(...args, '--data-dir', dataDir, '--node-name', name, '--log-level', 'warn', '--detach', ...more);
    assert.equal(ran.code, 0, `${ran.stderr}\n${existsSync(join(dataDir, 'peapod.log')) ? readFileSync(join(dataDir, 'peapod.log'), 'utf8') : ''}`);
  };
  const pid = () => (JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number }).pid;
  await start(line);
  return {
    name,
    machine,
    dataDir,
    get pid() {
      return pid();
    },
    start: () => start(line.slice(0, 2)),
    async signal(signal) {
      const target = pid();
      process.kill(target, signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await eventually(`the node's process to end`, () => !existsSync(`/proc/${target}`));
    },
    async leave() {
      const ran = await there('down', '--data-dir', dataDir, '--purge');
      assert.equal(ran.code, 0, ran.stderr);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
