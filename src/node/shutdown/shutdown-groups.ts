// In which order, and with how much time, the Pods of a node end that is shut down. Pure.
import type { Pod } from '../../api/types.ts';

/** How long the node waits for its Pods, in whole seconds; 0: not at all. */
export interface ShutdownPeriods {
  /** In all. */
  readonly totalSeconds: number;
  /** The last part of it, which is for critical Pods alone. */
  readonly criticalSeconds: number;
}

export interface ShutdownGroup<T> {
  readonly seconds: number;
  readonly members: readonly T[];
}

/** From here on a Pod is critical: `system-cluster-critical` has this priority. */
export const criticalPriority = 2_000_000_000;

/** Ordinary Pods first, critical ones last; groups without a Pod are left out, so nobody waits for them. */
export function shutdownGroups<T extends { readonly pod: Pod }>(members: readonly T[], { totalSeconds, criticalSeconds }: ShutdownPeriods): readonly ShutdownGroup<T>[] {
  const isCritical = ({ pod }: T) => (pod.spec.priority ?? 0) >= criticalPriority;
  const groups = [
    { seconds: totalSeconds - criticalSeconds, members: members.filter((one) => !isCritical(one)) },
    { seconds: criticalSeconds, members: members.filter(isCritical) },
  ];
  return groups.filter((group) => group.members.length > 0);
}

/** The Pod's own grace, where its group has as much. */
export function shutdownGraceSeconds({ spec }: Pod, groupSeconds: number): number {
  return Math.min(spec.terminationGracePeriodSeconds ?? groupSeconds, groupSeconds);
}
