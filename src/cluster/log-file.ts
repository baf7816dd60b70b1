// The log of a cluster, in its data directory: bounded, so that a cluster that is left alone never fills the disk.
import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { createLog, type Log, type LogLevel } from '../base/log.ts';

/** When the file has this size it becomes `….1`, which is then overwritten; so twice this is the most it takes. */
const rotateBytes = 16 * 1024 * 1024;

export function openLog(file: string, level: LogLevel, clock: Clock): Log {
  let written = sizeOf(file);
  const write = (line: string) => {
    if (written > rotateBytes) {
      renameSync(file, `${file}.1`);
      written = 0;
    }
    const text = `${line}\n`;
    written += text.length;
    appendFileSync(file, text, { mode: 0o600 });
  };
  return createLog({ clock, level, write });
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
