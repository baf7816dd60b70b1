// Ends HTTP/2 connections on which nothing is asked. Not by silence: a client that sends nothing but pings, or a head without an end, is
// not silent.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../base/clock.ts';

interface Session {
  open: number;
  idleSinceMs: number;
}

export class IdleSessions {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #sessions = new WeakMap<ServerHttp2Session, Session>();

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  begin(session: ServerHttp2Session): void {
    const state: Session = { open: 0, idleSinceMs: this.#clock.monotonicMs() };
    this.#sessions.set(session, state);
    let timer: Disposable;
    // Requests do not touch the timer: when it is due, it is looked whether there were any.
    const look = (afterMs: number) => {
      timer = this.#clock.schedule(afterMs, () => {
        const leftMs = state.open > 0 ? this.#idleMs : state.idleSinceMs + this.#idleMs - this.#clock.monotonicMs();
        if (leftMs > 0) return look(leftMs);
        // Tells the client first, but waits for no answer.
        session.close();
        timer = this.#clock.schedule(goodbyeMs, () => session.destroy());
      });
    };
    look(this.#idleMs);
    session.once('close', () => timer[Symbol.dispose]());
  }

  stream(stream: ServerHttp2Stream): void {
    const state = stream.session && this.#sessions.get(stream.session as ServerHttp2Session);
    if (!state) return;
    state.open++;
    stream.once('close', () => {
      if (--state.open === 0) state.idleSinceMs = this.#clock.monotonicMs();
    });
  }
}

const goodbyeMs = 1000;
