// Brings a Pod's status into the API: one write at a time, the newest wins, unchanged ones are dropped, and what does
// not matter to anyone waits a moment for what may follow.
import { ApiError, isReason } from '../../api/error.ts';
import { pods } from '../../api/kinds/pod.ts';
import { isPodReady, sameJson } from '../../api/meta.ts';
import type { Pod, PodStatus } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { keyOf, type Client } from '../../client/client.ts';

/** Until then a status that only tells of beginnings waits for readiness. */
const patienceMs = 250;

export type DeriveStatus = (newest: Pod) => PodStatus;

export class StatusWriter {
  #newest: Pod;
  #derive: DeriveStatus | undefined;
  #writing: Promise<void> | undefined;
  #timer: Disposable | undefined;
  #failures = 0;
  #gone = false;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #signal: AbortSignal;

  /** `signal` ends all writing; it is the worker's own life. */
  constructor(pod: Pod, deps: { client: Client; clock: Clock; log: Log }, signal: AbortSignal) {
    this.#newest = pod;
    this.#client = deps.client;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#signal = signal;
  }

  /** The newest object known, be it from the watch or from our own last write. */
  get newest(): Pod {
    return this.#newest;
  }

  observed(pod: Pod): void {
    if (revisionOf(pod) >= revisionOf(this.#newest)) this.#newest = pod;
  }

  put(derive: DeriveStatus): void {
    this.#derive = derive;
    if (this.#writing || this.#failures > 0) return;
    const next = derive(this.#newest);
    if (sameJson(next, this.#newest.status)) return;
    if (isUrgent(this.#newest.status, next)) this.#start();
    else this.#timer ??= this.#clock.schedule(patienceMs, () => this.#start());
  }

  /** Resolves once the last status put is in the API, or the Pod is gone from it. */
  async flush(): Promise<void> {
    this.#start();
    while (this.#writing && !this.#signal.aborted) await this.#writing;
  }

  #start(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    // So that `#writing` is set before it is cleared.
    await Promise.resolve();
    while (this.#derive && !this.#gone && !this.#signal.aborted) {
      const status = this.#derive(this.#newest);
      if (sameJson(status, this.#newest.status)) break;
      try {
        this.observed(await this.#client.updateStatus(pods, { ...this.#newest, status }, this.#signal));
        this.#failures = 0;
      } catch (error) {
        if (!this.#signal.aborted) await this.#recover(error);
      }
    }
    this.#writing = undefined;
  }

  async #recover(error: unknown): Promise<void> {
    if (isReason(error, 'NotFound')) {
      this.#gone = true;
      return;
    }
    if (isReason(error, 'Conflict')) {
      try {
        const pod = await this.#client.get(pods, keyOf(this.#newest), this.#signal);
        if (pod.metadata.uid !== this.#newest.metadata.uid) this.#gone = true;
        else this.#newest = pod;
        return;
      } catch (again) {
        if (isReason(again, 'NotFound')) {
          this.#gone = true;
          return;
        }
      }
    }
    this.#failures++;
    this.#log.warn('cannot write the status', { pod: keyOf(this.#newest).name, error: ApiError.of(error) });
    await this.#clock.sleep(backoffMs(this.#failures, { initialMs: 200, longestMs: 10_000 }), this.#signal).catch(() => {});
  }
}

/** Readiness, phases, ends and restarts are told at once; that something is being made can wait. */
function isUrgent(before: PodStatus, after: PodStatus): boolean {
  if ((before.phase ?? 'Pending') !== after.phase) return true;
  if (isPodReady({ status: before } as Pod) !== isPodReady({ status: after } as Pod)) return true;
  const names = (status: PodStatus) => [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  const old = new Map(names(before).map((one) => [one.name, one]));
  return names(after).some((one) => {
    const was = old.get(one.name);
    if (one.restartCount !== (was?.restartCount ?? 0) || one.ready !== (was?.ready ?? false)) return true;
    const reason = one.state?.waiting?.reason;
    return Boolean(one.state?.terminated) !== Boolean(was?.state?.terminated) || (reason !== undefined && reason !== was?.state?.waiting?.reason && reason !== 'ContainerCreating' && reason !== 'PodInitializing');
  });
}

function revisionOf(pod: Pod): number {
  return Number(pod.metadata.resourceVersion) || 0;
}
