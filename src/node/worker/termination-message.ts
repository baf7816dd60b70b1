// What a container left to say when it ended: its termination message, or the end of its log.
import { open, readFile } from 'node:fs/promises';
import type { ContainerState } from '../../runtime/runtime.ts';
import { tailLog } from '../logs/tail-log.ts';
import { terminationFileAnnotation, terminationPolicyAnnotation } from '../spec/labels.ts';

const mostMessageBytes = 4096;
const mostLogBytes = 2048;
const mostLogLines = 80;

export async function terminationMessage(state: ContainerState): Promise<string> {
  const path = state.annotations[terminationFileAnnotation];
  const own = path ? await beginningOf(path) : '';
  if (own || state.exitCode === 0 || state.annotations[terminationPolicyAnnotation] !== 'FallbackToLogsOnError') return own;
  const log = await readFile(state.logPath).catch(() => undefined);
  if (!log) return '';
  const text = tailLog(log, mostLogLines);
  return text.length > mostLogBytes ? text.subarray(text.length - mostLogBytes).toString() : text.toString();
}

async function beginningOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostMessageBytes), 0, mostMessageBytes, 0);
    return buffer.subarray(0, bytesRead).toString();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : `Error on reading termination log ${path}: ${(error as Error).message}`;
  }
}
