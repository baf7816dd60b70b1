// mount(8) and umount(8), and which mounts there are.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export function mountTmpfs(target: string, options: readonly string[], signal: AbortSignal): Promise<void> {
  return run('mount', ['-t', 'tmpfs', ...(options.length ? ['-o', options.join(',')] : []), 'tmpfs', target], signal);
}

/** `source` is taken as it is, links and all: it may be a path below /proc/PID/fd. */
export function bindMount(source: string, target: string, signal: AbortSignal): Promise<void> {
  return run('mount', ['--no-canonicalize', '--bind', source, target], signal);
}

/** Lazily, so that a process that still holds a file does not hold up a Pod's end. Succeeds when nothing is mounted. */
export async function unmount(target: string, signal: AbortSignal): Promise<void> {
  try {
    await run('umount', ['--lazy', target], signal);
  } catch (error) {
    if (!/not mounted|no mount point/.test(String((error as Error).message))) throw error;
  }
}

/** Mount points at or below `directory`, the deepest first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').flatMap((line) => {
    const point = line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    return point && (point === directory || point.startsWith(`${directory}/`)) ? [point] : [];
  });
  return points.reverse();
}

function run(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { signal }, (error, _out, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve();
    });
  });
}
