// Mounts of volumes (memory-backed emptyDirs, sub-paths) and the directories of Pods that will not come back.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Unmounts everything below the node's directory, the innermost first, and then removes its Pods' directories. */
export function removePodRemains(nodeDir: string): void {
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${nodeDir}/`))
    .toReversed();
  for (const path of mounted) execFileSync('umount', ['-l', path]);
  for (const name of ['pods', 'logs']) rmSync(join(nodeDir, name), { recursive: true, force: true });
}
