// How one component of a test cluster reaches the API: past its gate, past the faults of the test, to the server that is
// there at the time.
import type { Duplex } from 'node:stream';
import { ApiError } from '../api/error.ts';
import type { UserInfo } from '../api/kind.ts';
import type { ApiRequest, Transport, WatchEvent } from '../api/request.ts';
import { Channel } from '../base/channel.ts';
import type { Clock } from '../base/clock.ts';
import type { Faults } from './faults.ts';
import type { Gate } from './gate.ts';
import type { RestGuard } from './rest-guard.ts';

/** An API server as long as it lives. */
export interface Served {
  transport(user: UserInfo): Transport;
  /** Calls back when it crashes, until disposed. */
  onCrash(listener: () => void): Disposable;
}

export interface Wire {
  /** Undefined: none runs. */
  readonly server: () => Served | undefined;
  readonly faults: Faults;
  readonly guard: RestGuard;
  readonly clock: Clock;
  /** Told of each request that reads, by the test alone. */
  readonly onRead?: (request: ApiRequest) => void;
}

/** A watcher's events that a fault delays, at most; when more wait, it is cut off. */
const delayedEvents = 10_000;

export class ComponentTransport implements Transport {
  readonly #who: string;
  readonly #user: UserInfo;
  readonly #gate: Gate;
  readonly #wire: Wire;
  #cut = false;
  #onCut = new Set<() => void>();
  #served: Served | undefined;
  #transport: Transport | undefined;

  constructor(who: string, user: UserInfo, gate: Gate, wire: Wire) {
    this.#who = who;
    this.#user = user;
    this.#gate = gate;
    this.#wire = wire;
  }

  /** Cuts it off from the API, or joins it again: calls fail, watches end. */
  set cutOff(cut: boolean) {
    this.#cut = cut;
    if (cut) for (const end of this.#onCut) end();
  }

  async call<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    const { faults, guard, clock, onRead } = this.#wire;
    const waiting = this.#gate.pass(signal);
    if (waiting) await waiting;
    if (!guard.call(this.#who, request.verb, request.resource.plural, request.name)) return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    onRead?.(request);
    const met = faults.any ? faults.meeting(this.#who, request) : undefined;
    const isLost = met?.fault.effect === 'lose-answer';
    if (met && !isLost) met.fault.onMet?.(request);
    if (met?.fault.effect === 'fail') throw met.error;
    if (met?.fault.effect === 'delay') await clock.sleep(met.fault.delayMs!, signal);
    const { transport, served } = this.#reach();
    const answer = await untilCrash(transport.call<T>(request, signal), served);
    if (isLost) met.fault.onMet?.(request);
    const back = this.#gate.pass(signal);
    if (back) await back;
    if (this.#cut || isLost) throw unreachable('the connection was lost');
    return answer;
  }

  async *watch<T>(request: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const { faults, guard, clock } = this.#wire;
    await this.#gate.pass(signal);
    if (!guard.call(this.#who, 'watch', request.resource.plural, undefined)) return;
    const met = faults.any ? faults.meeting(this.#who, request) : undefined;
    if (met) met.fault.onMet?.(request);
    if (met) this.#failWatch(met.fault.effect, met.error);
    const { transport, served } = this.#reach();
    using stack = new DisposableStack();
    const over = new AbortController();
    let why: Error | undefined;
    const end = (error: Error) => {
      why ??= error;
      over.abort();
    };
    const cut = () => end(unreachable('the connection was lost'));
    const leave = () => over.abort();
    if (signal.aborted) return;
    signal.addEventListener('abort', leave, { once: true });
    stack.defer(() => signal.removeEventListener('abort', leave));
    stack.use(served.onCrash(cut));
    this.#onCut.add(cut);
    stack.defer(() => void this.#onCut.delete(cut));
    stack.use(faults.onWatchCut(() => {
      const now = faults.meeting(this.#who, request, ['drop', 'expire']);
      if (now) end(now.fault.effect === 'expire' ? ApiError.expired('a fault of the test') : unreachable('a fault of the test'));
    }));
    const events = transport.watch<T>(request, over.signal);
    for await (const event of met?.fault.effect === 'delay' ? delayed(events, met.fault.delayMs!, clock, over.signal) : events) {
      await this.#gate.pass(signal);
      yield event;
    }
    if (why && !signal.aborted) throw why;
  }

  connect(request: ApiRequest, signal: AbortSignal): Promise<Duplex> {
    return this.#reach().transport.connect(request, signal);
  }

  #failWatch(effect: string, error: ApiError): void {
    if (effect === 'fail') throw error;
    if (effect === 'drop') throw unreachable('a fault of the test');
    if (effect === 'expire') throw ApiError.expired('a fault of the test');
  }

  #reach(): { transport: Transport; served: Served } {
    const served = this.#cut ? undefined : this.#wire.server();
    if (!served) throw unreachable('connect: connection refused');
    if (served !== this.#served) {
      this.#served = served;
      this.#transport = served.transport(this.#user);
    }
    return { transport: this.#transport!, served };
  }
}

function unreachable(why: string): ApiError {
  return new ApiError(503, 'ServiceUnavailable', `the server cannot be reached: ${why}`);
}

function untilCrash<T>(answer: Promise<T>, served: Served): Promise<T> {
  return new Promise((resolve, reject) => {
    const crash = served.onCrash(() => reject(unreachable('the connection was lost')));
    const done = () => crash[Symbol.dispose]();
    answer.then((value) => (done(), resolve(value)), (error: unknown) => (done(), reject(error)));
  });
}

async function* delayed<T>(events: AsyncIterable<WatchEvent<T>>, delayMs: number, clock: Clock, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  const channel = new Channel<WatchEvent<T>>(delayedEvents);
  const pump = async () => {
    try {
      for await (const event of events) clock.schedule(delayMs, () => channel.push(event));
      channel.close();
    } catch (error) {
      channel.close(error);
    }
  };
  void pump();
  yield* channel.read(signal);
}
