// Starts that failed: what their containers wait with, and when they may be tried again.
import { backoffMs, type BackoffLimits } from '../../base/backoff.ts';
import { ImageError } from '../images/ensure-image.ts';
import { ConfigError } from '../spec/config-error.ts';
import { StartError } from '../carry-out/start-container.ts';
import { longestBackOffMs, shortestBackOffMs } from '../plan/memory.ts';
import type { WaitingReason } from '../status/container-status.ts';

interface Failure {
  readonly failures: number;
  readonly atMs: number;
  readonly error: unknown;
}

const imageRetry: BackoffLimits = { initialMs: shortestBackOffMs, longestMs: longestBackOffMs };
const startRetry: BackoffLimits = { initialMs: 1000, longestMs: longestBackOffMs };
/** For so long a failed pull is shown as such, then as a back-off. */
export const pullShownMs = 1000;

export class Failures {
  readonly #byName = new Map<string, Failure>();
  /** When each may be tried again, in wall ms. */
  readonly retryAtMs = new Map<string, number>();

  /** Records one more failure of `name`; gives the wait. `retryMs` overrules the usual one. */
  add(name: string, error: unknown, nowMs: number, retryMs?: number): number {
    const failures = (this.#byName.get(name)?.failures ?? 0) + 1;
    const waitMs = retryMs ?? backoffMs(failures, error instanceof ImageError ? imageRetry : startRetry);
    this.#byName.set(name, { failures, atMs: nowMs, error });
    this.retryAtMs.set(name, nowMs + waitMs);
    return waitMs;
  }

  succeeded(name: string): void {
    this.#byName.delete(name);
    this.retryAtMs.delete(name);
  }

  /** Something they waited for has changed, or the runtime is back: no more waiting. Back-off of image pulls stays. */
  retryNow(): void {
    // That an image could not be looked at is the runtime's failure, not the image's.
    const isImages = (error: unknown) => error instanceof ImageError && error.reason !== 'ImageInspectError';
    for (const [name, { error }] of this.#byName) if (!isImages(error)) this.retryAtMs.delete(name);
  }

  /** What each failed container waits with. */
  waiting(nowMs: number): Map<string, WaitingReason> {
    const reasons = new Map<string, WaitingReason>();
    for (const [name, failure] of this.#byName) {
      const reason = reasonOf(failure, nowMs);
      if (reason) reasons.set(name, reason);
    }
    return reasons;
  }
}

/** The kubelet's words for the event that goes with the failure; undefined: it has been told already. */
export function failureMessage(error: unknown): string | undefined {
  if (error instanceof ImageError) return `Error: ${error.reason}`;
  if (error instanceof ConfigError || error instanceof StartError) return `Error: ${error.message}`;
  return undefined;
}

function reasonOf({ error, atMs }: Failure, nowMs: number): WaitingReason | undefined {
  if (error instanceof ImageError) {
    if (!error.isPullFailure || nowMs - atMs < pullShownMs) return { reason: error.reason, message: error.message };
    return { reason: 'ImagePullBackOff', message: `Back-off pulling image ${JSON.stringify(error.image)}: ${error.reason}: ${error.message}` };
  }
  if (error instanceof ConfigError) return { reason: 'CreateContainerConfigError', message: error.message };
  if (error instanceof StartError) return { reason: error.reason, message: error.message };
  return undefined;
}
