// Containers with a stop signal of their own, where the runtime takes no notice of it: containerd learnt of CRI's
// stop_signal late, and before that knows only the image's. There we send the signal through containerd's own service
// of tasks, and CRI is asked only to end what is left when the grace is over.
import { constants } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import type { CriConnection } from './connection.ts';
import { runtimeError } from './errors.ts';
import type { Memory } from './memory.ts';
import { GrpcError } from './wire/grpc.ts';

export class OwnStopSignals {
  /** Ids that have had their signal: a second stop only shortens. */
  readonly #signalled = new Set<string>();
  readonly #cri: CriConnection;
  readonly #memory: Memory;
  readonly #clock: Clock;

  constructor(cri: CriConnection, memory: Memory, clock: Clock) {
    this.#cri = cri;
    this.#memory = memory;
    this.#clock = clock;
  }

  /** The signal that is ours to send to this container; undefined: the runtime sends the right one. */
  of(id: string): number | undefined {
    const name = this.#memory.ownSignals.get(id);
    return name === undefined ? undefined : signalNumber(name);
  }

  /** Resolves when the process has ended or the grace is over, whichever is first. */
  async send(id: string, number: number, graceMs: number, signal: AbortSignal): Promise<void> {
    const { containerd } = this.#cri;
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      const ended = containerd.ended(id, either);
      if (!this.#signalled.has(id)) {
        this.#signalled.add(id);
        await containerd.kill(id, number, either);
      }
      await Promise.race([ended, this.#clock.sleep(graceMs, either)]);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // Who waited for the grace has gone: it is not over yet.
      if (error instanceof GrpcError && error.status === 'Unavailable') throw runtimeError('Kill', error);
      // It has ended: the stop that follows finds out.
    } finally {
      this.#signalled.delete(id);
      done.abort();
    }
  }
}

const firstRealTime = 34;
const lastRealTime = 64;

/** As the API writes them: SIGTERM, SIGRTMIN, SIGRTMINPLUS3, SIGRTMAXMINUS2. Undefined: there is none of that name. */
export function signalNumber(name: string): number | undefined {
  const realTime = /^SIGRT(MIN|MAX)(?:(?:PLUS|MINUS)(\d+))?$/.exec(name);
  if (realTime) return realTime[1] === 'MIN' ? firstRealTime + Number(realTime[2] ?? 0) : lastRealTime - Number(realTime[2] ?? 0);
  return constants.signals[name as NodeJS.Signals];
}
