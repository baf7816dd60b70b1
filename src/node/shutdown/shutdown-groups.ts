// In which order, and with how much time, the Pods of a node end that is shut down. Pure.
import type { Pod } from '../../api/types.ts';

/** How long the node waits for its Pods, in whole seconds; 0: not at all. */
export interface ShutdownPeriods {
  /** In all. */
  readonly totalSeconds: number;
  /** The last part of it, which is for critical Pods alone. */
  readonly criticalSeconds: number;
  /** Instead of both (KEP-2712): a part for each range of priorities. */
  readonly byPriority?: readonly ShutdownRange[];
}

/** Pods from this priority on, up to the next range; the lowest range has those below it too. */
export interface ShutdownRange {
  readonly priority: number;
  readonly seconds: number;
}

export interface ShutdownGroup<T> {
  readonly seconds: number;
  readonly members: readonly T[];
}

/** From here on a Pod is critical: `system-cluster-critical` has this priority. */
export const criticalPriority = 2_000_000_000;

/** In the order in which they end. Empty: the node does not wait for its Pods. */
export function shutdownRanges({ totalSeconds, criticalSeconds, byPriority }: ShutdownPeriods): readonly ShutdownRange[] {
  const ranges = byPriority ?? [{ priority: 0, seconds: totalSeconds - criticalSeconds }, { priority: criticalPriority, seconds: criticalSeconds }];
  return ranges.some(({ seconds }) => seconds > 0) ? ranges.toSorted((a, b) => a.priority - b.priority) : [];
}

/** The least important first; groups without a Pod are left out, so nobody waits for them. */
export function shutdownGroups<T extends { readonly pod: Pod }>(members: readonly T[], ranges: readonly ShutdownRange[]): readonly ShutdownGroup<T>[] {
  const rangeOf = ({ pod }: T) => ranges.findLast(({ priority }) => priority <= (pod.spec.priority ?? 0)) ?? ranges[0];
  const groups = ranges.map((range) => ({ seconds: range.seconds, members: members.filter((one) => rangeOf(one) === range) }));
  return groups.filter((group) => group.members.length > 0);
}

/** The Pod's own grace, where its group has as much. */
export function shutdownGraceSeconds({ spec }: Pod, groupSeconds: number): number {
  return Math.min(spec.terminationGracePeriodSeconds ?? groupSeconds, groupSeconds);
}
