// A TCP port inside a sandbox' network. Node.js cannot enter another network namespace, so a small program does, with
// the connection as its standard input and output.
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RuntimeError } from '../runtime.ts';

/** Resolves when the far side has closed. `pid`: a process in the network. */
export async function forwardPort(pid: number, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
  if (pid === 0) throw new RuntimeError('not-found', 'the sandbox is not running');
  const child = spawn('nsenter', ['--target', String(pid), '--net', 'busybox', 'nc', '127.0.0.1', String(port)], { signal, stdio: 'pipe' });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)));
  const ended = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  ended.catch(() => {});
  // The program's end, not the near side's, ends this.
  stream.pipe(child.stdin);
  child.stdin.on('error', () => stream.unpipe(child.stdin).resume());
  stream.once('close', () => child.kill());
  await pipeline(child.stdout, stream).catch((cause: unknown) => {
    signal.throwIfAborted();
    // The near side has gone: there is nobody left to tell.
    if (!stream.destroyed) throw cause;
  });
  const code = await ended;
  if (code && complaint) throw new RuntimeError('failed', `failed to connect to localhost:${port} inside the Pod's network: ${complaint.trim().replace(/^nc: /, '')}`);
}
