// Image archives (`docker save`, OCI layout) into containerd, with no registry. containerd's own client reads both kinds.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { socketPathOf } from '../../cri/connection.ts';
import { normalizeImageName } from '../../image-name.ts';
import { RuntimeError } from '../../runtime.ts';

/** Resolves with the names of the images that were in the archive. CRI may see them a moment later. */
export async function importImages(endpoint: string, file: string, signal: AbortSignal): Promise<readonly string[]> {
  if (!existsSync(file)) throw new RuntimeError('failed', `${file}: no such file`);
  const output = await ctr(endpoint, ['images', 'import', file], signal);
  // containerd 1.x: `unpacking NAME (DIGEST)...done`; 2.x: `NAME saved`.
  return [...output.matchAll(/^(?:unpacking (\S+) \(|(\S+)\s+saved)/gm)].map((match) => normalizeImageName((match[1] ?? match[2])!));
}

function ctr(endpoint: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ctr', ['--address', socketPathOf(endpoint), '--namespace', 'k8s.io', ...args], { signal, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (signal.aborted) return reject(signal.reason);
      const words = stderr.trim().split('\n').at(-1) || error.message;
      reject(new RuntimeError('failed', words.replace(/^ctr: /, ''), { cause: error }));
    });
  });
}
