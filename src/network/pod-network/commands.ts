// The machine's own network programs.
import { spawn } from 'node:child_process';

/** Runs a program with `input`; resolves with what it wrote. Throws an Error with its last words. */
export function run(program: string, args: readonly string[], signal: AbortSignal, input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { signal, env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? new Error(`${program} is not installed`, { cause: error }) : error));
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program} ${args.join(' ')}: ${complaint.trim() || `exit code ${code}`}`))));
    // Ends early when it fails; that is told by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Several `ip` commands in one process; the first that fails ends it. */
export async function ip(commands: readonly string[], signal: AbortSignal): Promise<void> {
  if (commands.length > 0) await run('ip', ['-batch', '-'], signal, commands.join('\n') + '\n');
}

/** Several `ip` commands; those that fail, because what they remove is gone, are passed over. */
export async function ipAnyway(commands: readonly string[], signal: AbortSignal): Promise<void> {
  if (commands.length > 0) await run('ip', ['-force', '-batch', '-'], signal, commands.join('\n') + '\n').catch(() => {});
}
