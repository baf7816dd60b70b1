// The parts of a cluster that run: started in order, stopped in the reverse, one after the other.
import type { Log } from '../base/log.ts';
import type { Runnable } from '../base/runnable.ts';

export class Crew {
  readonly #working: { name: string; end: () => Promise<void> }[] = [];
  readonly #running = new Set<string>();
  readonly #log: Log;
  #fail!: (error: Error) => void;
  /** Resolves with the first error of a part that ended without having been told to; such a cluster is to be stopped. */
  readonly failed: Promise<Error> = new Promise((resolve) => (this.#fail = resolve));

  constructor(log: Log) {
    this.#log = log;
  }

  run(part: Runnable): void {
    const life = new AbortController();
    this.#running.add(part.name);
    const done = part.run(life.signal).finally(() => this.#running.delete(part.name)).then(
      () => life.signal.aborted || this.#fail(new Error(`${part.name} ended by itself`)),
      (error: unknown) => life.signal.aborted || this.#fail(new Error(`${part.name} failed`, { cause: error })),
    );
    this.atEnd(part.name, async () => {
      life.abort(new Error(`${part.name} is being stopped`));
      await done;
    });
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** `end` is called when everything that started later has ended. */
  atEnd(name: string, end: () => Promise<void>): void {
    this.#working.push({ name, end });
  }

  /** Ends all; an error of one does not keep the others from ending. Idempotent. */
  async stop(): Promise<void> {
    for (let part = this.#working.pop(); part; part = this.#working.pop()) {
      try {
        await part.end();
      } catch (error) {
        this.#log.error('did not stop cleanly', { part: part.name, error });
      }
    }
  }
}
