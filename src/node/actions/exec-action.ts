// Runs a command in a container and keeps the beginning of what it prints.
import { Writable } from 'node:stream';
import type { ActionResult, ActionTarget } from './action.ts';
import { secondsText, TimedOut, within } from './deadline.ts';

/** The rest of the output is dropped. */
const mostOutputBytes = 10 * 1024;

export async function execAction(command: readonly string[], { runtime, clock, containerId }: Pick<ActionTarget, 'runtime' | 'clock' | 'containerId'>, timeoutMs: number, signal: AbortSignal): Promise<ActionResult> {
  const chunks: Buffer[] = [];
  let size = 0;
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (size < mostOutputBytes) chunks.push(chunk.subarray(0, mostOutputBytes - size));
        size += chunk.length;
        done();
      },
    });
  try {
    const code = await within(timeoutMs, clock, signal, (inner) => runtime.exec(containerId, command, { stdout: sink(), stderr: sink(), tty: false }, inner));
    return { outcome: code === 0 ? 'success' : 'failure', output: Buffer.concat(chunks).toString() };
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof TimedOut) {
      return { outcome: 'failure', output: `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${secondsText(timeoutMs)}` };
    }
    return { outcome: 'unknown', output: (error as Error).message, cause: error };
  }
}
