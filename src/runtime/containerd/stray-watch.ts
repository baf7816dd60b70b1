// Looks for what calls that were cut off have left, after whatever cuts calls off: a start of ours or of containerd, and a call of
// ours that got no answer. More than once, for a call that was cut off may go on making things: containerd gives itself a
// minute to clean up after one, and programs that it has started outlive it.
//
//   resting ──begin()──▶ looking ⇄ waiting ──the last look──▶ resting
//                 (again: from the first look on)
//
// A look compares what it sees with what the one before it saw.
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import { connectCri, type CriConnection } from '../cri/connection.ts';
import type { CallsUnderWay } from '../cri/calls.ts';
import type { CniPlaces } from './leave-networks.ts';
import type { Places } from './places.ts';
import { removeStrays } from './remove-strays.ts';
import { sightsOf, type Sights } from './sights.ts';
import { isNothing, straysOf } from './strays.ts';

export interface StrayWatchOptions {
  readonly places: Places;
  readonly cni: CniPlaces;
  readonly ipamDir: string | undefined;
  readonly calls: CallsUnderWay;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a look sees is stray at the next one at the earliest: others too may call this containerd (crictl), and we know nothing of their calls. */
const looksAfterMs = [0, 1_000, 3_000, 8_000, 20_000, 70_000, 72_000];
/** By then what an earlier process of ours had asked for is done, or is being cleaned up. */
const settledMs = 3_000;

export class StrayWatch {
  readonly #options: StrayWatchOptions;
  #ending = new AbortController();
  #working: Promise<void> = Promise.resolve();
  /** A container was found that its sandbox' shim still believes to have: such a shim does not end with its sandbox. */
  #shimsMayStay = false;

  constructor(options: StrayWatchOptions) {
    this.#options = options;
    options.calls.listen({ cutOff: () => this.begin(), sandboxRemoved: () => this.#shimsMayStay && this.begin() });
  }

  /** What is there, to be had while no containerd runs. */
  sights(): Sights {
    return sightsOf(this.#options.places, this.#options.ipamDir);
  }

  /** containerd answers. */
  begin(): void {
    this.#ending.abort();
    const ending = (this.#ending = new AbortController());
    this.#working = Promise.all([this.#working, this.#looks(ending.signal)]).then(() => {});
  }

  /** Resolves when nothing more is done. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#working;
  }

  /** Takes away what is stray of what was there `before`, when no call of ours can have been making it. Never throws: the next look finds it again. */
  async clear(before: Sights, cri: CriConnection, settled: boolean, signal: AbortSignal): Promise<void> {
    const { places, cni, clock, log } = this.#options;
    try {
      const now = this.sights();
      const [containers, taskIds] = await Promise.all([cri.containerd.containers(signal), cri.containerd.taskIds(signal)]);
      const strays = straysOf(before, now, { containers, taskIds }, settled);
      if (isNothing(strays)) return;
      await removeStrays(strays, places, cni, clock);
      this.#shimsMayStay ||= strays.tasks.some((id) => containers.some((container) => container.id === id));
      log.info('removed what calls that were cut off had left', Object.fromEntries(Object.entries(strays).map(([what, found]: [string, readonly string[]]) => [what, found.length])));
    } catch (error) {
      if (!signal.aborted) log.warn('cannot look for what calls that were cut off have left', { error: describe(error) });
    }
  }

  async #looks(signal: AbortSignal): Promise<void> {
    const { places, calls, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    let before: Sights | undefined;
    for (const afterMs of looksAfterMs) {
      await clock.sleep(beganMs + afterMs - clock.monotonicMs(), signal).catch(() => {});
      if (signal.aborted) return;
      const earlier = before;
      before = this.sights();
      await calls.ended();
      if (signal.aborted) return;
      if (!earlier) continue;
      const cri = connectCri(places.socket, clock);
      try {
        await this.clear(earlier, cri, afterMs >= settledMs, signal);
      } finally {
        cri.close();
      }
    }
  }
}
