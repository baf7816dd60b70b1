// A stock kubectl that goes on for a while: what it says so far, what it is told, and its end.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubectlVersion, RealCluster } from './real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const patienceMs = 90_000;

/** A kubectl and the protocol that it speaks for streams. */
export interface Flavour {
  readonly name: string;
  readonly version: KubectlVersion;
  readonly env: Readonly<Record<string, string>>;
}

export const flavours: readonly Flavour[] = [
  { name: 'kubectl 1.20, SPDY', version: '1.20', env: {} },
  { name: 'kubectl 1.36, WebSocket', version: '1.36', env: {} },
  { name: 'kubectl 1.36, SPDY', version: '1.36', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } },
];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KubectlProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves with the match in what it has written, as soon as there is one; rejects when it ends without. */
  until(what: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

/** `terminal`: of so many rows and columns, in which it is run. */
export function startKubectl(house: RealCluster, { version, env }: Flavour, args: readonly string[], terminal?: { readonly rows: number; readonly columns: number; readonly before?: string }): KubectlProcess {
  const program = join(root, '.cache', 'stock', 'bin', version === '1.20' ? 'kubectl-1.20' : 'kubectl');
  const { kubeconfig } = house.cluster;
  const quoted = [program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const command: [string, string[]] = terminal
    ? ['script', ['-qefc', `stty rows ${terminal.rows} cols ${terminal.columns}; ${terminal.before ?? ''} ${quoted}`, '/dev/null']]
    : [program, [...args]];
  const child = spawn(command[0], command[1], { env: { ...process.env, ...env, KUBECONFIG: kubeconfig, KUBECACHEDIR: `${kubeconfig}.cache-${version}`, HOME: `${kubeconfig}.home-${version}` } });
  let [stdout, stderr, isOver] = ['', '', false];
  const listeners = new Set<() => void>();
  const tell = () => [...listeners].forEach((listener) => listener());
  child.stdout.on('data', (chunk: Buffer) => ((stdout += chunk.toString()), tell()));
  child.stderr.on('data', (chunk: Buffer) => ((stderr += chunk.toString()), tell()));
  child.stdin.on('error', () => {});
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      isOver = true;
      tell();
      resolve({ code, stdout, stderr });
    });
  });
  return {
    child,
    ended,
    until: (what) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = what.exec(stdout) ?? what.exec(stderr);
          if (!found && !isOver) return;
          listeners.delete(look);
          if (found) resolve(found);
          else reject(new Error(`kubectl ${args.join(' ')} ended without ${what}: ${stdout}${stderr}`));
        };
        listeners.add(look);
        look();
        setTimeout(() => listeners.delete(look) && reject(new Error(`kubectl ${args.join(' ')} has not said ${what}: ${stdout}${stderr}`)), patienceMs).unref();
      }),
  };
}
