// The cluster that is killed: the built command on a data directory, its process and its containerd.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFor, type Connection } from '../../src/cluster/client-for.ts';
import { runProgram } from '../support/real-cluster.ts';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const startMs = 60_000;

export class Victim {
  readonly dataDir: string;
  starts = 0;
  #child: ChildProcess | undefined;
  #connection: Connection | undefined;
  #kubeconfig = '';

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  get connection(): Connection {
    this.#connection ??= clientFor(join(this.dataDir, 'admin.kubeconfig'));
    return this.#connection;
  }

  /** Begins to start Peapod; nothing is waited for. */
  start(): void {
    this.starts++;
    mkdirSync(this.dataDir, { recursive: true });
    const log = openSync(join(this.dataDir, 'up.log'), 'a');
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, 'up', '--data-dir', this.dataDir], { stdio: ['ignore', log, log] });
    this.#child.unref();
    closeSync(log);
  }

  /** Resolves once the API answers and the runtime runs: that is when it says who it is. */
  async ready(): Promise<void> {
    const said = () => (existsSync(join(this.dataDir, 'instance.json')) ? readFileSync(join(this.dataDir, 'instance.json'), 'utf8') : '');
    for (const deadline = performance.now() + startMs; ; ) {
      const { pid } = this.#child!;
      if (said().includes(`"pid": ${pid},`)) return this.#reconnect();
      if (this.#child!.exitCode !== null || performance.now() > deadline) throw new Error(`Peapod did not start: ${readFileSync(join(this.dataDir, 'up.log'), 'utf8').slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** It may have had to take another port. */
  async #reconnect(): Promise<void> {
    const kubeconfig = readFileSync(join(this.dataDir, 'admin.kubeconfig'), 'utf8');
    if (this.#kubeconfig !== kubeconfig) await this.leave();
    this.#kubeconfig = kubeconfig;
  }

  /** kill -9; resolves once it is dead. False when it does not run. */
  async killPeapod(): Promise<boolean> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return false;
    const dead = new Promise((resolve) => child.once('exit', resolve));
    // Else nothing may keep this process waiting for it.
    child.ref();
    child.kill('SIGKILL');
    await dead;
    return true;
  }

  killContainerd(): boolean {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.dataDir, 'containerd', 'containerd.pid'), 'utf8')) as { pid: number };
      // The file may be older than a machine's pids: only a containerd is killed.
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.dataDir)) return false;
      process.kill(pid, 'SIGKILL');
      return true;
    } catch {
      return false;
    }
  }

  /** What Peapod has told in its log. */
  logCounts(): { containerdStarts: number; cleared: number; orphansEnded: number } {
    const lines = ['peapod.log.1', 'peapod.log'].map((name) => join(this.dataDir, name)).filter((path) => existsSync(path)).flatMap((path) => readFileSync(path, 'utf8').split('\n'));
    const count = (words: string) => lines.filter((line) => line.includes(words)).length;
    return {
      containerdStarts: count('started containerd'),
      cleared: count('removed what calls that were cut off had left'),
      orphansEnded: count('ending a pod that the API does not know'),
    };
  }

  async leave(): Promise<void> {
    await this.#connection?.[Symbol.asyncDispose]();
    this.#connection = undefined;
  }

  /** Containers end too; the state stays unless purged. */
  async down(purge: boolean): Promise<void> {
    await this.leave();
    const ran = await runProgram(process.execPath, [cli, 'down', '--data-dir', this.dataDir, ...(purge ? ['--purge'] : [])], {});
    if (ran.code !== 0) throw new Error(`peapod down: ${ran.stderr}`);
  }
}
