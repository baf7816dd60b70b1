// Staying with what was started: in the foreground until told to stop, or, with --detach, in a process in the background.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { describe } from '../../base/log.ts';
import { layoutOf } from '../../cluster/layout.ts';
import type { Progress } from '../../cluster/options.ts';
import { UserError } from '../../cluster/user-error.ts';
import { commandFor, line, startSteps, type Steps } from '../output.ts';

export interface Staying {
  readonly dataDir: string;
  readonly detach?: boolean;
  /** `cluster` or `node`. */
  readonly what: string;
  /** Stopping ends its Pods. */
  readonly endsPods: boolean;
  readonly start: (onProgress: (progress: Progress) => void) => Promise<{ readonly failed: Promise<Error>; stop(): Promise<void> }>;
  /** Tells how to use it, once it is ready. */
  readonly howToUse: () => void;
}

/** What the process in the background tells the one that waits for it. */
type Message = { readonly progress: Progress } | { readonly ready: true } | { readonly failed: string; readonly remedy?: string };

/** True: this is the process in the background. */
export function isInBackground(): boolean {
  return process.send !== undefined;
}

export function stayWith(staying: Staying, steps: Steps = startSteps()): Promise<void> {
  if (isInBackground()) return stayInBackground(staying);
  return staying.detach ? detach(staying, steps) : stay(staying, steps);
}

async function stay({ dataDir, what, endsPods, start, howToUse }: Staying, steps: Steps): Promise<void> {
  const started = await start((progress) => show(steps, progress));
  howToUse();
  line(endsPods ? 'Ctrl-C ends its Pods and stops it.' : `Ctrl-C stops it and leaves its containers running; \`${commandFor(dataDir, 'down')}\` ends them too.`);
  const why = await Promise.race([untilTold(), started.failed]);
  if (why instanceof Error) line(`peapod: ${describe(why)}`);
  line(endsPods ? `peapod: stopping the ${what}, and its Pods first` : `peapod: stopping the ${what}; containers are left running`);
  await started.stop();
  process.exit(why instanceof Error ? 1 : 0);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve();
      });
    }
  });
}

/** Starts this same command in the background and waits for it to be ready. */
async function detach({ dataDir, what, howToUse }: Staying, steps: Steps): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const logFile = layoutOf(dataDir).log;
  const log = openSync(logFile, 'a', 0o600);
  const args = process.argv.slice(1).filter((word) => word !== '--detach');
  const child = spawn(process.execPath, [...process.execArgv, ...args], { detached: true, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  const ready = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new UserError(`the ${what} stopped at once, with code ${code}`, `read its log: ${logFile}`)));
    child.on('message', (message: Message) => {
      if ('progress' in message) show(steps, message.progress);
      else if ('failed' in message) reject(new UserError(message.failed, message.remedy ?? `read its log: ${logFile}`));
      else resolve();
    });
  });
  try {
    await ready;
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
  howToUse();
  line(`It stays up in the background; \`${commandFor(dataDir, 'down')}\` ends it and its containers.`);
}

async function stayInBackground({ start }: Staying): Promise<void> {
  // The folder in which it was started may be removed or unmounted meanwhile; its flags were read there.
  process.chdir('/');
  const tell = (message: Message) => process.connected && process.send?.(message);
  try {
    const started = await start((progress) => tell({ progress }));
    tell({ ready: true });
    const why = await Promise.race([untilTold(), started.failed]);
    await started.stop();
    process.exit(why instanceof Error ? 1 : 0);
  } catch (error) {
    tell({ failed: describe(error), ...(error instanceof UserError ? { remedy: error.remedy } : {}) });
    process.exit(1);
  }
}

function show(steps: Steps, progress: Progress): void {
  switch (progress.step) {
    case 'api-ready':
      return steps.done('API server ready', progress.server);
    case 'joined':
      return steps.done(`joined as ${progress.node}`, progress.server);
    case 'runtime-ready':
      return steps.done('container runtime ready', progress.runtime);
    case 'node-ready':
      return steps.done(`node ${progress.node} is Ready`);
    case 'simulated-ready':
      return steps.done(`${progress.count} simulated nodes are Ready`);
  }
}
