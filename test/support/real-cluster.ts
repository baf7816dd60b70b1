// A cluster of its own for one test file: real containers, a data directory, port and network of its own, torn down after.
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Resource } from '../../src/api/kind.ts';
import type { ObjectKey } from '../../src/api/request.ts';
import type { KubeObject, Pod } from '../../src/api/types.ts';
import { startCluster, type Cluster } from '../../src/cluster/start-cluster.ts';
import type { ClusterOptions } from '../../src/cluster/options.ts';
import { startPrivateDocker } from '../../src/runtime/testing/test-docker.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const example = (name: string) => join(root, 'examples', name);

/** Its containers have the Pod's host name, but a UTS namespace each. */
export const onDocker = process.env['PEAPOD_TEST_RUNTIME'] === 'docker';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RealCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly dataDir: string;
  /** Runs a stock kubectl and throws when it fails; resolves with its standard output. */
  kubectl(...args: string[]): Promise<string>;
  /** As `kubectl`, of a version and with standard input, and does not throw. */
  tryKubectl(args: readonly string[], options?: { version?: KubectlVersion; input?: string | Buffer; env?: Readonly<Record<string, string>>; signal?: AbortSignal }): Promise<Ran>;
  pod(name: string): Promise<Pod>;
  /** Resolves with the Pod when it is as asked; undefined when it is gone and the condition takes that. */
  untilPod(name: string, condition: (pod: Pod | undefined) => boolean): Promise<Pod | undefined>;
  untilReady(name: string): Promise<Pod>;
  untilGone(name: string): Promise<void>;
  /** What `kubectl logs` of these arguments says once there is this in it: a container is Ready before it has said anything. */
  untilLogged(text: string, ...args: string[]): Promise<string>;
}

export type KubectlVersion = '1.20' | '1.36';

export async function startRealCluster(options: ClusterOptions = {}): Promise<RealCluster> {
  const dataDir = options.dataDir ?? mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
  const docker = onDocker ? await startPrivateDocker(join(dataDir, 'docker')) : undefined;
  const cluster = await startCluster({ port: 0, logLevel: 'warn', ...options, dataDir, ...(docker ? { runtime: 'docker', runtimeEndpoint: docker.endpoint } : {}) }).catch(async (error: unknown) => {
    await docker?.stop();
    throw error;
  });
  const tryKubectl: RealCluster['tryKubectl'] = (args, { version = '1.36', input, env, signal } = {}) => runKubectl(cluster.kubeconfig, version, args, input, signal, env);
  const untilPod: RealCluster['untilPod'] = (name, condition) => until(cluster, pods, { namespace: 'default', name }, condition);
  return {
    cluster,
    dataDir,
    tryKubectl,
    async kubectl(...args) {
      const ran = await tryKubectl(args);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with code ${ran.code}: ${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
    pod: (name) => cluster.client.get(pods, { namespace: 'default', name }, AbortSignal.timeout(60_000)),
    untilPod,
    untilReady: async (name) => (await untilPod(name, isReady))!,
    async untilLogged(text, ...args) {
      for (const signal = AbortSignal.timeout(90_000); ; signal.throwIfAborted()) {
        const { stdout } = await tryKubectl(['logs', ...args], { signal });
        if (stdout.includes(text)) return stdout;
      }
    },
    untilGone: async (name) => void (await untilPod(name, (pod) => pod === undefined)),
    async [Symbol.asyncDispose]() {
      await cluster.down();
      await docker?.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export function runKubectl(kubeconfig: string, version: KubectlVersion, args: readonly string[], input?: string | Buffer, signal?: AbortSignal, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const program = join(root, '.cache', 'stock', 'bin', version === '1.20' ? 'kubectl-1.20' : 'kubectl');
  return runProgram(program, args, { KUBECONFIG: kubeconfig, KUBECACHEDIR: `${kubeconfig}.cache-${version}`, HOME: `${kubeconfig}.home-${version}`, ...env }, input, signal);
}

export function runProgram(program: string, args: readonly string[], env: Record<string, string>, input?: string | Buffer, signal?: AbortSignal): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: { NO_COLOR: '1', ...process.env, ...env }, maxBuffer: 1 << 30, timeout: 120_000, signal }, (error: ExecFileException | null, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr: stderr + (error && typeof error.code !== 'number' ? String(error) : '') }));
    child.stdin!.on('error', () => {});
    child.stdin!.end(input ?? '');
  });
}

/** Waits for an object to be as asked, by watching it; throws what it last looked like after a minute and a half. */
export async function until<T extends KubeObject>(cluster: Pick<Cluster, 'client'>, of: Resource<T>, key: ObjectKey, condition: (object: T | undefined) => boolean, withinMs = 90_000): Promise<T | undefined> {
  const signal = AbortSignal.timeout(withinMs);
  let last: T | undefined;
  try {
    for (;;) {
      const list = await cluster.client.list(of, { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` }, signal);
      last = list.items[0];
      if (condition(last)) return last;
      const options = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}`, resourceVersion: list.metadata.resourceVersion };
      for await (const event of cluster.client.watch(of, options, signal)) {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
        last = event.type === 'DELETED' ? undefined : event.object;
        if (condition(last)) return last;
      }
      signal.throwIfAborted();
    }
  } catch (error) {
    throw new Error(`${of.kind} ${key.name} did not become what was waited for; it was last: ${JSON.stringify(last, null, 1)}`, { cause: error });
  }
}

export function isReady(pod: Pod | undefined): boolean {
  return pod?.status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** Waits for something that no watch tells of, such as a file or a process. Throws after `withinMs`. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, withinMs = 90_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come true in ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The main process of a running container. */
export function mainProcess(dataDir: string, pod: Pod, container: string): number {
  const id = pod.status.containerStatuses!.find((status) => status.name === container)!.containerID!.replace(/^.*:\/\//, '');
  return taskPid(dataDir, id);
}

/** containerd keeps each task's pid in its bundle; Docker has a containerd of its own. */
export function taskPid(dataDir: string, id: string): number {
  const places = [join('containerd', 'state', 'io.containerd.runtime.v2.task', 'k8s.io'), join('docker', 'exec', 'containerd', 'daemon', 'io.containerd.runtime.v2.task', 'moby')];
  const path = places.map((place) => join(dataDir, place, id, 'init.pid')).find((candidate) => existsSync(candidate));
  return Number(readFileSync(path ?? `${id}: no such task`, 'utf8'));
}
