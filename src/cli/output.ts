// How the command speaks. Steps and their times go to standard error; what a program may read goes to standard output.
import pc from 'picocolors';
import { systemClock } from '../base/clock.ts';

const tick = () => pc.green('✓');
const cross = () => pc.red('✗');

export interface Steps {
  /** Says that a step is done, with the time since the steps began. */
  done(what: string, detail?: string): void;
  note(text: string): void;
  /** Runs `work` as a step that takes a while: named before, timed after. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
}

export function startSteps(): Steps {
  const startMs = systemClock.monotonicMs();
  return {
    done: (what, detail = '') => line(`  ${tick()} ${what.padEnd(26)} ${pc.dim(seconds(systemClock.monotonicMs() - startMs))}  ${pc.dim(detail)}`),
    note: (text) => line(`  ${pc.dim(text)}`),
    async during(what, work) {
      const beganMs = systemClock.monotonicMs();
      line(`  ${pc.dim('…')} ${what}`);
      const result = await work();
      line(`  ${tick()} ${what.split(':')[0]!.padEnd(26)} ${pc.dim(seconds(systemClock.monotonicMs() - beganMs))}`);
      return result;
    },
  };
}

export function line(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printFinding(finding: { name: string; ok: boolean; detail: string; remedy?: string }): void {
  process.stdout.write(`${finding.ok ? tick() : cross()} ${finding.name.padEnd(22)} ${finding.detail}\n`);
  if (finding.remedy) process.stdout.write(`  ${' '.repeat(22)} ${pc.yellow('→')} ${finding.remedy}\n`);
}

export function printError(message: string, remedy?: string): void {
  line(`peapod: ${message}`);
  if (remedy) line(`  ${pc.yellow('→')} ${remedy}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** As it can be copied into a terminal: of this cluster, wherever its data are. */
export function commandFor(dataDir: string, ...words: readonly string[]): string {
  return ['./peapod', ...words, ...(dataDir === '/var/lib/peapod' ? [] : ['--data-dir', dataDir])].join(' ');
}
