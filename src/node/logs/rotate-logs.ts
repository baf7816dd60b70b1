// Keeps logs bounded: a log that has grown beyond its share is set aside, the oldest of those go.
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { formatTime, type Clock } from '../../base/clock.ts';
import type { NodeWorld } from '../node-settings.ts';
import type { Pods } from '../pods.ts';

const checkEveryMs = 10_000;
const mostBytes = 10 * 1024 * 1024;
/** The one being written and those set aside. */
const mostFiles = 5;

/** Looks at the logs of running containers every 10 s until the signal ends. */
export async function rotateLogs({ clock, runtime, log }: NodeWorld, pods: Pods, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(checkEveryMs, signal).catch(() => {});
    for (const { seen } of pods.all) {
      for (const { id, state, logPath } of seen.containers) {
        if (signal.aborted) return;
        if (state !== 'running' || !logPath) continue;
        try {
          if (await setAside(logPath, clock)) await runtime.reopenLog(id, signal);
        } catch (error) {
          if (!signal.aborted) log.warn('cannot rotate a log', { logPath, error });
        }
      }
    }
  }
}

/** True when the log was renamed: the runtime must make it anew. */
export async function setAside(path: string, clock: Clock, limits = { mostBytes, mostFiles }): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found || found.size <= limits.mostBytes) return false;
  const stamp = formatTime(clock.wallMs()).replace(/[-:TZ]/g, (mark) => (mark === 'T' ? '-' : ''));
  await rename(path, `${path}.${stamp}`);
  const prefix = `${basename(path)}.`;
  const older = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix)).sort();
  for (const name of older.slice(0, Math.max(0, older.length - (limits.mostFiles - 1)))) await rm(join(dirname(path), name), { force: true });
  return true;
}
