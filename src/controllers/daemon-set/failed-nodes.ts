// Pods that fail on a node again and again are replaced more and more slowly: at once, then after 1 s, 2 s, 4 s … 15 minutes.
import { backoffMs } from '../../base/backoff.ts';
import type { DaemonPlan } from './plan.ts';

type Failed = DaemonPlan['failed'][number];

interface Node {
  failures: number;
  /** Before this no failed Pod is replaced. */
  notBeforeMs: number;
}

const limits = { initialMs: 1_000, longestMs: 900_000 };

/** One entry for each node on which Pods of one version of one DaemonSet failed. */
export class FailedNodes {
  readonly #nodes = new Map<string, Node>();

  /** Says which are to wait, and for how long the first of them; the others are taken as replaced. */
  admit(failed: readonly Failed[], nowMs: number): { readonly waiting: ReadonlySet<Failed['pod']>; readonly afterMs: number | undefined } {
    const waiting = new Set<Failed['pod']>();
    let soonestMs = Infinity;
    for (const { pod, node } of failed) {
      const entry = this.#nodes.get(node) ?? { failures: 0, notBeforeMs: nowMs };
      if (nowMs < entry.notBeforeMs) {
        waiting.add(pod);
        soonestMs = Math.min(soonestMs, entry.notBeforeMs - nowMs);
        continue;
      }
      const isLongAgo = nowMs - entry.notBeforeMs > limits.longestMs;
      const failures = isLongAgo ? 1 : entry.failures + 1;
      this.#nodes.set(node, { failures, notBeforeMs: nowMs + backoffMs(failures, limits) });
    }
    return { waiting, afterMs: soonestMs === Infinity ? undefined : soonestMs };
  }
}
