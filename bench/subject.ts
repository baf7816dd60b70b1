// The cluster under measurement: the built command on a data directory of its own, torn down at the end.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFor } from '../src/cluster/client-for.ts';
import type { Client } from '../src/client/client.ts';

export const peapod = fileURLToPath(new URL('../peapod', import.meta.url));

export interface Subject extends AsyncDisposable {
  readonly dataDir: string;
  /** Arguments of `peapod up` for this cluster. */
  readonly upArgs: readonly string[];
  readonly server: string;
  readonly token: string;
  readonly client: Client;
  readonly nodeName: string;
  readonly runtimeEndpoint: string;
  /** Absolute path in the cgroup hierarchy; taken away with the cluster. */
  readonly cgroupParent: string;
  /** The process that is Peapod. */
  pid(): number;
  /** Ends it, as Ctrl-C does, and starts it again; milliseconds from the start of the command to each step. */
  restart(): Promise<{ apiReadyMs: number; nodeReadyMs: number }>;
}

export async function startSubject(): Promise<Subject> {
  const dataDir = mkdtempSync(join(tmpdir(), 'peapod-bench-'));
  const token = 'bench-token';
  // wrk has no client certificates.
  writeFileSync(join(dataDir, 'tokens.csv'), `${token},bench,bench,"system:masters"\n`, { mode: 0o600 });
  const upArgs = ['up', '--data-dir', dataDir, '--port', '0', '--token-auth-file', join(dataDir, 'tokens.csv')];
  let process = await start(upArgs);
  const instance = () => JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number; apiServer: string; kubeconfig: string; runtimeEndpoint: string; nodeName: string };
  let connection = clientFor(instance().kubeconfig);
  return {
    dataDir,
    upArgs,
    token,
    get server() {
      return instance().apiServer;
    },
    get client() {
      return connection.client;
    },
    get nodeName() {
      return instance().nodeName;
    },
    get runtimeEndpoint() {
      return instance().runtimeEndpoint;
    },
    get cgroupParent() {
      return (JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8')) as { cgroupParent: string }).cgroupParent;
    },
    pid: () => instance().pid,
    async restart() {
      await connection[Symbol.asyncDispose]();
      await end(process.child);
      process = await start(upArgs);
      connection = clientFor(instance().kubeconfig);
      return process;
    },
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      await end(process.child);
      execFileSync(peapod, ['down', '--data-dir', dataDir, '--purge'], { stdio: 'ignore' });
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function start(args: readonly string[]): Promise<{ child: ChildProcess; apiReadyMs: number; nodeReadyMs: number }> {
  const startMs = performance.now();
  const child = spawn(peapod, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    let apiReadyMs = 0;
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (!apiReadyMs && said.includes('API server ready')) apiReadyMs = performance.now() - startMs;
      if (/node \S+ is Ready/.test(said)) resolve({ child, apiReadyMs, nodeReadyMs: performance.now() - startMs });
    });
    child.on('exit', (code) => reject(new Error(`peapod up ended with code ${code}: ${said}`)));
  });
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.removeAllListeners('exit');
    child.on('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
