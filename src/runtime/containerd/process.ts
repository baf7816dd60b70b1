// The containerd process itself: found again from its pid file, or started as a child that outlives us, and ended.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { RuntimeError } from '../runtime.ts';
import { startTicks } from './machine.ts';
import type { Places } from './places.ts';

export interface ContainerdProcess {
  readonly pid: number;
  readonly startTicks: number;
  readonly adopted: boolean;
  /** Resolves, with what is known of it, once the process has ended. */
  readonly ended: Promise<string>;
}

const longestLogBytes = 10 * 1024 * 1024;

/** The containerd that an earlier process of ours started here and that still runs with this very configuration. */
export function adoptContainerd(places: Places, config: string): ContainerdProcess | 'outdated' | undefined {
  const kept = found(places);
  if (!kept) return undefined;
  if (readFileSync(places.config, 'utf8') !== config) return 'outdated';
  return { ...kept, adopted: true, ended: connectionLost(places.socket) };
}

function found(places: Places): { pid: number; startTicks: number } | undefined {
  const kept = readPidFile(places);
  if (kept && startTicks(kept.pid) === kept.startTicks) return kept;
  if (!existsSync(places.starting)) return undefined;
  // Whoever started it was killed before it could write which it is. A second one would wait for ever for what it holds.
  const pid = readdirSync('/proc').map(Number).find((candidate) => candidate > 0 && isContainerdOf(candidate, places));
  const ticks = pid === undefined ? undefined : startTicks(pid);
  if (pid === undefined || ticks === undefined) return undefined;
  writePidFile(places, { pid, startTicks: ticks });
  return { pid, startTicks: ticks };
}

function isContainerdOf(pid: number, { config }: Places): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words[1] === '--config' && words[2] === config;
  } catch {
    return false;
  }
}

function writePidFile(places: Places, process_: { pid: number; startTicks: number }): void {
  writeFileSync(`${places.pidFile}.new`, JSON.stringify({ pid: process_.pid, startTicks: process_.startTicks }) + '\n');
  renameSync(`${places.pidFile}.new`, places.pidFile);
  rmSync(places.starting, { force: true });
}

export async function spawnContainerd(places: Places, config: string): Promise<ContainerdProcess> {
  for (const folder of [places.root, places.state, places.runc, ...(places.socketDirectory ? [places.socketDirectory] : [])]) mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (places.socketDirectory) writeFileSync(places.socketRecord, places.socket + '\n');
  rmSync(places.socket, { force: true });
  writeFileSync(places.config, config);
  rotate(places.log);
  const log = openSync(places.log, 'a', 0o600);
  try {
    writeFileSync(places.starting, '');
    // Its own session and files: nothing of it ends with us.
    const child = spawn('containerd', ['--config', places.config], { detached: true, stdio: ['ignore', log, log] });
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    if (child.pid === undefined) throw new RuntimeError('unavailable', `containerd cannot be started: ${await ended}`);
    child.unref();
    const started = startTicks(child.pid);
    if (started === undefined) throw new RuntimeError('unavailable', `containerd ended at once: ${await ended}`);
    writePidFile(places, { pid: child.pid, startTicks: started });
    return { pid: child.pid, startTicks: started, adopted: false, ended };
  } finally {
    closeSync(log);
  }
}

const termMs = 10_000;
const killMs = 5_000;

/** SIGTERM, and SIGKILL when that does not help. Containers run on under their shims. */
export async function endContainerd(places: Places, process_: { pid: number; startTicks: number }, clock: Clock): Promise<void> {
  const isGone = () => startTicks(process_.pid) !== process_.startTicks;
  const signal = new AbortController().signal;
  for (const [name, waitMs] of [['SIGTERM', termMs], ['SIGKILL', killMs]] as const) {
    if (isGone()) break;
    try {
      process.kill(process_.pid, name);
    } catch {
      break;
    }
    for (const untilMs = clock.monotonicMs() + waitMs; !isGone() && clock.monotonicMs() < untilMs; ) await clock.sleep(5, signal);
  }
  rmSync(places.pidFile, { force: true });
  rmSync(places.socket, { force: true });
  rmSync(`${places.socket}.ttrpc`, { force: true });
}

export function readPidFile(places: Places): { pid: number; startTicks: number } | undefined {
  try {
    const { pid, startTicks } = JSON.parse(readFileSync(places.pidFile, 'utf8'));
    return Number.isInteger(pid) && Number.isInteger(startTicks) ? { pid, startTicks } : undefined;
  } catch {
    return undefined;
  }
}

/** The end of the log: what containerd said before it ended. */
export function lastWords(places: Places): string {
  const lines = readFileSync(places.log, 'utf8').trimEnd().split('\n');
  return lines.findLast((line) => /level=(fatal|error)|^containerd:/.test(line)) ?? lines.at(-1) ?? '';
}

/** A process that is not our child tells of its end by the connections it held. */
function connectionLost(socketPath: string): Promise<string> {
  return new Promise((resolve) => {
    const session = connect('http://localhost', { createConnection: () => createConnection(socketPath) });
    session.unref();
    session.once('error', (error) => resolve(error.message)).once('close', () => resolve('it closed its connections'));
  });
}

function rotate(log: string): void {
  try {
    if (statSync(log).size > longestLogBytes) renameSync(log, `${log}.1`);
  } catch {
    // There is none yet.
  }
}
