// Running commands in containers, and joining their main process.
import { Writable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { RuntimeError, type ExecOutput, type ExecStreams, type TerminalSize } from '../runtime.ts';
import { query, type DockerConnection } from './connection.ts';
import { joinStreams } from './streams.ts';

interface InspectedExec {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}

/** The engine writes it to the output when the command could not be run. */
const couldNotRun = /^(OCI runtime exec failed: [^]*?)\s*$/;
/** These exit codes come with it. */
const notRunCodes = [126, 127, 128];
/** A command that has not begun by then is taken for one that never will. */
const longestStartMs = 10_000;
const mostOutputBytes = 16 * 1024 * 1024;

export function createExecVerbs(docker: DockerConnection, clock: Clock) {
  const create = async (id: string, command: readonly string[], streams: Pick<ExecStreams, 'stdin' | 'stdout' | 'stderr' | 'tty'>, signal: AbortSignal): Promise<string> => {
    const { stdin, stdout, stderr, tty } = streams;
    const body = { AttachStdin: stdin !== undefined, AttachStdout: stdout !== undefined || (!stdin && !stderr), AttachStderr: stderr !== undefined && !tty, Tty: tty, Cmd: command };
    return (await docker.call<{ Id: string }>('POST', `/containers/${id}/exec`, body, signal)).Id;
  };
  const join = async (exec: string, streams: ExecStreams, signal: AbortSignal) => {
    const connection = await docker.hijack(`/exec/${exec}/start`, { Detach: false, Tty: streams.tty }, signal);
    await joinStreams(connection, streams, (size, over) => docker.call('POST', `/exec/${exec}/resize${sizeQuery(size)}`, undefined, over), signal);
  };
  /** Streams may end before the process does, and the engine hears of its end a moment later. */
  const exitCode = async (exec: string, signal: AbortSignal): Promise<number> => {
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 100)) {
      const { Running, ExitCode } = await docker.call<InspectedExec>('GET', `/exec/${exec}/json`, undefined, signal);
      if (!Running && ExitCode !== null) return ExitCode;
      await clock.sleep(pauseMs, signal);
    }
  };
  /** On a busy machine its time can be over before it has begun: then it is killed as soon as it has. */
  const kill = async (exec: string) => {
    const signal = new AbortController().signal;
    for (const untilMs = clock.monotonicMs() + longestStartMs; clock.monotonicMs() < untilMs; await clock.sleep(20, signal)) {
      const { Running, ExitCode, Pid } = await docker.call<InspectedExec>('GET', `/exec/${exec}/json`, undefined, signal);
      if (Running && Pid > 0) return void process.kill(Pid, 'SIGKILL');
      if (!Running && ExitCode !== null) return;
    }
  };

  return {
    async exec(id: string, command: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number> {
      const held = streams.stdout && new HeldComplaint(streams.stdout);
      const exec = await create(id, command, streams, signal);
      await join(exec, held ? { ...streams, stdout: held } : streams, signal);
      const code = await exitCode(exec, signal);
      const complaint = await held?.complaint(notRunCodes.includes(code));
      if (complaint !== undefined) throw new RuntimeError('failed', complaint);
      return code;
    },
    async execSync(id: string, command: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<ExecOutput> {
      const collected = new Collected();
      const streams: ExecStreams = { stdout: collected, stderr: collected, tty: false };
      const leaving = new AbortController();
      const exec = await create(id, command, streams, signal);
      const timeout = new RuntimeError('timeout', `command ${JSON.stringify(command)} timed out`);
      using _timer = clock.schedule(timeoutMs, () => void kill(exec).catch(() => {}).finally(() => leaving.abort(timeout)));
      const either = AbortSignal.any([signal, leaving.signal]);
      await join(exec, streams, either);
      const code = await exitCode(exec, either);
      const output = collected.text();
      const [, complaint] = (notRunCodes.includes(code) && couldNotRun.exec(output)) || [];
      if (complaint !== undefined) throw new RuntimeError('failed', complaint);
      return { exitCode: code, output };
    },
    async attach(id: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
      const wanted = { stream: true, stdin: streams.stdin !== undefined, stdout: true, stderr: !streams.tty };
      const connection = await docker.hijack(`/containers/${id}/attach${query(wanted)}`, {}, signal);
      await joinStreams(connection, streams, (size, over) => docker.call('POST', `/containers/${id}/resize${sizeQuery(size)}`, undefined, over), signal);
    },
  };
}

function sizeQuery({ width, height }: TerminalSize): string {
  return query({ h: height, w: width });
}

class Collected extends Writable {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    if (this.#bytes < mostOutputBytes) this.#parts.push(part);
    this.#bytes += part.length;
    done();
  }

  text(): string {
    return Buffer.concat(this.#parts).toString();
  }
}

/** Passes output on, but keeps back a beginning that may be the engine's complaint until the exit code tells whether it is. */
class HeldComplaint extends Writable {
  readonly #into: Writable;
  #held: Buffer | undefined;
  #begun = false;

  constructor(into: Writable) {
    super({ highWaterMark: 0 });
    this.#into = into;
  }

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    if (!this.#begun && part.toString('latin1').startsWith('OCI runtime exec failed: ')) this.#held = part;
    const isHeld = this.#held === part;
    const before = this.#held && !isHeld ? [this.#held, part] : [part];
    if (!isHeld) this.#held = undefined;
    this.#begun = true;
    if (isHeld || this.#into.destroyed || this.#into.writableEnded) return done();
    if (this.#into.write(Buffer.concat(before))) return done();
    const goOn = () => {
      this.#into.off('drain', goOn).off('close', goOn);
      done();
    };
    this.#into.on('drain', goOn).on('close', goOn);
  }

  /** After the end: what the engine complained of; what was held and is none is passed on. */
  async complaint(isOne: boolean): Promise<string | undefined> {
    const held = this.#held;
    if (held === undefined) return undefined;
    if (isOne) return couldNotRun.exec(held.toString())?.[1];
    if (!this.#into.destroyed) this.#into.write(held);
    return undefined;
  }
}
