// Works around faults of containerd (seen in 1.6) with a command that ends before it has read all its input. The shim keeps
// the reading end of the input's FIFO open; containerd then waits for ever to write the rest of it, and never says how the
// command ended. So the FIFO of a command that has ended is read empty here, and containerd goes on. And it hangs up on what
// we are still sending, so that how the command ended may be lost on the way: then the event of its end tells.
import { constants } from 'node:fs';
import { access, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { CriConnection } from './connection.ts';

const exits = 'topic=="/tasks/exit",namespace==k8s.io';
/** containerd ends its own part within this time, where all is well. */
const patienceMs = 50;
const pauseMs = 20;
/** After so many pauses it is given up. */
const mostPauses = 1500;
const mostBytes = 64 * 1024;

export interface ExecEnds {
  /** The exit code, when just one command has ended in this container meanwhile. */
  onlyCode(): Promise<number | undefined>;
  /** Call it when the command's own stream has told, or broke. */
  stop(): Promise<void>;
}

/** All commands with input in one container share one look at its events: each end is seen to once, however many run. */
interface Listening {
  readonly codes: number[];
  readonly stopping: AbortController;
  readonly done: Promise<void>;
  readonly emptying: Set<Promise<void>>;
  users: number;
}

const listenings = new WeakMap<CriConnection, Map<string, Listening>>();

/** Listens for the ends of commands in this container, and reads what they have left of their input. Never rejects. */
export function followExecEnds(cri: CriConnection, containerId: string, clock: Clock, log: Log): ExecEnds {
  const ofConnection = listenings.get(cri) ?? new Map<string, Listening>();
  listenings.set(cri, ofConnection);
  const listening = ofConnection.get(containerId) ?? listen(cri, containerId, clock, log);
  ofConnection.set(containerId, listening);
  listening.users++;
  const before = listening.codes.length;
  const codesSince = () => listening.codes.slice(before);
  return {
    async onlyCode() {
      if (codesSince().length === 0) await clock.sleep(patienceMs, listening.stopping.signal);
      const codes = codesSince();
      return codes.length === 1 ? codes[0] : undefined;
    },
    async stop() {
      if (--listening.users > 0) return;
      ofConnection.delete(containerId);
      listening.stopping.abort();
      await listening.done;
      await Promise.all(listening.emptying);
    },
  };
}

function listen(cri: CriConnection, containerId: string, clock: Clock, log: Log): Listening {
  const stopping = new AbortController();
  const codes: number[] = [];
  const emptying = new Set<Promise<void>>();
  const ignore = (error: unknown) => {
    // Not containerd, or it is gone: then the command's own stream tells all there is.
    if (!stopping.signal.aborted) log.debug('cannot follow the ends of commands', { containerId, error });
  };
  const run = async () => {
    for await (const { body } of cri.containerd.subscribe(exits, stopping.signal)) {
      if (body.container_id !== containerId || body.id === containerId) continue;
      codes.push(body.exit_status);
      const work = emptyInputOf(body.id, containerId, cri, clock, stopping.signal).catch(ignore).finally(() => emptying.delete(work));
      emptying.add(work);
    }
  };
  return { codes, stopping, done: run().catch(ignore), emptying, users: 0 };
}

async function emptyInputOf(execId: string, containerId: string, cri: CriConnection, clock: Clock, signal: AbortSignal): Promise<void> {
  await clock.sleep(patienceMs, signal);
  const fifo = await inputOf(execId, containerId, cri, signal);
  if (!fifo) return;
  await using file = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  for (let pauses = 0; pauses < mostPauses && (await exists(fifo)); pauses++) {
    await readAll(file);
    await clock.sleep(pauseMs, signal);
  }
}

/** `<state>/containers/<container>/io/<any>/<exec>-stdin`; containerd removes it when it has done with the command. */
async function inputOf(execId: string, containerId: string, cri: CriConnection, signal: AbortSignal): Promise<string | undefined> {
  const { info } = await cri.runtime<{ info: Record<string, string> }>('Status', { verbose: true }, signal);
  const { stateDir } = JSON.parse(info.config ?? '{}') as { stateDir?: string };
  if (!stateDir) return undefined;
  const directory = join(stateDir, 'containers', containerId, 'io');
  for (const name of await readdir(directory)) {
    const fifo = join(directory, name, `${execId}-stdin`);
    if (await exists(fifo)) return fifo;
  }
  return undefined;
}

async function readAll(file: FileHandle): Promise<void> {
  const buffer = Buffer.allocUnsafe(mostBytes);
  try {
    while ((await file.read(buffer)).bytesRead > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

const exists = (path: string) => access(path).then(() => true, () => false);
