// Ends the Pods of a node that is shut down (KEP-2000, KEP-2712): from now on the node is not ready and takes no Pods; ordinary Pods
// end first, critical ones last, or range by range of their priorities, each group within its time.
//
//   up ──shutDown──▶ down: for good; only another agent begins anew
import { isPodFinished } from '../../api/meta.ts';
import type { Refusal } from '../admission.ts';
import type { NodeWorld } from '../node-settings.ts';
import { goDuration } from '../images/go-duration.ts';
import type { PodWorker } from '../worker/pod-worker.ts';
import { shutdownGraceSeconds, shutdownGroups, shutdownRanges, type ShutdownPeriods, type ShutdownRange } from './shutdown-groups.ts';

const failure = { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' };
const refused: Refusal = { reason: 'NodeShutdown', message: 'Pod was rejected: Pod was rejected as the node is shutting down.' };
/** When the last group's time is over: so much longer to tell the API of it. */
const lastWordsMs = 2_000;

export class NodeShutdown {
  readonly #ranges: readonly ShutdownRange[];
  #isDown = false;
  #onChange = () => {};

  /** Undefined, or no time: the node is not one that ends its Pods, and `shutDown` does nothing. */
  constructor(periods: ShutdownPeriods | undefined) {
    this.#ranges = periods ? shutdownRanges(periods) : [];
  }

  /** Why the node is not ready; undefined: not for this. */
  get notReady(): string | undefined {
    return this.#isDown ? 'node is shutting down' : undefined;
  }

  get refusal(): Refusal | undefined {
    return this.#isDown ? refused : undefined;
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Resolves once the Pods have ended, or their time is over. Only the first call does anything. */
  async shutDown(world: Pick<NodeWorld, 'clock' | 'log' | 'events' | 'name'>, workers: () => Iterable<PodWorker>, signal: AbortSignal): Promise<void> {
    if (this.#ranges.length === 0 || this.#isDown) return;
    const { clock, log, events, name } = world;
    this.#isDown = true;
    this.#onChange();
    events.event({ apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } }, 'Normal', 'NodeShutdown', 'Shutdown manager detected shutdown event');
    const beganMs = clock.monotonicMs();
    const active = [...workers()].filter(({ pod, phase }) => !isPodFinished(pod) && phase !== 'terminated');
    log.info('the node shuts down', { pods: active.length, seconds: this.#ranges.reduce((sum, { seconds }) => sum + seconds, 0) });
    let left: Promise<unknown> = Promise.resolve();
    const over = new AbortController();
    const inTime = AbortSignal.any([signal, over.signal]);
    const atMost = (ms: number) => clock.sleep(ms, inTime).catch(() => {});
    for (const { seconds, members } of shutdownGroups(active, this.#ranges)) {
      for (const worker of members) worker.fail(failure, shutdownGraceSeconds(worker.pod, seconds));
      const ended = Promise.all(members.map((worker) => worker.ended));
      left = Promise.all([left, ended]);
      await Promise.race([ended, atMost(seconds * 1000)]);
    }
    await Promise.race([left, atMost(lastWordsMs)]);
    over.abort();
    log.info('the node has shut down', { took: goDuration(clock.monotonicMs() - beganMs) });
  }
}
